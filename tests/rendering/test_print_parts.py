from pathlib import Path

import pytest

from handbill.errors import ProjectInvalid
from handbill.rendering.print import compile_mail
from handbill.rendering.print_parts import check_mail_templates
from tests.rendering.mail import compiled, letter_html, mail_project


def refusal(root: Path, html: str) -> list[str]:
    with pytest.raises(ProjectInvalid) as refused:
        compiled(root, html)
    return [str(problem) for problem in refused.value.problems]


def test_a_template_without_mistakes_has_no_problems(tmp_path: Path) -> None:
    assert check_mail_templates(mail_project(tmp_path, letter_html())) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ contact.frist_name }}",
         "templates/mail/piece.html:11:22: contact.frist_name is not a contact field. Did you mean first_name?"),
        ("{{ contact.first_name }}",
         ("templates/mail/piece.html:11:22: contact.first_name may be missing. Write {{ contact.first_name | default"
         '("…") }}, or put it between {% if contact.first_name %} and {% endif %}.')),
        ("{{ piece.cod }}", "templates/mail/piece.html:11:22: piece.cod is not a value of piece. Did you mean code?"),
        ("{{ offer.discount | percent }}",
         ('templates/mail/piece.html:11:22: arm "post" has no offer. Give it one, or write {{ offer.discount | default'
         '("…") }}, or put it between {% if offer.discount %} and {% endif %}.')),
        ("{% if contact.tier %}",
         ("templates/mail/piece.html:11:19: the {% if contact.tier %} that opens here is never closed. "
         "Close it with {% endif %}.")),
    ],
)  # fmt: skip
def test_a_name_that_stands_for_nothing_is_found_before_anything_is_printed(
    tmp_path: Path, body: str, said: str
) -> None:
    assert refusal(tmp_path, letter_html(body)) == [said]


@pytest.mark.parametrize(("pages", "place"), [("2-1", ":3:38"), ("many", ":3:38"), ("0", ":3:38")])
def test_a_wrong_number_of_pages_is_refused(tmp_path: Path, pages: str, place: str) -> None:
    assert refusal(tmp_path, letter_html(pages=pages)) == [
        (
            f'templates/mail/piece.html{place}: "{pages}" is not a number of pages. '
            'Write <meta name="handbill-pages" content="1">, or "1-2" for one to two.'
        )
    ]


def test_a_template_must_say_how_many_pages_it_has(tmp_path: Path) -> None:
    html = letter_html().replace('<meta name="handbill-pages" content="1">', "")
    assert refusal(tmp_path, html) == [
        (
            "templates/mail/piece.html: the template does not say how many pages it has. "
            'Write <meta name="handbill-pages" content="1">, or "1-2" for one to two.'
        )
    ]


def test_a_marketing_piece_must_show_who_sends_it(tmp_path: Path) -> None:
    html = letter_html().replace("{{ brand.postal_address }}", "")
    assert refusal(tmp_path, html) == [
        "templates/mail/piece.html: a marketing piece must show who sends it. Add {{ brand.postal_address }}."
    ]


def test_a_missing_template_is_refused(tmp_path: Path) -> None:
    project = mail_project(tmp_path, letter_html())
    (tmp_path / "templates" / "mail" / "piece.html").unlink()
    with pytest.raises(ProjectInvalid) as refused:
        compile_mail(project, project.campaigns["spring-sale"], "post")
    assert str(refused.value) == "templates/mail/piece.html: there is no such template. Write it, or correct the name."


def test_an_arm_without_post_is_refused(tmp_path: Path) -> None:
    project = mail_project(tmp_path, letter_html())
    with pytest.raises(ProjectInvalid) as refused:
        compile_mail(project, project.campaigns["spring-sale"], "nothing")
    assert str(refused.value) == (
        'arm "nothing" of spring-sale sends no post. Give it direct_mail with a template and a format.'
    )


def test_a_value_of_the_marketers_own_cannot_take_a_reserved_name(tmp_path: Path) -> None:
    project = mail_project(
        tmp_path,
        letter_html(),
        direct_mail={"template": "piece", "format": "letter", "with": {"piece": "x", "my-code": "y"}},
    )
    assert [str(problem) for problem in check_mail_templates(project)] == [
        (
            'campaigns.yaml: arm "post" of spring-sale gives "my-code" with its post, which a template cannot read. '
            "Use letters, digits and _ only."
        ),
        (
            'campaigns.yaml: arm "post" of spring-sale gives "piece" with its post, which templates know already. '
            "Give this value another name."
        ),
    ]


def test_what_the_arm_gives_is_read_by_its_name(tmp_path: Path) -> None:
    html = letter_html("<p>{{ season }}</p>")
    direct_mail = {"template": "piece", "format": "letter", "with": {"season": "Autumn"}}
    assert check_mail_templates(mail_project(tmp_path, html, direct_mail=direct_mail)) == []
