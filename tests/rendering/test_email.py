from pathlib import Path
from typing import Any

import pytest

from handbill.errors import NotRenderable, ProjectInvalid
from handbill.rendering.email import EmailTemplate, Links, RenderedEmail, compile_email
from tests.rendering.projects import column, mail, make_project, mjml

LINKS = Links(unsubscribe="mailto:unsubscribe@northwind.example?subject=a&body=b")
ANN = {"email": "ann@shop.example", "first_name": "Ann", "tier": "gold"}


def template(root: Path, files: dict[str, str], arm: str = "discount", **campaign: Any) -> EmailTemplate:
    project = make_project(root, {f"email/{name}": text for name, text in files.items()}, **campaign)
    return compile_email(project, project.campaigns["spring-sale"], arm)


def rendered(root: Path, text: str, profile: dict[str, Any] = ANN, arm: str = "discount") -> RenderedEmail:
    return template(root, {"spring.mjml": mail(text)}, arm).render(profile, LINKS)


def test_a_contact_and_an_arm_become_an_email(tmp_path: Path) -> None:
    text = "<mj-text>Dear {{ contact.first_name | default('friend') }}, use {{ code }} at {{ brand.name }}.</mj-text>"
    email = rendered(tmp_path, text)
    assert email.subject == "15% off, Ann"
    assert "Dear Ann, use SPRING15 at Northwind &amp; Sons." in email.html
    assert email.text == (
        "Dear Ann, use SPRING15 at Northwind & Sons.\n\n"
        "Unsubscribe <mailto:unsubscribe@northwind.example?subject=a&body=b> "
        "1 Harbour Street, Whitby YO21 1AA, United Kingdom\n"
    )
    assert email.html == "".join(email.pieces)
    assert email.preheader == ""


def test_somebody_without_a_name_gets_the_fallback(tmp_path: Path) -> None:
    text = "<mj-text>Dear {{ contact.first_name | default('friend') }}</mj-text>"
    for nothing in (None, "", "  "):
        assert "Dear friend" in rendered(tmp_path, text, {"first_name": nothing}).html


def test_arms_share_a_template_and_differ_in_what_they_give(tmp_path: Path) -> None:
    text = "<mj-text>{% if code %}{{ offer.discount | percent }} with {{ code }}{% else %}no code{% endif %}</mj-text>"
    assert "15% with SPRING15" in rendered(tmp_path, text).html
    assert "no code" in rendered(tmp_path, text, arm="plain").html


def test_values_are_escaped_in_html_and_never_run(tmp_path: Path) -> None:
    email = rendered(tmp_path, "<mj-text>{{ contact.tier | default('-') }}</mj-text>", {"tier": "<b>{{ 7 * 7 }}</b> &"})
    assert "&lt;b&gt;{{ 7 * 7 }}&lt;/b&gt; &amp;" in email.html
    assert email.text.startswith("<b>{{ 7 * 7 }}</b> &\n")


def test_a_line_break_in_a_value_does_not_reach_the_subject(tmp_path: Path) -> None:
    email = rendered(tmp_path, "<mj-text>a</mj-text>", {"first_name": "Ann\r\nBcc: all@shop.example\u2028"})
    assert email.subject == "15% off, Ann Bcc: all@shop.example"


def test_the_subject_and_the_preheader_are_known_to_the_template(tmp_path: Path) -> None:
    head = "<mj-title>{{ subject }}</mj-title><mj-preview>{{ preheader | default(subject) }}</mj-preview>"
    words = {"subject": "Hello", "preheader": "{{ subject }}, {{ contact.email }}"}
    arms = {"nothing": {"share": "50%", "holdout": "true"}, "plain": {"share": "50%", "email": words}}
    spring = template(tmp_path, {"spring.mjml": mail("<mj-text>a</mj-text>", head)}, "plain", arms=arms)
    email = spring.render(ANN, LINKS)
    assert email.preheader == "Hello, ann@shop.example"
    assert "<title>Hello</title>" in email.html
    assert ">Hello, ann@shop.example</div>" in email.html


def test_the_language_of_a_contact_chooses_the_template(tmp_path: Path) -> None:
    files = {
        "spring.mjml": mail("<mj-text>Spring</mj-text>"),
        "spring.de.mjml": mail("<mj-text>Frühling</mj-text>"),
        "spring.pt-BR.mjml": mail("<mj-text>Primavera</mj-text>"),
        "spring.notes.mjml": "not a language",
    }
    spring = template(tmp_path, files)
    assert spring.languages == ("en", "de", "pt-BR")
    wanted = ["de", "de-AT", "de_CH", "pt_BR", "pt", "fr", None]
    said = [spring.render({"language": each}, LINKS).text.split("\n")[0] for each in wanted]
    assert said == ["Frühling", "Frühling", "Frühling", "Primavera", "Spring", "Spring", "Spring"]


