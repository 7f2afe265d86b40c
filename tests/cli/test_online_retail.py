"""The recipe of the guide gives the numbers that it promises, on the real data."""

import csv
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from handbill.cli.app import app
from handbill.demo.mailbox import Mailbox, running_mailbox
from handbill.errors import NothingToDo
from handbill.operations import driving
from handbill.settings import load_settings
from handbill.store.connection import open_store, reading
from handbill.store.tables import contact, orders

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "online_retail.parquet"
RECIPE = ROOT / "docs" / "guide" / "online-retail.md"
BLOCKS = re.findall(r"^```(sh|text|yaml)\n(.*?)^```$", RECIPE.read_text(), re.MULTILINE | re.DOTALL)
NOW = "2011-12-10T00:00:00+00:00"

pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="the data set is not part of the project"),
]


@dataclass(frozen=True)
class Shop:
    """The project of the recipe, with its data imported: what the imports said, and the mail server that it uses."""

    folder: Path
    said: list[str]
    mailbox: Mailbox


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    outside = tmp_path_factory.mktemp("recipe")
    (outside / DATA.name).symlink_to(DATA)
    with pytest.MonkeyPatch.context() as patch, running_mailbox() as mailbox:
        patch.delenv("HANDBILL_DATABASE_URL", raising=False)
        patch.chdir(outside)
        secret = next(words[1] for words in commands() if words[0] == "export")
        patch.setenv(*secret.split("="))
        said_by("handbill init retail")
        folder = outside / "retail"
        patch.chdir(folder)
        write_files(folder, mailbox.port)
        imports = [words for words in commands() if words[:2] == ["handbill", "import"]]
        yield Shop(folder, [said_by(shlex.join(words)) for words in imports], mailbox)


@pytest.fixture(scope="module")
def finished_run(shop: Shop) -> str:
    """Takes the steps of the project's flow; answers what the run said at its end."""
    run_id = driving.begin(shop.folder, "first-look", now=NOW)
    while driving.send_for(shop.folder, run_id, 20, now=NOW).more:
        pass
    return driving.end(shop.folder, run_id, now=NOW)


def commands() -> list[list[str]]:
    """Every command of the recipe, as words."""
    lines = [block.replace("\\\n", " ").splitlines() for language, block in BLOCKS if language == "sh"]
    return [shlex.split(line) for block in lines for line in block]


def promised(command: str) -> str:
    """What the recipe shows under the commands among which this one is."""
    place = next(number for number, (language, block) in enumerate(BLOCKS) if language == "sh" and command in block)
    language, block = BLOCKS[place + 1]
    assert language == "text"
    return str(block)


def said_by(command: str) -> str:
    result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def write_files(folder: Path, port: int) -> None:
    """Does what the recipe asks its reader to write."""
    segment, campaign = (block for language, block in BLOCKS if language == "yaml")
    (folder / "segments" / "bought-twice.yaml").write_text(segment)
    campaigns = folder / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text().replace("port: 1025", f"port: {port}") + "\n" + campaign)


def test_the_imports_say_what_the_recipe_shows(shop: Shop) -> None:
    kinds = ("contacts", "consents", "products", "orders")
    assert "".join(shop.said) == "".join(promised(f"handbill import {kind}") for kind in kinds)


def test_the_store_holds_the_households_orders_and_money_of_the_recipe(shop: Shop) -> None:
    engine = open_store(load_settings(shop.folder).database_url)
    with reading(engine) as connection:
        homes = select(func.count(contact.c.household_key.distinct())).where(contact.c.address_key.is_not(None))
        assert connection.scalar(homes) == 2_520
        bought = select(func.count().filter(orders.c.total > 0), func.count().filter(orders.c.total == 0))
        worth = bought.add_columns(func.sum(orders.c.total))
        assert connection.execute(worth).one() == (18_532, 4, 8_300_065_814_000)
    engine.dispose()


def test_1387_contacts_bought_twice_in_90_days(shop: Shop) -> None:
    command = "handbill segment count bought-twice --now 2011-12-10"
    assert said_by(command) == promised(command) == "1,387 of 4,372 contacts (31.7%) are in bought-twice.\n"


def test_the_plan_is_the_one_in_the_recipe(shop: Shop) -> None:
    command = "handbill plan first-look --now 2011-12-10"
    said, digest = (said_by("handbill check") + said_by(command)).split("\nDigest ")
    assert said == promised(command)
    assert re.fullmatch(r"[0-9a-f]{64}\n", digest)
    left_out = [int(number) for number in re.findall(r"^ +−(\d+)  ", said, re.MULTILINE)]
    assert 1_387 - sum(left_out) == 1_084


def test_the_run_sends_538_mails_and_prints_104_pieces(shop: Shop, finished_run: str) -> None:
    said = finished_run + "\n" + said_by("handbill status first-look")
    assert said == promised("handbill run first-look")
    assert (len(shop.mailbox.accepted), shop.mailbox.accepted.total(), shop.mailbox.refused) == (538, 538, 0)
    batch = shop.folder / ".handbill" / "print" / "first-look-once-postcard-001"
    with (batch / "manifest.csv").open(newline="") as manifest:
        assert len({row["household_id"] for row in csv.DictReader(manifest)}) == 104
    with pdfium.PdfDocument(batch / "pieces.pdf") as pieces:
        assert len(pieces) == 208


def test_the_finished_wave_is_not_sent_twice(shop: Shop, finished_run: str) -> None:
    with pytest.raises(NothingToDo) as refused:
        driving.begin(shop.folder, "first-look", now=NOW)
    assert ("text", f"{refused.value}\n") in BLOCKS


def test_the_report_is_too_early_because_the_data_end_first(shop: Shop, finished_run: str) -> None:
    command = "handbill report first-look --format md"
    said = said_by(command)
    assert said.startswith(promised(command))
    assert "but orders are known only up to 9 December 2011." in said
    assert "import the orders up to 9 January 2012." in said
