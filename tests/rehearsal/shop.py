"""A shop with a campaign in two arms and a letter, for campaign tests that are written in the tests."""

from collections.abc import Mapping
from pathlib import Path

from handbill.rehearsal.report import Verdict
from handbill.rehearsal.session import Session
from tests.rendering.mail import letter_html

CAMPAIGNS = """\
brand: {name: Shop, postal_address: "1 Harbour Street, Whitby", website: https://shop.example}
timezone: Europe/London
currency: GBP
fields: {tier: {type: text, one_of: [basic, gold]}, stage: text, points: integer, joined: date, orders: integer}
topics: {offers: Offers}
channels:
  email: {host: localhost, port: 1025, security: none, from: Shop <news@shop.example>, reply_to: help@shop.example,
          cost: 0.002}
  direct_mail: {cost: 0.5, transit: 3 days}
policies:
  caps: [{max: 1, per: 7 days, channel: email}]
campaigns:
  hello:
    topic: offers
    audience: {include: [buyers], exclude: [gold]}
    schedule: {at: 2026-12-01 09:00, timezone: recipient}
    email: {template: hello}
    experiment:
      hypothesis: It sells.
      salt: hello
      arms:
        nothing: {share: 20%, holdout: true}
        plain: {share: 40%, email: {subject: "Hello {{ contact.first_name | default('friend') }}"}}
        deal: {share: 40%, email: {subject: A deal, with: {code: DEAL}}, offer: {discount: 10%}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
    goal: {event: order, within: 14 days}
  letters:
    topic: offers
    audience: {include: [buyers]}
    schedule: {at: 2026-12-15 09:00}
    goal: {event: order, within: 60 days}
    experiment:
      hypothesis: It sells.
      unit: household
      salt: letters
      arms:
        nothing: {share: 50%, holdout: true}
        both: {share: 50%, email: {template: note, subject: A letter comes},
               direct_mail: {template: letter, format: letter}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
"""
EMAIL = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Dear {{ contact.first_name | default("friend") }}, {% if code is defined %}use {{ code }}{% endif %}</mj-text>
<mj-text>{{ brand.postal_address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
LETTER = letter_html('<p>A letter to {{ contact.first_name | default("you") }}.</p>')
FILES = {
    "campaigns.yaml": CAMPAIGNS,
    "segments/buyers.yaml": "name: Buyers\nwhere: {event: order, within: 1 year}\n",
    "segments/gold.yaml": "name: Gold\nwhere: {field: tier, eq: gold}\n",
    "templates/email/hello.mjml": EMAIL,
    "templates/email/note.mjml": EMAIL.replace("{% if code is defined %}use {{ code }}{% endif %}", ""),
    "templates/mail/letter.html": LETTER,
}
ANNA = """\
  anna:
    first_name: Anna
    last_name: Lee
    email: anna@example.org
    address_line1: 4 Baxtergate
    city: Whitby
    postcode: YO21 1BW
    country: GB
    consents: {email: [offers], direct_mail: [offers]}
    orders: [{at: 30 days ago, total: 40}]
"""


def make_shop(root: Path, files: Mapping[str, str] = FILES) -> Path:
    """The shop's files, below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def write_test(root: Path, text: str, name: str = "hello") -> Path:
    """A campaign test in a project."""
    path = root / "tests" / f"{name}.campaign-test.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def a_test(
    personas: str, expect: str, *, campaign: str = "hello", now: str = "2026-12-01 08:00", more: str = ""
) -> str:
    """The text of a test with Anna and other personas."""
    return f"campaign: {campaign}\nnow: {now}\n{more}personas:\n{ANNA}{personas}expect:\n{expect}"


def verdicts_on(session: Session, path: Path) -> dict[str, Verdict]:
    """The verdicts of one file."""
    return session.perform(path, session.read(path))
