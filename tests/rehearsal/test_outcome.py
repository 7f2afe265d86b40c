"""What becomes of invented people is what would become of real ones."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handbill.rehearsal.report import Verdict
from handbill.rehearsal.session import Session
from tests.rehearsal.shop import FILES, a_test, make_shop, verdicts_on, write_test

Play = Callable[..., dict[str, Verdict]]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session() as session:
        yield session


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def play(session: Session, shop: Path) -> Play:
    """Performs a test of the shop's; every expectation must fit."""

    def performed(personas: str, expect: str, **given: str) -> dict[str, Verdict]:
        found = verdicts_on(session, write_test(shop, a_test(personas, expect, **given)))
        assert [str(each) for each in found.values() if not each.fits] == []
        return found

    return performed


def test_somebody_in_an_arm_gets_its_message_with_its_words_offer_and_cost(play: Play) -> None:
    play(
        "  ben: {like: anna, first_name: Ben, arm: deal}\n",
        """\
  ben:
    selected: true
    arm: deal
    channels: [email]
    cost: 0.002
    discount: 10%
    with: {code: DEAL}
    email: {subject: A deal, contains: [Dear Ben, use DEAL], not_contains: Anna, reply_to: help@shop.example}
""",
    )


def test_the_draw_decides_for_whom_nobody_chose_an_arm_and_is_the_same_everywhere(play: Play) -> None:
    found = play("", "  anna: {arm: any}\n")
    assert found["anna"].outcome.arm == "deal"


def test_a_holdout_is_planned_and_gets_nothing(play: Play) -> None:
    play("  ben: {like: anna, arm: nothing}\n", "  ben: {arm: nothing, channels: [], cost: 0}\n")


def test_no_consent_for_post_leaves_e_mail_alone(play: Play) -> None:
    play(
        "  ben: {like: anna, consents: {email: [offers]}}\n",
        "  ben: {left_out: no_consent, detail: direct_mail, because: no consent, reachable_by: [email]}\n"
        "  anna: {reachable_by: [email, direct_mail]}\n",
        campaign="letters",
    )


def test_letters_are_read_from_their_pdf(play: Play) -> None:
    play(
        "  ben: {like: anna, first_name: Ben, last_name: Ray, arm: both}\n",
        """\
  ben:
    channels: [email, direct_mail]
    cost: 0.502
    direct_mail:
      contains: A letter to Ben.
      not_contains: Anna
      address: [Ben Ray, 4 Baxtergate, WHITBY, YO21 1BW, UNITED KINGDOM]
""",
        campaign="letters",
    )


def test_times_are_those_of_the_recipients_own_clock(play: Play) -> None:
    found = play(
        "  ben: {like: anna, timezone: America/New_York, arm: plain}\n",
        "  ben: {due_at: 2026-12-01 09:00, email: {leaves_at: 2026-12-01 09:00}}\n",
    )
    assert f"{found['ben'].outcome.due_at}" == "2026-12-01 14:00:00+00:00"


def test_messages_of_other_campaigns_count_for_caps(play: Play) -> None:
    play(
        "  ben: {like: anna, received: [{campaign: letters, at: 2 days ago}]}\n"
        "  cleo: {like: anna, received: [{campaign: letters, at: 8 days ago}]}\n",
        "  ben: {left_out: capped, detail: at most 1 e-mail in 7 days}\n  cleo: {arm: any}\n",
    )


def test_households_and_shared_mailboxes_are_found_as_among_real_people(play: Play) -> None:
    play(
        "  ben: {like: anna, first_name: Ben}\n",
        "  anna: {arm: any}\n  ben: {left_out: household_already_mailed}\n",
        campaign="letters",
    )
    play("  ben: {like: anna, email: ANNA@example.org}\n", "  ben: {left_out: duplicate_address}\n")


def test_suppressions_bounces_and_addresses_have_their_reasons(play: Play) -> None:
    play(
        "  ben: {like: anna, suppressed: {email: complaint}}\n"
        "  cleo: {like: anna, address_line1: 5 Baxtergate, suppressed: {direct_mail: returned}}\n"
        "  dora: {like: anna, without: [email]}\n"
        "  emil: {like: anna, postcode: YO}\n",
        "  ben: {left_out: suppressed, detail: email}\n"
        "  cleo: {left_out: bounced, detail: direct_mail}\n"
        "  dora: {left_out: no_email_address}\n"
        "  emil: {left_out: undeliverable_address}\n",
        campaign="letters",
    )


def test_what_people_did_decides_which_segments_hold_them(play: Play) -> None:
    play(
        "  ben: {like: anna, orders: [{at: 2 years ago, total: 40}]}\n"
        "  cleo: {like: anna, without: [orders]}\n"
        "  dora: {like: anna, tier: gold}\n",
        "  ben: {selected: false}\n  cleo: {selected: false}\n  dora: {left_out: excluded_segment, detail: gold}\n",
    )


def test_somebody_who_unsubscribes_withdraws_as_a_real_one_does(play: Play) -> None:
    play(
        "  ben:\n    like: anna\n    received: [{campaign: letters, at: 20 days ago}]\n"
        "    events: [{event: email.unsubscribed, at: 10 days ago, campaign: letters}]\n"
        "  cleo:\n    like: anna\n    received: [{campaign: letters, at: 20 days ago}]\n"
        "    events: [{event: email.bounced, at: 10 days ago, campaign: letters, properties: {bounce: hard}}]\n",
        "  ben: {left_out: no_consent}\n  cleo: {left_out: bounced}\n",
    )


