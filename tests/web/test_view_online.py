"""A message of a real campaign in the browser, and the links that it carries."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.clock import fixed_clock
from handbill.definitions.loading import load_project
from handbill.operations.audit import themselves
from handbill.operations.privacy import erase_contact
from handbill.operations.run import drain_run, start_run
from tests.conftest import NOW
from tests.operations.shop import TEMPLATE
from tests.web.visitors import PUBLIC, Shop, open_shop, words_of

MORE = ' <a href="{{ links.view_online }}">Online</a> <a href="{{ links.preferences }}">Preferences</a></mj-text>'


@dataclass(frozen=True)
class Sent:
    """A shop whose campaign went out, and the message that its only contact got."""

    shop: Shop
    mail: EmailMessage

    def link(self, letter: str) -> str:
        """The link of the message whose path begins with a letter."""
        body = self.mail.get_body(("html",))
        assert body is not None
        found = re.search(rf'"{PUBLIC}(/{letter}/[\w-]+)"', body.get_content())
        assert found, letter
        return found[1]


@pytest.fixture
def sent(tmp_path: Path, store: Engine) -> Iterator[Sent]:
    with open_shop(tmp_path, store, first_name="Zoë <b>") as shop:
        template = tmp_path / "templates" / "email" / "hello.mjml"
        template.write_text(TEMPLATE.replace("</mj-text>", MORE, 1), encoding="utf-8")
        project, settings = load_project(tmp_path), shop.service.settings
        run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
        drain_run(store, project, settings, run_id, clock=fixed_clock(NOW))
        (mail,) = shop.mails()
        yield Sent(shop, mail)


def test_a_message_is_shown_as_it_was_sent(sent: Sent) -> None:
    answer = sent.shop.get(sent.link("v"))
    assert answer.status_code == 200
    assert "Hello Zoë &lt;b&gt;" in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_the_message_of_somebody_who_was_erased_is_gone(sent: Sent) -> None:
    erase_contact(sent.shop.store, sent.shop.service.settings, 1, now=NOW, doer=themselves())
    answer = sent.shop.get(sent.link("v"))
    assert (answer.status_code, "This message is not there any more" in words_of(answer.text)) == (410, True)


def test_a_changed_link_shows_nothing(sent: Sent) -> None:
    answer = sent.shop.get(sent.link("v") + "x")
    assert (answer.status_code, "This link does not work" in words_of(answer.text)) == (404, True)


def test_the_header_of_a_campaigns_mail_unsubscribes_by_one_click(sent: Sent) -> None:
    assert sent.mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.search(rf"<({PUBLIC}/u/[^>]+)>", sent.mail["List-Unsubscribe"])
    assert found
    answer = sent.shop.post(found[1], {"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    assert sent.shop.ledger()[-1] == ("email", "offers", "withdrawn")


def test_the_links_of_a_campaigns_mail_lead_to_its_pages(sent: Sent) -> None:
    assert "What would you like to stop?" in words_of(sent.shop.get(sent.link("u")).text)
    assert "What would you like to get?" in words_of(sent.shop.get(sent.link("p")).text)
