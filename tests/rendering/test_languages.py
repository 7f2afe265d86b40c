from pathlib import Path
from typing import Any

from handbill.rendering.email import EmailTemplate, Links, compile_email
from handbill.rendering.fields import check_templates
from handbill.rendering.print import compile_mail
from tests.rendering.mail import letter_html, mail_project, piece
from tests.rendering.projects import mail, make_project

LINKS = Links("mailto:unsubscribe@northwind.example")
SPRING = {
    "email/spring.mjml": mail("<mj-text>Spring</mj-text>"),
    "email/spring.de.mjml": mail("<mj-text>Frühling</mj-text>"),
}


def template(folder: Path, files: dict[str, str], subject: Any, **more: Any) -> EmailTemplate:
    arms = {
        "nothing": {"share": "50%", "holdout": "true"},
        "plain": {"share": "50%", "email": {"subject": subject, **more}},
    }
    project = make_project(folder, files, arms=arms, languages={"default": "en", "fallback": {"nds": "de"}})
    return compile_email(project, project.campaigns["spring-sale"], "plain")


def test_subject_preheader_and_template_are_chosen_by_the_same_languages(tmp_path: Path) -> None:
    spring = template(
        tmp_path,
        SPRING,
        {"default": "Spring is here", "de": "Der Frühling ist da, {{ contact.first_name | default('Freund') }}"},
        preheader={"default": "In short", "de": "Kurz gesagt"},
    )
    said = {}
    for language in ("en", "de-AT", "nds", "fr", None, "DE_at"):
        email = spring.render({"language": language, "first_name": "Ann"}, LINKS)
        said[language] = (email.language, email.subject, email.preheader, email.text.split("\n")[0])
    german = ("de", "Der Frühling ist da, Ann", "Kurz gesagt", "Frühling")
    english = ("en", "Spring is here", "In short", "Spring")
    assert said == {"en": english, "de-AT": german, "nds": german, "fr": english, None: english, "DE_at": german}


def test_each_language_has_a_plain_text_of_its_own(tmp_path: Path) -> None:
    foot = "{{ links.unsubscribe }} {{ brand.postal_address }}"
    files = {**SPRING, "email/spring.de.txt": f"Von Hand {foot}"}
    spring = template(tmp_path, files, "Hello")
    assert spring.render({"language": "de"}, LINKS).text.startswith("Von Hand mailto:")
    assert spring.render({"language": "en"}, LINKS).text.startswith("Spring\n")


def test_a_mistake_in_the_subject_of_one_language_is_reported_at_its_place(tmp_path: Path) -> None:
    subject = {"default": "Hello", "de": "Hallo {{ contact.frist_name }}"}
    arms = {"nothing": {"share": "50%", "holdout": "true"}, "plain": {"share": "50%", "email": {"subject": subject}}}
    project = make_project(tmp_path, SPRING, arms=arms)
    (tmp_path / "campaigns.yaml").write_text(
        "campaigns:\n  spring-sale:\n    experiment:\n      arms:\n        plain:\n          email:\n"
        "            subject:\n              default: Hello\n              de: Hallo {{ contact.frist_name }}\n",
        encoding="utf-8",
    )
    assert [str(each) for each in check_templates(project)] == [
        "campaigns.yaml:9:28: contact.frist_name is not a contact field. Did you mean first_name?"
    ]


def test_a_letter_is_written_in_the_language_of_its_reader(tmp_path: Path) -> None:
    project = mail_project(tmp_path, letter_html("<p>Dear reader</p>"))
    german = letter_html("<p>Liebe Leserin</p>")
    (tmp_path / "templates/mail/piece.de.html").write_text(german, encoding="utf-8")
    letter = compile_mail(project, project.campaigns["spring-sale"], "post")
    assert "Liebe Leserin" in letter.write(piece(language="de-CH"))
    assert "Dear reader" in letter.write(piece(language="fr"))
    assert letter.check(piece(language="de-CH")) == ()