def test_fields_are_typed_as_an_import_types_them(play: Play, session: Session, shop: Path) -> None:
    segment = """name: Members
where:
  all:
    - {field: points, gte: 100}
    - {field: joined, before: 10 days ago}
    - {field: orders, eq: 7}
    - {field: tier, eq: basic}
"""
    (shop / "segments/members.yaml").write_text(segment)
    other = (shop / "campaigns.yaml").read_text().replace("exclude: [gold]", "exclude: [members]")
    members = make_shop(shop / "members", {**FILES, "campaigns.yaml": other, "segments/members.yaml": segment})
    text = a_test(
        "  ben: {like: anna, points: 120, joined: 11 days ago, tier: Basic, fields: {orders: 7}}\n"
        "  cleo: {like: ben, joined: 2026-11-30}\n",
        "  ben: {left_out: excluded_segment}\n  cleo: {arm: any}\n",
    )
    found = verdicts_on(session, write_test(members, text))
    assert [str(each) for each in found.values() if not each.fits] == []


def test_segments_can_ask_for_all_that_a_persona_has_behind_them(session: Session, shop: Path) -> None:
    segment = """name: Known
where:
  all:
    - {field: stage, has_been: customer, for: 30 days}
    - {event: order, where: {product.category: Tea}}
    - {event: email.clicked, campaign: letters, arm: both}
    - {event: visit, where: {pages: {gte: 3}}}
"""
    campaigns = FILES["campaigns.yaml"].replace("include: [buyers], exclude", "include: [known], exclude")
    root = make_shop(shop / "known", {**FILES, "campaigns.yaml": campaigns, "segments/known.yaml": segment})
    text = a_test(
        """\
  ben:
    like: anna
    stage: customer
    since: {stage: 40 days ago}
    orders: [{at: 9 days ago, lines: [{sku: T1, quantity: 2, price: 4.50}]}]
    received: [{campaign: letters, at: 20 days ago, arm: both}]
    events:
      - {event: email.clicked, at: 19 days ago, campaign: letters}
      - {event: visit, at: 3 hours ago, properties: {pages: 3}}
  cleo: {like: ben, since: {stage: 20 days ago}}
  dora: {like: ben, orders: [{at: 9 days ago, lines: [{sku: T2, price: 4.50}]}]}
  emil: {like: ben, events: [{event: visit, at: 3 hours ago, properties: {pages: 3}}]}
  fay: {like: ben, received: [{campaign: letters, at: 20 days ago, arm: nothing}]}
""",
        """\
  ben: {selected: true}
  cleo: {selected: false, because: has_been}
  dora: {selected: false, because: product.category}
  emil: {selected: false, because: email.clicked}
  fay: {selected: false, because: email.clicked}
""",
    ).replace("personas:\n", "products: {T1: {name: Assam, category: Tea}, T2: {name: Mug}}\npersonas:\n")
    found = verdicts_on(session, write_test(root, text))
    assert [str(each) for each in found.values() if not each.fits] == []


def test_everybody_reads_their_own_language(session: Session, shop: Path) -> None:
    german = FILES["templates/email/hello.mjml"].replace("Dear", "Liebe")
    campaigns = FILES["campaigns.yaml"].replace(
        "email: {subject: A deal,", "email: {subject: {default: A deal, de: Ein Angebot}, preheader: For you,"
    )
    head = "<mjml><mj-head><mj-preview>{{ preheader | default('') }}</mj-preview></mj-head>"
    templates = {
        "templates/email/hello.mjml": FILES["templates/email/hello.mjml"].replace("<mjml>", head),
        "templates/email/hello.de.mjml": german.replace("<mjml>", head),
    }
    root = make_shop(shop / "languages", {**FILES, "campaigns.yaml": campaigns, **templates})
    text = a_test(
        "  ben: {like: anna, first_name: Ben, language: de-AT, arm: deal}\n  cleo: {like: ben, language: fr}\n",
        "  ben: {email: {language: de, subject: Ein Angebot, contains: Liebe Ben}}\n"
        "  cleo: {email: {language: en, subject: A deal, contains: Dear Ben, preheader: For you}}\n",
    )
    found = verdicts_on(session, write_test(root, text))
    assert [str(each) for each in found.values() if not each.fits] == []


def test_nothing_of_one_test_is_left_for_the_next(play: Play) -> None:
    for _ in range(2):
        play("", "  anna: {arm: any}\n")


def test_a_message_that_cannot_be_made_is_a_difference(session: Session, shop: Path) -> None:
    broken = FILES["templates/email/hello.mjml"].replace("Dear {{", "Dear {{ 1 / (contact.points | default(1)) }} {{")
    root = make_shop(shop / "broken", {**FILES, "templates/email/hello.mjml": broken})
    text = a_test("  ben: {like: anna, points: 0, arm: plain}\n", "  ben: {arm: plain}\n")
    verdict = verdicts_on(session, write_test(root, text))["ben"]
    assert [each.expected for each in verdict.differences] == ["email that can be made"]
