"""What people wrote into a form is never run as a template, and templates cannot reach out of their sandbox."""

import tracemalloc
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from jinja2 import TemplateError
from jinja2.exceptions import SecurityError

from handbill.errors import NeverEnds, NotRenderable, ProjectInvalid
from handbill.rendering.email import Links, compile_email
from handbill.rendering.environment import make_environment
from handbill.rendering.mime import Envelope, build_message
from tests.conftest import NOW
from tests.rendering import mail as post
from tests.rendering.projects import mail, make_project
from tests.rendering.test_tally import compiled

LINKS = Links(unsubscribe="mailto:unsubscribe@northwind.example?subject=a&body=b")
SHOWN_AS_TYPED = ("{{7*7}}", "{{ 7*7 }}", "{% for i in range(9) %}x{% endfor %}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
                  "{{ config }}", "{# hidden #}", "{{ ''.__class__.__mro__ }}", "{{= name }}")  # fmt: skip


def email_to(root: Path, typed: str) -> Any:
    arms = {
        "nothing": {"share": "50%", "holdout": "true"},
        "mail": {"share": "50%", "email": {"subject": "Hello {{ contact.first_name | default('you') }}",
                                           "preheader": "For {{ contact.first_name | default('you') }}"}},
    }  # fmt: skip
    project = make_project(
        root, {"email/spring.mjml": mail("<mj-text>Dear {{ contact.first_name | default('you') }}</mj-text>")},
        arms=arms,
    )  # fmt: skip
    template = compile_email(project, project.campaigns["spring-sale"], "mail")
    return template.render({"email": "ann@shop.example", "first_name": typed}, LINKS)


@pytest.mark.parametrize("typed", SHOWN_AS_TYPED)
def test_a_name_that_looks_like_a_template_is_printed_as_it_was_typed(tmp_path: Path, typed: str) -> None:
    rendered = email_to(tmp_path, typed)
    envelope = Envelope("Northwind <news@northwind.example>", "ann@shop.example", "<1@northwind.example>", NOW)
    message = message_from_bytes(build_message(rendered, envelope), policy=policy.default)
    assert message["Subject"] == f"Hello {typed}"
    assert rendered.preheader == f"For {typed}"
    bodies = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
    assert f"Dear {typed}" in bodies["text/plain"]
    assert "49" not in rendered.subject + rendered.preheader + bodies["text/plain"]
    escaped = typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")
    assert f"Dear {escaped}" in bodies["text/html"]


@pytest.mark.parametrize("typed", ["{{7*7}}", "{% raw %}", "{{ ''.__class__ }}"])
def test_an_address_that_looks_like_a_template_is_printed_as_it_was_typed(tmp_path: Path, typed: str) -> None:
    template = post.compiled(tmp_path, post.letter_html())
    made = template.render([post.piece(address=(typed, "1 High Street"))])
    with pdfium.PdfDocument(made.pdf) as document:
        text = document[0].get_textpage().get_text_range()
    assert typed in text
    assert "49" not in text


@pytest.mark.parametrize("source", [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ contact.__init__.__globals__ }}",
    "{{ (contact | default(1)).__class__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(contact) }}",
    "{{ '{x.__class__}'.format_map({'x': contact}) }}",
    "{{ [contact] | map(attribute='__class__') | list }}",
    "{{ [contact] | groupby('__class__') }}",
    "{{ contact | attr('__class__') }}",
    "{{ (1).to_bytes(1000000000, 'big') }}",
    "{% set x = contact %}{{ x['__class__'] }}",
    "{{ self._TemplateReference__context }}",
    "{{ url_for.__globals__ }}",
])  # fmt: skip
def test_nothing_leads_out_of_the_sandbox(tmp_path: Path, source: str) -> None:
    environment = make_environment(make_project(tmp_path))
    try:
        written = environment.from_string(source).render(contact={"first_name": "Ann"})
    except (SecurityError, TemplateError, ProjectInvalid, NotRenderable, OverflowError, TypeError):
        return
    assert not any(word in written for word in ("class '", "<module", "function", "root:", "os.", "__"))


@pytest.mark.parametrize("source", [
    "{% for a in range(1000) %}" * 3 + "x" + "{% endfor %}" * 3,
    "{{ 'x' * 1000000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{% set a = 'x' * 1000 %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
])  # fmt: skip
def test_a_template_that_would_fill_the_memory_is_stopped_before(tmp_path: Path, source: str) -> None:
    """That each is stopped in time is shown with many more of them in tests/rendering/test_tally.py."""
    text = compiled(tmp_path, source)
    tracemalloc.start()
    with pytest.raises(NeverEnds):
        text.render({})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000
