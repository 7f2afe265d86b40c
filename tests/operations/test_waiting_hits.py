"""Hits that the store could not take wait on the disk, and come in once."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from handbill.operations.waiting_hits import WaitingHits
from handbill.responses.classify import Hit
from handbill.responses.hits import Arrived
from tests.conftest import NOW


def arrived(number: int) -> Arrived:
    hit = Hit("email.clicked", NOW + timedelta(seconds=number), "GET", "agent “x”", "net", number, is_trap=True)
    return Arrived(f"name-{number}", hit, number, "https://shop.example/ä?a=1")


class Store:
    """Takes hits, unless it is away."""

    def __init__(self) -> None:
        self.kept: list[Arrived] = []
        self.is_away = False

    def __call__(self, hits: Sequence[Arrived]) -> None:
        if self.is_away:
            raise ConnectionError
        self.kept += hits


def test_what_was_put_aside_comes_back_as_it_was(tmp_path: Path) -> None:
    waiting, store = WaitingHits(tmp_path / "hits"), Store()
    waiting.add([arrived(1), arrived(2)])
    waiting.add([arrived(3)])
    assert waiting.take(store) == 3
    assert store.kept == [arrived(1), arrived(2), arrived(3)]
    assert waiting.take(store) == 0
    assert not (tmp_path / "hits").exists()


def test_a_store_that_is_still_away_leaves_them_where_they_are(tmp_path: Path) -> None:
    waiting, store = WaitingHits(tmp_path / "hits"), Store()
    waiting.add([arrived(1)])
    store.is_away = True
    with pytest.raises(ConnectionError):
        waiting.take(store)
    waiting.add([arrived(2)])
    store.is_away = False
    assert waiting.take(store) == 2
    assert sorted(each.name for each in store.kept) == ["name-1", "name-2"]


def test_half_a_line_of_a_machine_that_died_is_left_out(tmp_path: Path) -> None:
    waiting, store = WaitingHits(tmp_path / "hits"), Store()
    waiting.add([arrived(1), arrived(2)])
    file = tmp_path / "hits" / "new"
    os.truncate(file, file.stat().st_size - 5)
    assert waiting.take(store) == 1
    assert store.kept == [arrived(1)]


def test_only_their_owner_can_look_at_them(tmp_path: Path) -> None:
    WaitingHits(tmp_path / "hits").add([arrived(1)])
    assert (tmp_path / "hits").stat().st_mode & 0o077 == 0
