"""A small file cannot become a large one, and no file can take the machine's memory or its day."""

import gzip
import json
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handbill.definitions.loading import load_project
from handbill.errors import HandbillError, ImportRefused, ProjectInvalid
from tests.contacts.conftest import CAMPAIGNS, Shop

MEGABYTE = 1_000_000


@contextmanager
def within(memory: int, seconds: float) -> Iterator[None]:
    """What is done takes no more memory of Python's, and no more time of the processor."""
    tracemalloc.start()
    began = time.process_time()
    try:
        yield
        peak, took = tracemalloc.get_traced_memory()[1], time.process_time() - began
    finally:
        tracemalloc.stop()
    assert peak < memory
    assert took < seconds


def test_a_gzip_bomb_is_refused(shop_on_paper: Shop) -> None:
    path = shop_on_paper.folder / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"id\n")
        for _ in range(64):
            file.write(bytes(MEGABYTE))
    with within(20 * MEGABYTE, 10), pytest.raises(ImportRefused, match="unpacks to more than 200 times its size"):
        shop_on_paper.load_file("contacts", path)


def test_a_zip_is_refused_unopened(shop_on_paper: Shop) -> None:
    path = shop_on_paper.folder / "bomb.csv.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", b"id\n" + bytes(16 * MEGABYTE))
    with within(10 * MEGABYTE, 5), pytest.raises(ImportRefused):
        shop_on_paper.load_file("contacts", path)


@pytest.mark.parametrize("name", ["wide.csv", "wide.jsonl"])
def test_a_field_of_ten_megabytes_is_refused_in_few_words(shop_on_paper: Shop, name: str) -> None:
    wide = "x" * (10 * MEGABYTE)
    text = f"id,tier\n1,{wide}\n2,gold\n"
    if name.endswith("jsonl"):
        text = f"{json.dumps({'id': '1', 'tier': wide})}\n{json.dumps({'id': '2', 'tier': 'gold'})}\n"
    with within(100 * MEGABYTE, 20), pytest.raises(ImportRefused) as refused:
        shop_on_paper.load("contacts", text, name=name)
    assert len(str(refused.value)) < 1_000


def test_a_file_with_columns_without_end_is_refused(shop_on_paper: Shop) -> None:
    names = ",".join(f"c{number}" for number in range(200_000))
    with within(400 * MEGABYTE, 30), pytest.raises(HandbillError) as refused:
        shop_on_paper.load("contacts", f"id,{names}\n1\n")
    assert len(str(refused.value)) < 2_000


def test_json_that_is_nested_without_end_rejects_its_row(shop_on_paper: Shop) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    with within(200 * MEGABYTE, 20):
        try:
            result = shop_on_paper.load("contacts", f'{{"id": "1", "x": {deep}}}\n{{"id": "2"}}\n', name="deep.jsonl")
        except ImportRefused:
            return
        assert (result.loaded, result.rejected) == (1, 1)


def test_anchors_of_yaml_that_explode_are_refused(tmp_path: Path) -> None:
    rows = ["  a: &a [x, x, x, x, x, x, x, x, x]"]
    rows += [f"  {new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS + "layers:\n" + "\n".join(rows) + "\n")
    with within(200 * MEGABYTE, 10), pytest.raises(ProjectInvalid, match="once its aliases are written out"):
        load_project(tmp_path)


def test_yaml_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS + "layers: " + "[" * 20_000 + "]" * 20_000 + "\n")
    with within(400 * MEGABYTE, 20), pytest.raises(ProjectInvalid):
        load_project(tmp_path)
