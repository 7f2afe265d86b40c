"""The templates in the guide are right."""

import re
from pathlib import Path

import pytest

from handbill.rendering.email import Links, compile_email
from tests.rendering.projects import make_project

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "email-templates.md"
EXAMPLES = re.findall(r"^```mjml\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=["whole", "loop"])
@pytest.mark.parametrize("arm", ["plain", "discount"])
def test_every_template_of_the_guide_can_be_sent(tmp_path: Path, example: str, arm: str) -> None:
    project = make_project(tmp_path, {"email/spring.mjml": example})
    email = compile_email(project, project.campaigns["spring-sale"], arm).render({}, Links("mailto:u@shop.example"))
    assert "Unsubscribe <mailto:u@shop.example>" in email.text


def test_the_example_shows_its_offer_to_one_arm_only(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"email/spring.mjml": EXAMPLES[0]})
    texts = {
        arm: compile_email(project, project.campaigns["spring-sale"], arm)
        .render({}, Links("mailto:u@shop.example"))
        .text
        for arm in ("plain", "discount")
    }
    assert "15% off with the code SPRING15." in texts["discount"]
    assert "off with the code" not in texts["plain"]
