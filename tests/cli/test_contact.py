"""`handbill contact`, `handbill suppression` and `handbill audit`, as somebody types them."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from handbill.cli import invoke
from handbill.clock import fixed_clock
from handbill.contacts.consent import record_consent
from handbill.contacts.suppressions import email_digest
from handbill.operations.opening import opened
from handbill.operations.run import start_run
from handbill.settings import load_settings
from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade
from handbill.store.tables import contact, suppressed_digest
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project

AT = ["--now", "2026-12-01T09:00"]
BY_HAND = [
    "Remove them from the shop's own systems too, else the next import brings them back as somebody new.",
    "Backups of the database, and the mail provider's log, forget them when their own time is over.",
]
Said = Callable[..., str]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    monkeypatch.setenv("HANDBILL_SECRET", "a secret of the tests")
    monkeypatch.setenv("LOGNAME", "ann")
    make_project(tmp_path, 25)
    engine = open_store(load_settings(tmp_path).database_url)
    upgrade(engine)
    add_people(engine, 2, created_at=NOW - timedelta(days=90))
    engine.dispose()
    return tmp_path


@pytest.fixture
def said(shop: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """What a command prints; it must end with the exit code."""

    def run(*words: str, code: int = 0) -> str:
        assert invoke([*words, "--project", str(shop)]) == code
        captured = capsys.readouterr()
        return captured.out or captured.err

    return run


def test_a_contact_is_shown_as_explain_shows_them(said: Said) -> None:
    assert said("contact", "show", "C-00001", *AT) == said("explain", "C-00001", *AT)


def test_a_person_is_given_everything_as_json(said: Said, tmp_path: Path) -> None:
    given = json.loads(said("contact", "export", "person1@example.org", *AT))
    assert (given["id"], given["profile"]["first_name"], len(given["consents"])) == ("C-00001", "Person 1", 2)
    file = tmp_path / "one.json"
    assert said("contact", "export", "C-00001", "--out", str(file), *AT) == (
        f"Everything that is held about C-00001 is in {file}. Hand it over on a safe way, and delete it.\n"
    )
    assert json.loads(file.read_text()) == given
    assert file.stat().st_mode & 0o077 == 0


def test_erasing_asks_first(shop: Path, said: Said) -> None:
    command = [sys.executable, "-m", "handbill", "contact", "erase", "C-00001", "--project", str(shop)]
    done = subprocess.run(command, input="n\n", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Erase C-00001 for good? Nothing brings them back. [y/N]:" in done.stdout + done.stderr
    assert "Person 1" in said("contact", "show", "C-00001", *AT)


def test_an_erased_person_is_known_no_more(said: Said) -> None:
    assert said("contact", "erase", "C-00001", "--yes", *AT) == (
        "Erased. Their mailbox stays on the suppression list as a keyed hash, so that nobody writes to it.\n"
        f"  {BY_HAND[0]}\n  {BY_HAND[1]}\n"
    )
    assert said("contact", "show", "C-00001", *AT, code=2) == (
        'no contact has the id or the e-mail address "C-00001". Write it as it was imported: external_id, or email.\n'
    )
    assert json.loads(said("contact", "erase", "C-00002", "--yes", "--json", *AT)) == {
        "erased": True, "by_hand": BY_HAND,
    }  # fmt: skip


def test_nobody_is_suppressed_at_first(said: Said) -> None:
    assert said("suppression", "list") == "Nobody is suppressed.\n"


def test_a_mailbox_and_an_address_are_suppressed_and_lifted_by_hand(said: Said) -> None:
    assert said("suppression", "add", "Person1@Example.org", "--reason", "asked by telephone", *AT) == (
        "Person1@Example.org is suppressed on email.\n"
    )
    said("suppression", "add", "C-00002", "--channel", "direct_mail", "--reason", "moved away", *AT)
    listed = said("suppression", "list").splitlines()
    assert listed[:3] == ["        1  direct_mail: moved away", "        1  email: asked by telephone", ""]
    assert [line.split("  ")[-2:] for line in listed[3:]] == [
        ["moved away (source by hand)", "C-00002"], ["asked by telephone (source by hand)", "C-00001"],
    ]  # fmt: skip
    assert said("suppression", "add", "C-00001", "--reason", "again", *AT, code=1) == (
        "C-00001 is suppressed already (asked by telephone).\n"
    )
    assert said("suppression", "remove", "person1@example.org", "--reason", "typed wrong", *AT) == (
        "person1@example.org may be written to on email again. It was suppressed because: asked by telephone.\n"
    )
    assert said("suppression", "remove", "C-00001", "--reason", "x", *AT, code=1) == "C-00001 is not suppressed.\n"


def test_a_hash_of_another_list_is_lifted_with_its_mailbox(shop: Path, said: Said) -> None:
    engine = open_store(load_settings(shop).database_url)
    with writing(engine) as connection:
        row = {"digest": email_digest("person1@example.org"), "reason": "imported", "at": NOW, "source": "agency"}
        connection.execute(insert(suppressed_digest).values(row))
    engine.dispose()
    assert said("suppression", "list") == "        1  email: known by a hash of another list only\n"
    said("suppression", "remove", "person1@example.org", "--reason", "agreed again", *AT)
    assert said("suppression", "list") == "Nobody is suppressed.\n"


def test_what_has_no_address_of_the_channel_cannot_be_suppressed_on_it(shop: Path, said: Said) -> None:
    engine = open_store(load_settings(shop).database_url)
    add_people(engine, 1, postal_hash=None)
    engine.dispose()
    assert said("suppression", "add", "C-00003", "--channel", "direct_mail", "--reason", "x", *AT, code=2) == (
        "C-00003 has no address that post can go to. Name somebody who has one.\n"
    )
    assert said("suppression", "add", "not@an@address", "--reason", "x", *AT, code=2) == (
        '"not@an@address" is not an e-mail address. Write it like ann@example.com.\n'
    )


def test_who_did_what_is_listed_without_personal_data(shop: Path, said: Said, tmp_path: Path) -> None:
    assert said("audit") == "Nobody has done anything yet.\n"
    people = tmp_path / "people.csv"
    people.write_text("external_id,email\nC-00009,nine@example.org\n")
    said("import", "contacts", str(people), *AT)
    said("suppression", "add", "nine@example.org", "--reason", "asked", *AT)
    said("contact", "erase", "C-00009", "--yes", *AT)
    engine = open_store(load_settings(shop).database_url)
    with writing(engine) as connection:
        number = connection.scalar(select(contact.c.id).order_by(contact.c.id.desc()).limit(1))
    engine.dispose()
    listed = said("audit")
    start = "2026-12-01 09:00:00 UTC  ann (shell)"
    erased, suppressed, imported = listed.splitlines()
    assert erased == f"{start}  erase  contact {number}"
    assert suppressed.startswith(f"{start}  suppress  ")
    assert suppressed.endswith((" (reason asked, channel email)", " (channel email, reason asked)"))
    assert imported.startswith(f"{start}  import  contacts (")
    assert "nine" not in listed
    assert "C-00009" not in listed
    assert said("audit", "--action", "erase") == f"{erased}\n"
    assert said("audit", "--who", "bob") == "Nothing is written down.\n"
    assert json.loads(said("audit", "--json", "--limit", "1"))[0]["action"] == "erase"


def test_sending_and_stopping_are_written_down(shop: Path, said: Said) -> None:
    campaigns = shop / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text().replace("provider: smtp", "provider: file\n    directory: sent"))
    with opened(shop) as (project, _, engine):
        start_run(engine, project, "spring", clock=fixed_clock(NOW))
    said("pause", "spring")
    said("resume", "spring", *AT)
    said("cancel", "spring", "--yes", *AT)
    deeds = [(line["action"], line["subject"], line["details"]) for line in json.loads(said("audit", "--json"))]
    about = {"wave": "once", "run": 1}
    assert sorted(deeds, key=str) == sorted(
        [(action, "spring", about) for action in ("cancel", "pause", "resume", "send")], key=str
    )


def test_the_ledger_of_consents_is_shown_with_what_was_read_and_what_proves_it(shop: Path, said: Said) -> None:
    engine = open_store(load_settings(shop).database_url)
    with writing(engine) as connection:
        person = connection.scalar(select(contact.c.id).where(contact.c.external_id == "C-00001"))
        record_consent(
            connection, int(person or 0), "email", "offers", "withdrawn", NOW - timedelta(days=1), "form",
            wording="No more, please", proof={"form": 12},
        )  # fmt: skip
    engine.dispose()
    assert (
        "2026-11-30 09:00 UTC  consent  withdrawn for offers by e-mail "
        '(source form, read "No more, please", proven by form 12)\n'
    ) in said("contact", "show", "C-00001", *AT)