def test_a_text_beside_the_template_is_used_as_it_is(tmp_path: Path) -> None:
    text = "{% if code %}Code: {{ code }}\n{% endif %}Tier & all: {{ contact.tier | default('<none>') }}\n\n\n\n"
    foot = "{{ links.unsubscribe }} {{ brand.postal_address }}"
    files = {"spring.mjml": mail("<mj-text>a</mj-text>"), "spring.txt": text + foot}
    email = template(tmp_path, files).render({}, LINKS)
    assert email.text == (
        "Code: SPRING15\nTier & all: <none>\n\nmailto:unsubscribe@northwind.example?subject=a&body=b "
        "1 Harbour Street, Whitby YO21 1AA, United Kingdom\n"
    )


def test_links_that_a_recipient_does_not_have_can_be_asked_for(tmp_path: Path) -> None:
    text = '{% if links.view_online %}<a href="{{ links.view_online }}">View</a>{% else %}plain{% endif %}'
    spring = template(tmp_path, {"spring.mjml": mail(f"<mj-text>{text}</mj-text>")})
    assert spring.render(ANN, LINKS).text.startswith("plain\n")
    assert spring.render(ANN, Links("https://a.example/u", view_online="https://a.example/v")).text.startswith(
        "View <https://a.example/v>\n"
    )


def test_whoever_cannot_be_rendered_is_refused_with_the_field_and_its_place(tmp_path: Path) -> None:
    text = "{{ contact.tier | default('x') }}\n {{ contact.joined | default(1) | date }}"
    spring = template(tmp_path, {"spring.mjml": mail(f"<mj-text>\n{text}</mj-text>")})
    with pytest.raises(NotRenderable) as caught:
        spring.render(ANN, LINKS)
    place = "templates/email/spring.mjml:3:2"
    assert str(caught.value) == f"{place}: the filter date needs a date or a time. Check the value."


def test_a_subject_that_comes_out_empty_is_refused(tmp_path: Path) -> None:
    words = {"subject": "{% if contact.tier %}{{ contact.tier }}{% endif %}"}
    arms = {"nothing": {"share": "50%", "holdout": "true"}, "plain": {"share": "50%", "email": words}}
    spring = template(tmp_path, {"spring.mjml": mail("<mj-text>a</mj-text>")}, "plain", arms=arms)
    with pytest.raises(NotRenderable) as caught:
        spring.render({"tier": None}, LINKS)
    assert str(caught.value) == "campaigns.yaml:1:1: the subject is empty for this recipient. Give it words of its own."


def test_a_recipient_who_would_get_no_unsubscribe_link_is_refused(tmp_path: Path) -> None:
    text = "{% if contact.tier %}" + mail("").split("<mj-body>")[1].split("</mj-body>")[0] + "{% endif %}"
    spring = template(tmp_path, {"spring.mjml": f"<mjml><mj-body>{text}</mj-body></mjml>"})
    assert spring.render(ANN, LINKS).html
    for profile, links in ((ANN | {"tier": None}, LINKS), (ANN, Links(None))):
        with pytest.raises(NotRenderable) as caught:
            spring.render(profile, links)
        assert "links.unsubscribe" in str(caught.value)


def test_a_service_mail_needs_no_unsubscribe_link(tmp_path: Path) -> None:
    body = mjml(column("<mj-text>Your parcel</mj-text>"))
    spring = template(tmp_path, {"spring.mjml": body}, kind="service")
    assert spring.render(ANN, Links(None)).text == "Your parcel\n"


def test_an_arm_that_sends_nothing_cannot_be_compiled(tmp_path: Path) -> None:
    with pytest.raises(ProjectInvalid) as caught:
        template(tmp_path, {"spring.mjml": mail("")}, "nothing")
    what = 'arm "nothing" of spring-sale sends no e-mail.'
    assert str(caught.value) == f"{what} Give it email with a template and a subject."


def test_a_template_with_mistakes_cannot_be_compiled(tmp_path: Path) -> None:
    with pytest.raises(ProjectInvalid) as caught:
        template(tmp_path, {"spring.mjml": mail("<mj-text>{{ contact.frist_name }}</mj-text>")})
    assert str(caught.value).endswith("contact.frist_name is not a contact field. Did you mean first_name?")


def test_most_of_a_mail_is_encoded_once_for_everybody(tmp_path: Path) -> None:
    email = rendered(tmp_path, "<mj-text>Dear {{ contact.first_name | default('friend') }}</mj-text>")
    fixed = sum(len(piece) for piece in email.pieces if piece in email.ready)
    assert fixed > 0.9 * len(email.html)
