"""Rows come from packed files and from queries on other databases; what would fill memory or disk is refused."""

import bz2
import gzip
import os
import sqlite3
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text

from handbill.contacts.rows import csv_file
from handbill.contacts.rows.files import open_source, opened_source
from handbill.contacts.rows.query import Query
from handbill.errors import ImportRefused
from handbill.store.tables import contact
from tests.contacts.conftest import Shop

CSV = b"id,town\n1,Ely\n2,Rye\n"


def read(origin: Path | Query, work_dir: Path) -> dict[str, list[Any]]:
    with opened_source(origin, work_dir) as source:
        found: dict[str, list[Any]] = {name: [] for name in source.columns}
        for batch in source.batches(source.columns, lambda *_: None):
            for name, column in batch.columns.items():
                found[name] += column
        return found


def refusal(origin: Path | Query, work_dir: Path) -> str:
    with pytest.raises(ImportRefused) as caught:
        read(origin, work_dir)
    assert list(work_dir.iterdir()) == []
    return str(caught.value).replace(f"{work_dir.parent}/", "")


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_packed_file_is_read_like_what_is_in_it(tmp_path: Path, work_dir: Path, ending: str) -> None:
    path = tmp_path / f"file.csv.{ending}"
    packed = gzip.compress(CSV) if ending == "gz" else pa.Codec("zstd").compress(CSV, asbytes=True)
    path.write_bytes(packed)
    assert read(path, work_dir) == {"id": ["1", "2"], "town": ["Ely", "Rye"]}
    assert list(work_dir.iterdir()) == []


def test_a_mistake_in_a_packed_file_is_said_under_its_own_name(tmp_path: Path, work_dir: Path) -> None:
    path = tmp_path / "file.csv.gz"
    path.write_bytes(gzip.compress(b"a,a\n"))
    assert refusal(path, work_dir) == (
        'file.csv.gz:1: column 2 has the name "a", as column 1 has. Give every column a name of its own.'
    )


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_in_little_memory(tmp_path: Path, work_dir: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"id\n")
        for _ in range(128):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    message = refusal(path, work_dir)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message == (
        "bomb.csv.gz: the file unpacks to more than 200 times its size. Unpack it, and look at what is in it."
    )
    assert peak < 20_000_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("file.csv.gz", gzip.compress(CSV)[:-9],
         ("file.csv.gz: the file cannot be unpacked: "
          "Compressed file ended before the end-of-stream marker was reached. Pack it again.")),
        ("file.csv.gz", CSV, "file.csv.gz: the file cannot be unpacked: Not a gzipped file (b'id'). Pack it again."),
        ("file.csv.gz", gzip.compress(b""), "file.csv.gz: the file is empty. Export it again."),
        ("file.csv.gz", gzip.compress(gzip.compress(CSV)),
         "file.csv.gz: this is packed with gzip, and no text. End its name in .gz."),
        ("file.csv", gzip.compress(CSV), "file.csv: this is packed with gzip, and no text. End its name in .gz."),
        ("file.csv", b"PK\x03\x04rest", ("file.csv: this is a ZIP archive or an Excel file, and no text. "
         "Import the table in it, saved as CSV.")),
        ("42.zip", b"PK\x03\x04rest", "42.zip: files with .zip are not known. Use .csv, .tsv, .jsonl or .parquet."),
        ("file.csv.bz2", bz2.compress(CSV),
         "file.csv.bz2: files with .bz2 are not known. Use .csv, .tsv, .jsonl or .parquet."),
        ("file.csv", b"PAR1rest", "file.csv: this is a Parquet file, and no text. End its name in .parquet."),
        ("file.csv", bytes(5000), "file.csv: this is no text. Save the table as CSV."),
        ("file.csv", bytes(range(256)) * 20, "file.csv: this is no text. Save the table as CSV."),
        ("file.jsonl", bytes(range(256)) * 20, "file.jsonl: this is no text. Save the table as CSV."),
        ("file.csv", b"id," + b",".join(b"c%d" % number for number in range(99_999)) + b"\n",
         "file.csv:1: the header has 100,000 columns. At most 500 can be read."),
        ("file.csv", b"id,note\n1," + b"x" * 10_000_000 + b"\n",
         ("file.csv:2: a value is longer than 131,072 characters, or a line than 1,000,000. "
         "Close its quotation mark, or shorten it.")),
        ("file.csv", b'id,note\n1,"' + b"x\n" * 5_000_000 + b'"\n',
         ("file.csv:2: a value is longer than 131,072 characters, or a line than 1,000,000. "
         "Close its quotation mark, or shorten it.")),
        ("file.jsonl", b'{"id": "' + b"x" * 10_000_000 + b'"}',
         "file.jsonl:1: the line is longer than 1,000,000 bytes. Write one object a line."),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 15 else "",  # packed bytes hold the time
)  # fmt: skip
def test_what_is_no_table_is_refused(tmp_path: Path, work_dir: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path, work_dir) == message


