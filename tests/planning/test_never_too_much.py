"""What the guide says about limits is what happens."""

import re
from pathlib import Path

from handbill.definitions.loading import load_project
from handbill.planning.audience import Reason
from handbill.planning.caps import in_words

PAGE = (Path(__file__).parents[2] / "docs/guide/never-too-much.md").read_text(encoding="utf-8")
BRAND = """
brand: {name: Shop, postal_address: 1 Harbour Street, website: https://shop.example}
timezone: Europe/London
currency: GBP
"""


def test_the_policies_of_the_page_can_be_declared(tmp_path: Path) -> None:
    written = re.findall(r"```yaml\n(policies:.*?)```", PAGE, re.DOTALL)
    (tmp_path / "campaigns.yaml").write_text(BRAND + written[0], encoding="utf-8")
    policies = load_project(tmp_path).policies
    assert [in_words(cap) for cap in policies.caps] == [
        "at most 2 e-mails in 7 days",
        "at most 1 letter in 30 days for a household",
        "at most 10 points (e-mail 1, letter 5) in 30 days",
    ]
    assert policies.quiet_hours
    assert policies.global_holdout


def test_the_page_quotes_reasons_as_plans_say_them() -> None:
    quoted = re.findall(r"−[\d,]+  (.+?)(?: \(.*\))?\n", PAGE)
    assert quoted == [Reason.CAPPED.sentence, Reason.RESERVED.sentence]
    assert f'"{Reason.QUIET.sentence}"' in PAGE
    assert f'"{Reason.OTHER_EXPERIMENT.sentence}"' in PAGE
