"""Whatever is wrong with what somebody hands in: a clear line with its place and its mending, and nothing half done."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import func, select, text

from handbill.cli import invoke as handbill
from handbill.errors import ChannelUnavailable, ProjectInvalid
from handbill.operations.driving import begin
from handbill.operations.starter import PARTS, lay_down
from handbill.settings import WORK_DIR
from handbill.store.connection import open_store, reading, writing
from handbill.store.tables import contact, outbox, run

NOW = "2026-12-01T09:00"
CAMPAIGNS = "campaigns.yaml"
SPRING = "templates/email/spring.mjml"
POSTCARD = "templates/mail/postcard.html"

DECLARATIONS = {
    "an unknown key": (
        CAMPAIGNS, "website: https", "websit: https",
        (
            'campaigns.yaml:18:3: key "websit" is not known. Use name, postal_address, website, colour or logo. '
            'Did you mean "website"?'
        ),
    ),
    "an unknown channel of a cap": (
        CAMPAIGNS, "channel: direct_mail, unit", "channel: sms, unit",
        'campaigns.yaml:62:39: channel "sms" is not known. Use email or direct_mail.',
    ),
    "an unknown channel of an arm": (
        CAMPAIGNS, "postcard: {share: 50%, direct_mail:", "postcard: {share: 50%, holdout: true, fax:",
        'campaigns.yaml:111:47: key "fax" is not known. Use share, holdout, email, direct_mail or offer.',
    ),
    "an unknown field": (
        "segments/loyal-households.yaml", "field: tier", "field: tyer",
        'segments/loyal-households.yaml:10:19: field "tyer" is not known. Did you mean "tier"?',
    ),
    "an unknown template": (
        CAMPAIGNS, "{template: spring}", "{template: sprong}",
        'campaigns.yaml:77:23: e-mail template "sprong" is not known. Use spring or winback. Did you mean "spring"?',
    ),
    "an unknown segment": (
        CAMPAIGNS, "[active-buyers]", "[active-byers]",
        ('campaigns.yaml:74:17: segment "active-byers" is not known. Use active-buyers, bought-this-week, lapsed or '
        'loyal-households. Did you mean "active-buyers"?'),
    ),
    "a key twice": (
        CAMPAIGNS, "    topic: offers\n    audience:\n", "    topic: offers\n    topic: events\n    audience:\n",
        'campaigns.yaml:73:5: key "topic" stands here again (first in line 72). Remove one.',
    ),
    "a segment in a circle": (
        "segments/lapsed.yaml", "    - {last: order", "    - {segment: lapsed}\n    - {last: order",
        "segments/lapsed.yaml:7:7: segments go round in a circle: lapsed → lapsed. Remove one of these clauses.",
    ),
    "shares that do not add up": (
        CAMPAIGNS, "plain:    {share: 45%", "plain:    {share: 40%",
        "campaigns.yaml:87:7: the shares add to 95%. Make them add to exactly 100%.",
    ),
    "an arm without channel": (
        CAMPAIGNS, "nothing:  {share: 50%, holdout: true}", "nothing:  {share: 50%}",
        'campaigns.yaml:110:9: arm "nothing" sends nothing. Give it email or direct_mail, or say holdout: true.',
    ),
}  # fmt: skip
"""File, text, what stands in its place, and what is said about it."""

TEMPLATES = {
    "a missing variable": (
        SPRING, "{{ code }}", "{{ kode }}",
        "templates/email/spring.mjml:46:193: kode is not a name that this template has. Did you mean code?",
    ),
    "a missing variable in a piece": (
        POSTCARD, "{{ contact.", "{{ kontact.",
        "templates/mail/postcard.html:19:19: kontact is not a name that this template has. Did you mean contact?",
    ),
    "an unknown element": (
        SPRING, "mj-button", "mj-buton",
        "templates/email/spring.mjml:75:5: <mj-buton> is no element of MJML. Did you mean mj-button?",
    ),
    "an unclosed tag": (
        SPRING, "collection</mj-text>", "collection",
        "templates/email/spring.mjml:19:5: the <mj-text> that opens here is never closed. Close it with </mj-text>.",
    ),
}  # fmt: skip

FILES = {
    "a missing column": (
        "orders", b"order_id,external_id,ordered_at\no1,c1,2026-11-01\n", [],
        "FILE:1: no column fills total or price. Say which one does: --map total=COLUMN.",
    ),
    "an unknown column": (
        "contacts", b"external_id,email\nc1,ann@mail.example\n", ["--map", "email=mail"],
        '--map email=mail: column "mail" is not known. Use external_id or email. Did you mean "email"?',
    ),
    "a byte that is no UTF-8": (
        "contacts", "external_id,first_name\nc1,Zoë\nc2,Zo".encode() + b"\xeb\n", [],
        'FILE:3: a byte in column "first_name" is no letter of UTF-8. Save the file as UTF-8.',
    ),
    "a byte that is a letter nowhere": (
        "contacts", b"external_id,first_name\nc1,Zo\x81\n", [],
        'FILE:2: a byte in column "first_name" is no letter of CP1252. Save the file as UTF-8.',
    ),
    "an impossible address": (
        "contacts", b"external_id,email\nc1,ann at mail.example\n", [],
        ("Loaded 0 contacts (0 mailable).\n"
        "1 row rejected: see SHOP/.handbill/rejects/contacts-given-20261201T090000Z.csv\n"
        '  from row 2: email: "ann at mail.example" is not an e-mail address. Write it like ann@example.com. (1 row)\n'
        "Mend the rejected rows in SHOP/.handbill/rejects/contacts-given-20261201T090000Z-rows.csv, "
        "and import that file."),
    ),
    "an empty file": ("contacts", b"", [], "FILE: the file is empty. Export it again."),
}  # fmt: skip
"""Kind, content, options, and what is said."""

UNREACHABLE = {
    "a server that is not there": (
        "postgresql://ann:s3cret@127.0.0.1:1/shop",
        ("postgresql+psycopg://ann:***@127.0.0.1:1/shop: the database cannot be reached (connection failed: connection "
        'to server at "127.0.0.1", port 1 failed: Connection refused). Start it or mend the URL.'),
    ),
    "a folder that cannot be made": (
        "sqlite:///SHOP/campaigns.yaml/store.db",
        ("sqlite:///SHOP/campaigns.yaml/store.db: the database's folder cannot be made (File exists). "
        "Mend the URL, or the folder's permissions."),
    ),
    "a file that is no database": (
        "sqlite:///SHOP/campaigns.yaml",
        "sqlite:///SHOP/campaigns.yaml: this file is not a database. Mend the URL.",
    ),
    "a folder in its place": (
        "sqlite:///SHOP/segments",
        ("sqlite:///SHOP/segments: the database cannot be reached (unable to open database file). "
        "Start it or mend the URL."),
    ),
    "a database of another kind": (
        "mysql://127.0.0.1/shop", 'database "mysql" is not known. Use sqlite or postgresql.'
    ),
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The starter, fresh, as a project that nobody has used."""
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    project = tmp_path / "shop"
    lay_down(project)
    return project


