"""An invented recipient, for previews and for the check that a template can be rendered at all."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from handbill.definitions.fields import ContactField, FieldType
from handbill.definitions.project import Project

_PERSON: Mapping[str, Any] = {
    "external_id": "sample",
    "email": "alex.morgan@mail.example",
    "phone": "+44 20 7946 0000",
    "first_name": "Alex",
    "last_name": "Morgan",
    "language": "en",
    "timezone": "Europe/London",
    "company": "Morgan & Co",
    "address_line1": "12 Sample Street",
    "address_line2": None,  # with it the address would have a line more than some envelopes show
    "city": "Whitby",
    "region": "North Yorkshire",
    "postcode": "YO21 1AA",
    "country": "GB",
    "created_at": datetime(2024, 3, 1, 12, tzinfo=UTC),
}
_BY_TYPE: Mapping[FieldType, Any] = {
    "text": "Sample",
    "integer": 120,
    "number": Decimal("49.90"),
    "boolean": True,
    "date": date(2024, 3, 1),
    "time": datetime(2024, 3, 1, 12, tzinfo=UTC),
}


def sample_profile(project: Project) -> dict[str, Any]:
    """A profile with a value for every field of the project but the second line of the address."""
    return {name: _value(field) for name, field in project.fields.items()}


def sample_purchases(project: Project) -> dict[str, Any]:
    """An order of two products, as `add_purchases` would add it to a profile."""
    goods = (("NW-101", "Harbour jumper", "Knitwear", 1, "85.00"), ("NW-204", "Wool socks", "Accessories", 2, "14.50"))
    lines = [
        {"sku": sku, "quantity": quantity, "price": Decimal(price), "total": quantity * Decimal(price), "name": name,
         "category": category}
        for sku, name, category, quantity, price in goods
    ]  # fmt: skip
    order = {
        "id": "A-1001", "ordered_at": datetime(2024, 9, 14, 10, 30, tzinfo=UTC), "total": Decimal("114.00"),
        "discount": Decimal(0), "refund": Decimal(0), "currency": project.currency, "code": None, "lines": lines,
    }  # fmt: skip
    products = [{name: line[name] for name in ("sku", "name", "category", "price")} for line in lines]
    return {"uses:orders": [order], "uses:products": products}


def _value(field: ContactField) -> Any:
    if field.name in _PERSON and field.builtin:
        return _PERSON[field.name]
    return field.one_of[0] if field.one_of else _BY_TYPE[field.type]
