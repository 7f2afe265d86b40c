"""A brand may have any colour, and its pages can be read."""

import itertools
import shutil
from pathlib import Path

import pytest

from handbill.store.connection import open_store
from handbill.web.colours import DARK, LIGHT, READABLE, contrast, shades
from tests.web.visitors import open_shop, unsubscribe_path

STEPS = ("00", "40", "80", "c0", "ff")


@pytest.mark.parametrize("paper", [LIGHT, DARK])
def test_every_colour_can_be_read_and_written_upon(paper: str) -> None:
    for parts in itertools.product(STEPS, repeat=3):
        found = shades("#" + "".join(parts), paper)
        assert contrast(found.accent, paper) >= READABLE
        assert contrast(found.on_accent, found.accent) >= READABLE


def test_contrast_is_what_the_standard_says() -> None:
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


def test_pages_wear_the_brands_colour(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "handbill.db")
    store = open_store(f"sqlite:///{tmp_path / 'handbill.db'}")
    with open_shop(tmp_path, store, colour="#7a1f5c") as shop:
        assert "--accent: #7a1f5c; --on-accent: #ffffff;" in shop.get(unsubscribe_path()).text
    store.dispose()
