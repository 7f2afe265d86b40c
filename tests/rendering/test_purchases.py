from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from handbill.errors import NotRenderable
from handbill.rendering.email import Links, compile_email
from handbill.rendering.fields import check_templates
from handbill.rendering.samples import sample_purchases
from tests.rendering.projects import mail, make_project

LINKS = Links("https://links.example/u/1")
SHOWN = (
    "<mj-text>{% for order in orders %}{{ order.total | money }} on {{ order.ordered_at | date }}:"
    "{% for line in order.lines %} {{ line.quantity }} {{ line.name | default(line.sku) }}{% endfor %}{% endfor %}"
    "{% for product in products %}, {{ product.name }}{% endfor %}</mj-text>"
)


def said(folder: Path, content: str, uses: list[str], **profile: Any) -> str:
    project = make_project(folder, {"email/spring.mjml": mail(content)}, email_of_all={"uses": uses})
    email = compile_email(project, project.campaigns["spring-sale"], "plain")
    return email.render({**sample_purchases(project), **profile}, LINKS).text.split("\n")[0]


def test_a_template_shows_the_orders_and_products_that_it_uses(tmp_path: Path) -> None:
    assert said(tmp_path, SHOWN, ["orders", "products"]) == (
        "£114.00 on 14 September 2024: 1 Harbour jumper 2 Wool socks, Harbour jumper, Wool socks"
    )


def test_somebody_without_orders_sees_empty_lists(tmp_path: Path) -> None:
    content = "<mj-text>{% for order in orders %}x{% else %}Nothing yet.{% endfor %}</mj-text>"
    assert said(tmp_path, content, ["orders"], **{"uses:orders": []}) == "Nothing yet."


def test_what_was_not_imported_with_a_line_is_missing(tmp_path: Path) -> None:
    line = {"sku": "NW-1", "quantity": 1, "price": Decimal(5), "total": Decimal(5), "name": None, "category": None}
    order = {"lines": [line]}
    shown = "<mj-text>{{ (orders | first).lines[0].name%s }}</mj-text>"
    assert said(tmp_path, shown % " | default('a thing')", ["orders"], **{"uses:orders": [order]}) == "a thing"
    with pytest.raises(NotRenderable, match=r"line\.name has no value for this recipient"):
        said(tmp_path, shown % "", ["orders"], **{"uses:orders": [order]})


def test_lists_that_the_e_mail_does_not_name_are_closed(tmp_path: Path) -> None:
    files = {"email/spring.mjml": mail("<mj-text>{{ orders | length }}</mj-text>")}
    project = make_project(tmp_path, files)
    (problem,) = check_templates(project)
    assert str(problem) == (
        "templates/email/spring.mjml:1:129: orders is not a name that this template has. "
        "Write uses: [orders] beside its name in campaigns.yaml."
    )


def test_a_template_that_needs_an_order_is_refused_for_those_who_have_none(tmp_path: Path) -> None:
    files = {"email/spring.mjml": mail("<mj-text>{{ orders[0].total | money }}</mj-text>")}
    project = make_project(tmp_path, files, email_of_all={"uses": ["orders"]})
    assert [str(each) for each in check_templates(project)] == [
        "templates/email/spring.mjml:1:126: list object has no element 0. Check the name."
    ]
