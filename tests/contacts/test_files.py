"""Files are read whatever their delimiter and letters are; what cannot be read is refused with its place."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.contacts.rows import csv_file
from handbill.contacts.rows.batches import Batch, collapsed
from handbill.contacts.rows.files import open_source
from handbill.errors import ImportRefused

TOO_LONG = (
    "file.csv:2: a value is longer than 131,072 characters, or a line than 1,000,000. "
    "Close its quotation mark, or shorten it."
)


def columns(path: Path, *names: str) -> dict[str, list[Any]]:
    """All values of the named columns, or of all."""
    source = open_source(path)
    wanted = names or source.columns
    found: dict[str, list[Any]] = {name: [] for name in wanted}
    for batch in source.batches(wanted, lambda *_: None):
        for name in wanted:
            found[name] += batch.columns[name]
    return found


def refusal(path: Path) -> str:
    """Why a file cannot be read, without its folder."""
    with pytest.raises(ImportRefused) as caught:
        columns(path)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_delimiter_and_encoding_are_found_out(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "file.csv"
    text = delimiter.join(["name", "town"]) + "\r\n" + delimiter.join(["Zoë", '"Málaga, Spain"']) + "\r\n"
    path.write_bytes(text.encode(encoding))
    assert columns(path) == {"name": ["Zoë"], "town": ["Málaga, Spain"]}


def test_line_breaks_and_quotes_inside_quotes_are_part_of_the_value(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text('a,b\n"one\ntwo","say ""hi"""\n')
    assert columns(path) == {"a": ["one\ntwo"], "b": ['say "hi"']}


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("email\nann@example.com\n")
    assert columns(path) == {"email": ["ann@example.com"]}


def test_empty_cells_are_missing_and_blank_lines_count_as_rows(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a,b\n1, \n\n,2\n")
    source = open_source(path)
    (batch,) = source.batches(["a", "b"], lambda *_: None)
    assert batch.columns == {"a": ["1", None], "b": [None, "2"]}
    assert batch.rows == [(2,), (4,)]


def test_a_row_that_does_not_fit_the_header_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a,b\n1,2\n3\n4,5,6\n7,8\n")
    found: list[tuple[Sequence[int], str]] = []
    source = open_source(path)
    (batch,) = source.batches(["a"], lambda rows, _column, _value, reason: found.append((rows, reason)))
    assert batch.columns == {"a": ["1", "7"]}
    assert found == [
        ((3,), "the row has 1 value, the header has 2. Quote values with commas."),
        ((4,), "the row has 3 values, the header has 2. Quote values with commas."),
    ]


def test_only_what_is_asked_for_is_read_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BATCH_ROWS", 2)
    path = tmp_path / "file.csv"
    path.write_text("a,b\n" + "".join(f"{number},x\n" for number in range(5)))
    batches = list(open_source(path).batches(["a"], lambda *_: None))
    assert [batch.columns for batch in batches] == [{"a": ["0", "1"]}, {"a": ["2", "3"]}, {"a": ["4"]}]
    assert batches[-1].share == 1.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file.csv: the file is empty. Export it again."),
        (b"\n\n", "file.csv: the file is empty. Name its columns in row 1."),
        (b"a,,c\n", "file.csv:1: column 2 has no name. Give every column a name of its own."),
        (b"a,b,a\n",
         'file.csv:1: column 3 has the name "a", as column 1 has. Give every column a name of its own.'),
        (b'a,b\n1,2\n3,"4\n',
         "file.csv:3: a quotation mark is not closed, or stands inside a quoted value. Close it, or double it: \"\"."),
        (b'a,b\n1,2\n3,"4" x\n5,6\n',
         "file.csv:3: a quotation mark is not closed, or stands inside a quoted value. Close it, or double it: \"\"."),
        (b"a,b\n1," + b"x" * 200_000 + b"\n",
         TOO_LONG),
        (b"a,b\n" + b"x" * 1_500_000,
         TOO_LONG),
        (",".join(f"c{number}" for number in range(501)).encode(),
         "file.csv:1: the header has 501 columns. At most 500 can be read."),
        ("name,town\nZoë,Málaga\nAnn,Br".encode() + b"\xfcgge\n",
         'file.csv:3: a byte in column "town" is no letter of UTF-8. Save the file as UTF-8.'),
        ("Zoë,Málaga".encode() + b"\xff,c\n",
         "file.csv:1: a byte in column 2 is no letter of UTF-8. Save the file as UTF-8."),
        (b"name,town\nZo\xeb,M\xe1laga\x81\n",
         'file.csv:2: a byte in column "town" is no letter of CP1252. Save the file as UTF-8.'),
        ("name,town\nZoë,Ely\n".encode("utf-16") + b"\x00\xd8\x41\x00",
         'file.csv:3: a byte in column "name" is no letter of UTF-16. Save the file as UTF-8.'),
    ],
)  # fmt: skip
def test_a_broken_csv_file_is_refused_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    assert refusal(path) == message


