"""The page of exclusions lists every reason in the order in which they are tried, in the words that plans use."""

import re
from pathlib import Path

from handbill.planning.audience import Reason

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "exclusions.md"


def test_the_page_of_exclusions_is_current() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(reason.value, reason.sentence) for reason in Reason]
