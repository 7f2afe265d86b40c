"""The reference of templates says what they can do."""

import re
from pathlib import Path

from handbill.contacts.purchases import MOST_ORDERS
from handbill.rendering.assembly import MOST_FILES
from handbill.rendering.environment import MAX_RANGE, make_environment
from handbill.rendering.fields import LARGEST_HTML
from handbill.rendering.filters import ACCEPTED_TYPES
from handbill.rendering.print_parts import OF_A_PIECE
from handbill.rendering.rewriting import COUNTING
from handbill.rendering.samples import sample_purchases
from handbill.rendering.scope import RESERVED
from handbill.rendering.structure import DEEPEST
from handbill.rendering.tally import A_STEP, MOST_LETTERS
from handbill.rendering.variables import GROUPS
from tests.rendering.projects import make_project

PAGE = (Path(__file__).parents[2] / "docs/reference/templates.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(title: str) -> dict[str, list[str]]:
    """The code words of each row of a section's table, by that of its first cell."""
    found = re.findall(r"^\| `(\w+)` \|([^|]*)\|", section(title), re.MULTILINE)
    return {name: re.findall(r"`(\w+)`", cell) for name, cell in found}


def test_every_filter_is_listed() -> None:
    known = set(make_environment(make_project(Path("unused"))).filters)
    known -= {*COUNTING, "tracked"}  # put in by us, not by people
    ours = {*ACCEPTED_TYPES, "utm"}
    assert set(rows("Filters")) == ours
    jinja = section("Filters").rsplit("\n\n", 2)[1]
    assert set(re.findall(r"`(\w+)`", jinja)) == known - ours


def test_every_function_is_listed() -> None:
    functions = re.findall(r"`(\w+)`", section("Functions").splitlines()[1])
    assert set(functions) == set(make_environment(make_project(Path("unused"))).globals)


def test_every_name_is_listed_with_its_members() -> None:
    named = rows("Names")
    assert set(named) == RESERVED
    assert {name: tuple(members) for name, members in named.items() if name in GROUPS} == GROUPS
    assert {("piece", member) for member in named["piece"]} == {key for key in OF_A_PIECE if len(key) == 2}


def test_what_orders_and_products_hold_is_listed() -> None:
    held = rows("What orders and products hold")
    sample = sample_purchases(make_project(Path("unused")))
    order, product = sample["uses:orders"][0], sample["uses:products"][0]
    found = {"orders": set(order), "lines": set(order["lines"][0]), "products": set(product)}
    assert {name: set(members) for name, members in held.items()} == found
    assert f"`orders` holds the last {MOST_ORDERS}," in PAGE


def test_the_limits_are_those_of_the_program() -> None:
    stated = [int(number.replace(",", "")) for number in re.findall(r"\| ([\d,]+)(?: kB)? \|$", PAGE, re.MULTILINE)]
    assert stated == [
        MOST_LETTERS // A_STEP, MOST_LETTERS, MAX_RANGE, MOST_FILES, DEEPEST, 20, LARGEST_HTML // 1024,
    ]  # fmt: skip
