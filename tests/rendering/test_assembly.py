from pathlib import Path

import pytest

from handbill.rendering.assembly import assemble
from handbill.rendering.environment import make_environment
from tests.rendering.projects import make_project


def assembled(tmp_path: Path, files: dict[str, str], name: str = "email/a.mjml") -> tuple[str | None, list[str]]:
    source, problems = assemble(make_environment(make_project(tmp_path, files)), name)
    return (source.text if source else None), [str(problem) for problem in problems]


def test_includes_of_jinja_and_of_mjml_are_carried_out(tmp_path: Path) -> None:
    files = {
        "email/a.mjml": '1{% include "p/b.mjml" %}2<mj-include path="p/c.mjml" />3{% include "shared/d.mjml" %}4',
        "email/p/b.mjml": "b{% include 'c.mjml' %}",
        "email/p/c.mjml": "c",
        "shared/d.mjml": "d",
    }
    assert assembled(tmp_path, files) == ("1bc2c3d4", [])


def test_a_layout_is_filled_with_the_blocks_of_its_template(tmp_path: Path) -> None:
    files = {
        "email/a.mjml": '{% extends "middle.mjml" %} lost {% block body %}A{{ super() }}{% endblock %}',
        "email/middle.mjml": '{% extends "base.mjml" %}{% block head %}H{% endblock %}',
        "email/base.mjml": "<{% block head %}h{% endblock head %}|"
        "{% block body %}b{% block inner %}i{% endblock %}{% endblock %}>",
    }
    assert assembled(tmp_path, files) == ("<H|Abi>", [])


def test_every_character_knows_its_file_line_and_column(tmp_path: Path) -> None:
    files = {"email/a.mjml": '12\n4{% include "b.mjml" %}5\n6', "email/b.mjml": "x\ny"}
    source, _ = assemble(make_environment(make_project(tmp_path, files)), "email/a.mjml")
    assert source
    places = {letter: source.place(source.text.index(letter)) for letter in "24xy56"}
    assert places == {
        "2": ("templates/email/a.mjml", 1, 2),
        "4": ("templates/email/a.mjml", 2, 1),
        "x": ("templates/email/b.mjml", 1, 1),
        "y": ("templates/email/b.mjml", 2, 1),
        "5": ("templates/email/a.mjml", 2, 24),
        "6": ("templates/email/a.mjml", 3, 1),
    }


OUTSIDE = "names no file below templates/. Write it, or correct the name."
ONE_NAME = "takes the name of one file in quotes, and nothing else. Write"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{% include '../../etc/passwd' %}", f'1:1: include "../../etc/passwd" {OUTSIDE}'),
        ("{% include '/etc/passwd' %}", f'1:1: include "/etc/passwd" {OUTSIDE}'),
        ('\n <mj-include path="../../campaigns.yaml" />', f'2:2: mj-include "../../campaigns.yaml" {OUTSIDE}'),
        (
            "{% extends 'email/loyot.mjml' %}",
            '1:1: extends "email/loyot.mjml" names no file below templates/. Did you mean templates/email/layout.mjml?',
        ),
        ("{% include contact.tier %}", f'1:1: include {ONE_NAME} {{% include "footer.mjml" %}}.'),
        ('<mj-include path="b.mjml" type="css" />', f'1:1: mj-include {ONE_NAME} <mj-include path="footer.mjml" />.'),
        ("{% include 'a.mjml' %}", "1:1: this includes itself: email/a.mjml → email/a.mjml. Remove one of them."),
        (
            "{% block x %}",
            "1:1: the {% block x %} that opens here is never closed. Close it with {% endblock %}.",
        ),
        ("{% endblock %}", "1:1: {% endblock %} closes nothing. Remove it, or open its block before it."),
        ("{% block %}{% endblock %}", "1:1: block takes a name, and nothing else. Write {% block content %}."),
    ],
)
def test_what_cannot_be_put_together_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "campaigns.yaml").write_text("secret: 1")
    assert assembled(tmp_path, {"email/a.mjml": text, "email/layout.mjml": ""}) == (
        None,
        [f"templates/email/a.mjml:{problem}"],
    )


def test_a_circle_over_several_files_is_named(tmp_path: Path) -> None:
    files = {"email/a.mjml": "{% include 'b.mjml' %}", "email/b.mjml": "\n<mj-include path='a.mjml'/>"}
    circle = "email/a.mjml → email/b.mjml → email/a.mjml"
    assert assembled(tmp_path, files)[1] == [
        f"templates/email/b.mjml:2:1: this includes itself: {circle}. Remove one of them."
    ]


def test_an_include_in_a_comment_is_left_alone(tmp_path: Path) -> None:
    text = '<!-- <mj-include path="gone.mjml" /> -->'
    assert assembled(tmp_path, {"email/a.mjml": text}) == (text, [])


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    assert assembled(tmp_path, {"email/spring.mjml": ""}, "email/sprin.mjml") == (
        None,
        ["templates/email/sprin.mjml: there is no such template. Did you mean templates/email/spring.mjml?"],
    )


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    make_project(tmp_path, {"email/a.mjml": ""})
    (tmp_path / "templates/email/a.mjml").write_bytes("Grüße".encode("latin-1"))
    assert assembled(tmp_path, {}) == (
        None, ["templates/email/a.mjml: the file is not written in UTF-8. Save it as UTF-8."]
    )  # fmt: skip


def test_a_link_that_leads_outside_is_no_template(tmp_path: Path) -> None:
    (tmp_path / "secret.mjml").write_text("secret")
    make_project(tmp_path, {"email/a.mjml": "{% include 'link.mjml' %}"})
    (tmp_path / "templates/email/link.mjml").symlink_to(tmp_path / "secret.mjml")
    text, problems = assembled(tmp_path, {})
    assert text is None
    assert problems == [
        'templates/email/a.mjml:1:1: include "link.mjml" names no file below templates/. Write it, or correct the name.'
    ]


def test_a_template_made_of_too_many_files_is_refused(tmp_path: Path) -> None:
    files = {f"email/{n}.mjml": f'{{% include "{n + 1}.mjml" %}}' * 2 for n in range(40)}
    files["email/40.mjml"] = "x"
    text, found = assembled(tmp_path, files, "email/0.mjml")
    assert text is None
    assert len(found) == 1
    assert found[0].endswith("with this, the template is made of more than 500 files. Include less.")


def test_the_mark_that_some_editors_put_before_a_file_is_left_out(tmp_path: Path) -> None:
    assert assembled(tmp_path, {"email/a.mjml": "\ufeffx"}) == ("x", [])
