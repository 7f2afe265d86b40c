"""How a plan reads, as text and as Markdown."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from handbill.planning.plan import make_plan
from handbill.planning.wording import Part, as_markdown, as_text, parts_of, title_of
from handbill.store.connection import reading, writing
from tests.conftest import NOW
from tests.planning.shop import add_contact, add_message, add_order, make_contacts, make_project

POLICIES = {"caps": [{"max": 1, "per": "7 days", "channel": "email"}]}


def test_a_plan_reads_from_who_to_what_is_doubtful(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path, policies=POLICIES)
    with writing(store) as connection:
        ids = make_contacts(connection, 40)
        add_contact(connection, "none", consents=())
        add_message(connection, ids[0])
        for contact_id in ids[10:20]:
            add_order(connection, contact_id, 10, days_ago=5)
    with reading(store) as connection:
        plan = make_plan(connection, project, "spring-sale", now=NOW)
    assert as_text(title_of(plan), parts_of(plan), plan.digest) == SPRING.format(digest=plan.digest)


SPRING = """\
Plan of spring-sale, wave once, made 2026-12-01 09:00 UTC

Who
  Contacts
        41  selected
        −1  no consent (e-mail)
        −1  had as many messages as a cap allows (at most 1 e-mail in 7 days)
        39  planned

Arms
  Arm       Gets     Share  Contacts
  nothing   nothing    10%        10
  plain     e-mail     45%        13
  discount  e-mail     45%        16
  The split fits the declared shares (chi-square test, p = 0.0044).

When
  Channel  Time zone      Messages  First             Last
  e-mail   Europe/London        29  2026-12-01 10:00  2026-12-01 10:00

How much
  Channel  Messages  Cost      Left of the budget
  e-mail         29  0.03 GBP  no budget
  plain pays when 0.025% of its recipients order because of it: each costs 0.001 GBP, and a usual
    order leaves 4.00 GBP.
  discount pays when 0.04% of its recipients order because of it: each costs 0.001 GBP, and a usual
    order leaves 2.50 GBP.

What can be learned
  plain against nothing: an effect of 60.39 percentage points or more on conversion would be found
    with a power of 80%; the usual conversion is 25.6%.
  discount against nothing: an effect of 57.99 percentage points or more on conversion would be
    found with a power of 80%; the usual conversion is 25.6%.
  Usual values are those of the same contacts from 2026-11-17 09:00 to 2026-12-01 09:00 UTC.

Before you run it
  Too few for plain against nothing: an effect of 5.00 percentage points on conversion is worth
    finding, but only one of 60.39 percentage points would be found. It takes 1,364 and 1,773 units
    to find 5.00 percentage points.
  Too few for discount against nothing: an effect of 5.00 percentage points on conversion is worth
    finding, but only one of 57.99 percentage points would be found. It takes 1,256 and 2,009 units
    to find 5.00 percentage points.

Digest {digest}
"""


def test_markdown_has_a_table_a_part(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 8)
    with reading(store) as connection:
        plan = make_plan(connection, make_project(tmp_path), "winback", now=NOW + timedelta(hours=1))
    who, *_ = parts_of(plan)
    assert as_markdown(title_of(plan), [who], "d1") == (
        "## Plan of winback, wave once, made 2026-12-01 10:00 UTC\n\n"
        "### Who\n\n| Contacts |  |\n| ---: | --- |\n| 8 | selected |\n| 8 | planned |\n\nDigest `d1`\n"
    )


def test_markdown_takes_names_for_words_and_not_for_markup() -> None:
    part = Part("Arms", (("Arm",), ("a|b",)), ("<b>[click](x)</b> *now*",))
    assert as_markdown("T", [part], "d") == (
        "## T\n\n### Arms\n\n| Arm |\n| --- |\n| a\\|b |\n\n- \\<b\\>\\[click\\](x)\\</b\\> \\*now\\*\n\nDigest `d`\n"
    )


def test_nothing_is_said_where_there_is_nothing_to_say(store: Engine, tmp_path: Path) -> None:
    with reading(store) as connection:
        plan = make_plan(connection, make_project(tmp_path), "spring-sale", now=NOW)
    assert [part.title for part in parts_of(plan)] == ["Who", "Arms", "How much", "What can be learned"]
