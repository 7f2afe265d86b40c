"""The demonstration's shop is the same at every run, and looks like a shop."""

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from handbill.demo.shop import write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_shop(tmp_path_factory.mktemp("shop"), contacts=1000).files


def test_the_same_seed_makes_the_same_shop(shop: dict[str, Path], tmp_path: Path) -> None:
    again = write_shop(tmp_path, contacts=1000).files
    for kind, path in shop.items():
        assert pq.read_table(path).equals(pq.read_table(again[kind]))


def test_customers_have_names_in_several_scripts_and_live_in_households(shop: dict[str, Path]) -> None:
    rows = pq.read_table(shop["contacts"]).to_pylist()
    assert len(rows) == 1000
    assert len({row["external_id"] for row in rows}) == 1000
    scripts = {row["country"] for row in rows}
    assert {"GB", "DE", "FR", "GR", "BG", "JP"} <= scripts
    homes = Counter((row["address_line1"], row["postcode"], row["last_name"]) for row in rows if row["address_line1"])
    assert 1 < max(homes.values()) <= 3


def test_some_customers_lack_what_a_campaign_needs(shop: dict[str, Path]) -> None:
    rows = pq.read_table(shop["contacts"]).to_pylist()
    for name in ("email", "first_name", "address_line1"):
        assert 0 < sum(row[name] is None for row in rows) < 200


def test_every_line_belongs_to_a_customer_and_a_product(shop: dict[str, Path]) -> None:
    tables = {kind: pq.read_table(path).to_pylist() for kind, path in shop.items()}
    contacts = {row["external_id"] for row in tables["contacts"]}
    products = {row["sku"] for row in tables["products"]}
    assert {line["external_id"] for line in tables["orders"]} <= contacts
    assert {line["sku"] for line in tables["orders"]} <= products
    assert {event["external_id"] for event in tables["events"]} <= contacts
