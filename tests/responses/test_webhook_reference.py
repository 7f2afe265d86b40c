"""The reference of reports names every word, in its order of strength, and every hook, with its age."""

import re
from datetime import timedelta
from pathlib import Path

from handbill.channels import lob, mailgun, postgrid, resend, sendgrid, signed, sns
from handbill.channels.contract import EventKind
from handbill.responses.events import STANDING
from handbill.responses.hooks import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "webhooks.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    part = PAGE.partition(f"## {heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def test_every_word_stands_in_the_reference_in_its_order_of_strength() -> None:
    strengths: dict[str, int] = {}
    named: set[str] = set()
    for words, _, strength in rows("Words for events"):
        kinds = re.findall(r"`([a-z_.]+)`", words)
        named |= set(kinds)
        if strength.isdigit():
            strengths |= dict.fromkeys(kinds, int(strength))
    assert named == {str(kind) for kind in EventKind}
    for channel in ("email.", "letter."):
        of_channel = [str(kind) for kind in STANDING if kind.startswith(channel)]
        assert [strengths[kind] for kind in of_channel] == list(range(1, len(of_channel) + 1))


def test_every_hook_stands_in_the_reference_with_its_age() -> None:
    told = {name.strip("`"): age for name, _, age, _ in rows("How a request is proven")}
    assert set(told) == {"of your own" if name == "signed" else name for name in FORMATS}
    ages = {"ses": sns.OLDEST, "sendgrid": sendgrid.OLDEST, "mailgun": mailgun.OLDEST, "resend": resend.OLDEST,
            "lob": lob.OLDEST, "postgrid": postgrid.OLDEST, "of your own": signed.OLDEST}  # fmt: skip
    assert {name: _duration(age) for name, age in told.items() if age != "any"} == ages


def _duration(text: str) -> timedelta:
    number, unit = text.split()
    return timedelta(**{unit: int(number)})
