"""How a plan reads, as text and as Markdown."""

from pathlib import Path

from sqlalchemy import Engine

from handbill.planning.layout import as_text
from handbill.planning.plan import make_plan
from handbill.planning.wording import page_of
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
    assert as_text(page_of(plan)) == SPRING.format(digest=plan.digest)


SPRING = """\
Plan of spring-sale, wave once, made 2026-12-01 09:00 UTC
39 of 41 selected contacts are planned: 29 e-mails for 0.03 GBP, at 2026-12-01 10:00 UTC.

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
  Channel  Messages  Cost (GBP)
  e-mail         29        0.03
  plain pays when 0.025% of its recipients order because of it: each costs 0.001 GBP, and a usual
    order leaves 4.00 GBP.
  discount pays when 0.04% of its recipients order because of it: each costs 0.001 GBP, and a usual
    order leaves 2.50 GBP.

What can be learned
  Comparison                Found from  Worth finding  Contacts  It takes
  plain against nothing       60.39 pp        5.00 pp        23     3,137
  discount against nothing    57.99 pp        5.00 pp        26     3,265
  Found from: the least effect on conversion (pp: percentage points) that is found with a power of
    80%. The usual conversion is 25.6%: that of the same contacts from 2026-11-17 09:00 to
    2026-12-01 09:00 UTC.
  The result can be read from 2026-12-15 10:00 UTC, 14 days after the first contact. The experiment
    costs 0.03 GBP in messages, and holds back 10 contacts.

Before you run it
  Too few for plain against nothing: an effect of 5.00 percentage points on conversion is worth
    finding, but only one of 60.39 percentage points would be found. It takes 1,364 and 1,773 units
    to find 5.00 percentage points.
  Too few for discount against nothing: an effect of 5.00 percentage points on conversion is worth
    finding, but only one of 57.99 percentage points would be found. It takes 1,256 and 2,009 units
    to find 5.00 percentage points.

Next
  To                     Run
  see the messages       handbill preview spring-sale
  send yourself a proof  handbill send-test spring-sale --to you@northwind.example
  approve this plan      handbill plan spring-sale --out spring-sale.plan.json
  send exactly that      handbill run spring-sale --plan spring-sale.plan.json
  That run is refused when anything was edited, or when anybody came or went (0.5%).

Digest {digest}
"""


def test_nothing_is_said_where_there_is_nothing_to_say(store: Engine, tmp_path: Path) -> None:
    with reading(store) as connection:
        plan = make_plan(connection, make_project(tmp_path), "spring-sale", now=NOW)
    page = page_of(plan)
    assert [part.title for part in page.parts] == ["Who", "Arms", "How much", "What can be learned", "Next"]
    assert page.summary == "0 of 0 selected contacts are planned: 0 e-mails for 0.00 GBP."
    assert page.parts[-1].sentences == ("Nobody would get anything; `handbill explain CONTACT spring-sale` says why.",)