def test_a_bad_byte_far_down_is_found(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    rows = "".join(f'{number},"Málaga\n{number}"\n' for number in range(30_000))
    path.write_bytes(f"id,town\n{rows}".encode() + b"x,\xff\n")
    assert refusal(path) == 'file.csv:30002: a byte in column "town" is no letter of UTF-8. Save the file as UTF-8.'


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv") == "none.csv: there is no such file. Check its name."
    (tmp_path / "folder.csv").mkdir()
    assert refusal(tmp_path / "folder.csv") == "folder.csv: this is a folder. Name one file."
    path = tmp_path / "file.xlsx"
    path.write_text("x")
    assert refusal(path) == "file.xlsx: files with .xlsx are not known. Use .csv, .tsv, .jsonl or .parquet."


def test_json_lines_may_have_different_keys(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    lines = [{"a": 1, "b": " x "}, {"a": None, "c": [1]}, {"b": "", "c": True}]
    path.write_text("\ufeff" + "\n".join(json.dumps(line) for line in lines) + "\n\n")
    assert columns(path) == {"a": [1, None, None], "b": ["x", None, None], "c": [None, [1], True]}


def test_a_line_that_is_no_object_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": \n[1]\n{"a": NaN}\n{"a": "\xff"}\n' + b"[" * 5000 + b'\n{"a": 2}')
    found: list[tuple[Sequence[int], str]] = []
    source = open_source(path)
    (batch,) = source.batches(["a"], lambda rows, _column, _value, reason: found.append((rows, reason)))
    assert batch.columns == {"a": [1, 2]}
    assert found == [
        ((2,), "the line is not JSON. Write one object a line."),
        ((3,), "the line is no JSON object. Write one object a line."),
        ((4,), "the line is not JSON. Write one object a line."),
        ((5,), "the line is not written in UTF-8. Save the file as UTF-8."),
        ((6,), "the line is not JSON. Write one object a line."),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]\n", "file.jsonl: no line holds a JSON object. Write one object a line."),
        ("".join(f'{{"k{number}": 1}}\n' for number in range(501)),
         "file.jsonl: the objects have more than 500 different keys. Leave the others out."),
        ('{"a": "' + "x" * 1_000_000 + '"}',
         "file.jsonl:1: the line is longer than 1,000,000 bytes. Write one object a line."),
    ],
)  # fmt: skip
def test_broken_json_lines_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(content)
    assert refusal(path) == message


def test_parquet_keeps_its_types_and_ids_with_gaps_are_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    table = pa.table(
        {
            "id": pa.array([17850.0, None, float("nan")]),
            "price": pa.array([2.5, 1.0, -0.25]),
            "at": pa.array([datetime.fromisoformat("2026-01-02T03:04"), None, None], pa.timestamp("ns")),
            "day": pa.array([date(2026, 1, 2), None, None]),
            "name": pa.array([" Ann ", "", None], pa.large_string()),
        }
    )
    pq.write_table(table, path)
    assert columns(path) == {
        "id": [17850, None, None],
        "price": [2.5, 1, -0.25],
        "at": [datetime.fromisoformat("2026-01-02T03:04"), None, None],
        "day": [date(2026, 1, 2), None, None],
        "name": ["Ann", None, None],
    }


def test_what_only_calls_itself_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    path.write_text("id\n1\n")
    message = refusal(path)
    assert message.startswith("file.parquet: the file cannot be read as Parquet: ")
    assert message.endswith(". Export it again.")


def test_equal_rows_are_taken_together() -> None:
    batch = Batch([(2,), (3,), (4,)], {"a": [1, 2, 1], "b": ["x", "y", "x"]}, 0.5)
    together = collapsed(batch)
    assert together.rows == [(2, 4), (3,)]
    assert together.columns == {"a": [1, 2], "b": ["x", "y"]}