def test_a_zero_byte_rejects_its_row_only(shop_on_paper: Shop) -> None:
    rows = "".join(f"{number},Town\n" for number in range(2, 60))
    result = shop_on_paper.load("contacts", f"id,city\n1,E\0ly\n{rows}")
    assert result.loaded == 58
    assert shop_on_paper.rejects(result) == ["2,rejected,city,E\0ly,the text has a control character in it. Remove it."]


def test_a_second_header_and_rows_that_do_not_fit_are_rejected_and_kept_as_they_are(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load("contacts", "id,city\n1,Ely\nid,city\n2\n3,Rye,x\n4,Ely\n")
    assert (result.loaded, result.rejected) == (2, 3)
    assert shop_on_paper.rejects(result) == [
        "3,rejected,,,the row is the header once more. Leave it out.",
        '4,rejected,,,"the row has 1 value, the header has 2. Quote values with commas."',
        '5,rejected,,,"the row has 3 values, the header has 2. Quote values with commas."',
    ]
    assert result.rejected_rows
    assert result.rejected_rows.read_text("utf-8-sig").splitlines() == ["id,city", "id,city", "2", "3,Rye,x"]


def test_a_comma_parts_numbers_where_semicolons_part_values(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load("contacts", "id;score;rate\n1;12,5;1,5\n2;1.234,50;2\n3;7;0,25\n4;1,2,3;1\n")
    assert result.new_fields == {"rate": "number"}
    found = {row.external_id: row.attributes for row in shop_on_paper.rows(contact)}
    assert found == {
        "1": {"score": 12.5, "rate": 1.5}, "2": {"score": 1234.5, "rate": 2.0}, "3": {"score": 7.0, "rate": 0.25},
    }  # fmt: skip
    assert shop_on_paper.rejects(result) == ['5,rejected,score,"1,2,3","""1,2,3"" is not a number. Write it like 4.5."']


@pytest.fixture
def other(database_url: str) -> str:
    """Another system's database, with three customers."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customer (id integer, name text, points numeric(9, 2))"))
        connection.execute(text("INSERT INTO customer VALUES (1, 'Ann: 10%', 4), (2, NULL, NULL), (3, ' ', 2.5)"))
    engine.dispose()
    return database_url


def test_a_query_is_read_like_a_file(other: str, work_dir: Path) -> None:
    query = Query(other, "SELECT id, name, 'a:b%c' AS said FROM customer ORDER BY id")
    assert read(query, work_dir) == {"id": [1, 2, 3], "name": ["Ann: 10%", None, None], "said": ["a:b%c"] * 3}
    assert list(work_dir.iterdir()) == []


def test_a_query_loads_contacts_by_a_reference_to_the_environment(
    other: str, shop_on_paper: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DB", other)
    query = Query("${SHOP_DB}", "SELECT id, points AS score, CASE id WHEN 2 THEN 'x' END AS email FROM customer")
    result = shop_on_paper.load_file("contacts", query)
    assert (result.rows, result.loaded, result.rejected) == (3, 2, 1)
    assert result.rejected_rows
    assert result.rejected_rows.read_text("utf-8-sig").splitlines() == ["id,score,email", "2,,x"]
    assert {row.external_id: row.attributes for row in shop_on_paper.rows(contact)} == {
        "1": {"score": 4.0}, "3": {"score": 2.5},
    }  # fmt: skip


def test_a_query_cannot_write(other: str, work_dir: Path) -> None:
    assert refusal(Query(other, "DELETE FROM customer"), work_dir) == (
        "--query: this reads nothing. Begin it with SELECT."
    )
    hidden = "WITH gone AS (DELETE FROM customer RETURNING id) SELECT id FROM gone"
    if other.startswith("sqlite"):
        hidden = "WITH x AS (SELECT 9 AS id) INSERT INTO customer (id) SELECT id FROM x"
    assert refusal(Query(other, hidden), work_dir)
    assert read(Query(other, "SELECT count(*) AS n FROM customer"), work_dir) == {"n": [3]}


@pytest.mark.parametrize(
    ("url", "sql", "message"),
    [
        ("${NO_SUCH}", "SELECT 1", "--from: NO_SUCH is not set in the environment. Set it: export NO_SUCH=…"),
        ("nonsense", "SELECT 1",
         ("--from: the database URL cannot be read. "
         "Write it like postgresql://user@host/name, or ${NAME} for a variable that holds it.")),
        ("sqlite:///no/such.db", "SELECT 1", '--from: there is no database "no/such.db". Check its path.'),
        ("oracle+nothing://x:secret@host/db", "SELECT 1",
         "--from: no driver for oracle+nothing is installed. Install one beside Handbill."),
        ("sqlite:///{db}", "SELECT nope FROM t",
         "--from: sqlite:///{db} did not answer the query: no such column: nope."),
        ("sqlite:///{db}", "SELECT 1 AS a, 2 AS a",
         '--query: two columns have the name "a". Give each a name of its own with AS.'),
        ("sqlite:///{db}", "SELECT " + ", ".join(f"{number} AS c{number}" for number in range(501)),
         "--query: the query has 501 columns. At most 500 can be read."),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_asked_is_refused(
    tmp_path: Path, work_dir: Path, url: str, sql: str, message: str
) -> None:
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("CREATE TABLE t (id)")
    connection.close()
    url = url.replace("{db}", str(tmp_path / "t.db"))
    assert refusal(Query(url, sql), work_dir) == message.replace("{db}", "t.db")


def test_a_password_is_never_shown(work_dir: Path) -> None:
    query = Query("postgresql://shop:s3cret@127.0.0.1:1/shop", "SELECT 1")
    message = refusal(query, work_dir)
    assert message.startswith("--from: postgresql+psycopg://shop:***@127.0.0.1:1/shop did not answer the query: ")
    assert "s3cret" not in message + repr(query)


def test_a_packed_file_keeps_to_its_owner(tmp_path: Path, work_dir: Path) -> None:
    path = tmp_path / "file.csv.gz"
    path.write_bytes(gzip.compress(CSV))
    with opened_source(path, work_dir):
        (inside,) = work_dir.iterdir()
        assert os.stat(inside).st_mode & 0o077 == 0


def test_a_file_inside_a_known_packing_is_opened_by_its_own_ending(tmp_path: Path) -> None:
    path = tmp_path / "none.csv.gz"
    with pytest.raises(ImportRefused, match=r"none\.csv\.gz: there is no such file\. Check its name\."):
        open_source(path)


def test_an_import_that_is_stopped_loads_nothing_and_can_be_repeated(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BATCH_ROWS", 2)

    def stop(rows: int, _share: float) -> None:
        if rows > 4:
            raise KeyboardInterrupt

    content = "id,score\n" + "".join(f"{number},x\n{number},1\n" for number in range(9))
    with pytest.raises(KeyboardInterrupt):
        shop.load("contacts", content, progress=stop)
    assert shop.rows(contact) == []
    assert list((shop.settings.work_dir / "rejects").iterdir()) == []

    assert shop.load("contacts", content).loaded == 9