@pytest.mark.parametrize("case", DECLARATIONS)
@pytest.mark.parametrize("command", ["check", "plan autumn-postcard", "run spring-sale --yes"])
def test_a_mistake_in_a_declaration_stops_every_command(
    case: str, command: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, before, after, said = DECLARATIONS[case]
    change(shop / file, before, after)
    with untouched(shop):
        assert handbill([*command.split(), "--project", str(shop)]) == 2
    assert capsys.readouterr() == ("", f"{said}\n")
    assert not (shop / WORK_DIR).exists()


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_mistake_in_a_template_stops_the_check_the_plan_and_the_run(
    case: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, before, after, said = TEMPLATES[case]
    change(shop / file, before, after)
    add_people(shop, capsys)
    campaign = "spring-sale" if file == SPRING else "autumn-postcard"
    with untouched(shop):
        assert handbill(["check", "--project", str(shop)]) == 2
        assert capsys.readouterr() == ("", f"{said}\n")
        assert handbill(["plan", campaign, "--now", NOW, "--project", str(shop)]) == 2
        assert capsys.readouterr() == ("", f"{said}\n")
        with pytest.raises(ProjectInvalid) as caught:
            begin(shop, campaign, now=f"{NOW}Z")
        assert str(caught.value) == said
    assert rows(shop) == {"contact": 3, "run": 0, "outbox": 0}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_loaded_leaves_nothing_behind(
    case: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, content, options, said = FILES[case]
    file = shop.parent / "given.csv"
    file.write_bytes(content)
    with untouched(shop):
        assert handbill(["import", kind, str(file), *options, "--now", NOW, "--project", str(shop)]) == 2
    assert capsys.readouterr() == ("", f"{said}\n".replace("FILE", str(file)).replace("SHOP", str(shop)))
    assert rows(shop) == {"contact": 0, "run": 0, "outbox": 0}


@pytest.mark.parametrize("case", UNREACHABLE)
@pytest.mark.parametrize("command", ["plan spring-sale", "run spring-sale --yes", "status", "db upgrade"])
def test_a_database_that_cannot_be_reached_is_said_at_once(
    case: str, command: str, shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url, said = (each.replace("SHOP", str(shop)) for each in UNREACHABLE[case])
    monkeypatch.setenv("HANDBILL_DATABASE_URL", url)
    with untouched(shop):
        assert handbill([*command.split(), "--project", str(shop)]) == 2
    assert capsys.readouterr() == ("", f"{said}\n")


def test_a_locked_database_keeps_its_rows_as_they_were(
    shop: Path, store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop.parent / "given.csv"
    file.write_text("external_id,email\nc1,ann@mail.example\n")
    impatient = f"{store_url}?timeout=0.1"
    if store_url.startswith("postgresql"):
        impatient = f"{store_url}&options={quote('-c lock_timeout=100')}"
    monkeypatch.setenv("HANDBILL_DATABASE_URL", impatient)
    holder = open_store(store_url)
    with writing(holder) as connection:
        if holder.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE contact IN ACCESS EXCLUSIVE MODE"))
        assert handbill(["import", "contacts", str(file), "--project", str(shop)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    place, sentence = said.err.split(": the database ", 1)
    assert place == open_store(impatient).url.render_as_string()
    assert sentence == "is locked by another program. Stop it, or try again later.\n"
    with reading(holder) as connection:
        assert [connection.scalar(select(func.count()).select_from(each)) for each in (contact, run, outbox)] == [0] * 3
    holder.dispose()


def test_a_mail_server_that_is_not_there_stops_the_run_before_it_begins(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(shop / CAMPAIGNS, "port: 1025", "port: 1")
    add_people(shop, capsys)
    with pytest.raises(ChannelUnavailable) as caught:
        begin(shop, "spring-sale", now=f"{NOW}Z")
    assert str(caught.value) == (
        "the mail server localhost:1 cannot be reached (connection refused). "
        "Start it, or correct channels.email in campaigns.yaml."
    )
    assert rows(shop) == {"contact": 3, "run": 0, "outbox": 0}


def change(file: Path, before: str, after: str) -> None:
    """Makes the mistake."""
    written = file.read_text(encoding="utf-8")
    assert before in written
    file.write_text(written.replace(before, after), encoding="utf-8")


def add_people(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three contacts whom the spring sale would reach."""
    for kind, header, row in (
        ("contacts", "external_id,email,country,created_at", "c{0},c{0}@mail.example,GB,2026-01-01"),
        ("consents", "external_id,channel,topic,state,at", "c{0},email,offers,granted,2026-01-01"),
        ("orders", "order_id,external_id,ordered_at,total", "o{0},c{0},2026-09-01,20"),
    ):
        file = shop.parent / f"{kind}.csv"
        file.write_text("\n".join([header, *(row.format(number) for number in range(3))]))
        assert handbill(["import", kind, str(file), "--now", NOW, "--project", str(shop)]) == 0
    capsys.readouterr()


def rows(shop: Path) -> dict[str, int]:
    """How much the store holds."""
    with closing(sqlite3.connect(shop / WORK_DIR / "handbill.db")) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - three fixed names
            for table in ("contact", "run", "outbox")
        }


@contextmanager
def untouched(shop: Path) -> Iterator[None]:
    """The project's files are afterwards what they were before."""
    before = files(shop)
    yield
    assert files(shop) == before


def files(shop: Path) -> dict[Path, bytes]:
    return {
        file: file.read_bytes()
        for part in PARTS
        for file in ([shop / part] if (shop / part).is_file() else sorted((shop / part).rglob("*")))
        if file.is_file() and file.suffix != ".pyc"
    }
