"""One contact and one arm become one e-mail: subject, preheader, HTML and plain text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import escape

from handbill.definitions.campaign import Campaign, email_of
from handbill.definitions.project import Project
from handbill.errors import NotRenderable, Problem, ProjectInvalid
from handbill.rendering.email_parts import EmailParts, read_parts
from handbill.rendering.environment import missing
from handbill.rendering.headers import one_line
from handbill.rendering.plain_text import tidy
from handbill.rendering.quoted_printable import encode_piece
from handbill.rendering.variables import ContactValues, Values


@dataclass(frozen=True)
class Links:
    """Addresses that are this recipient's own. What is None, a template can ask for with {% if %}."""

    unsubscribe: str | None
    preferences: str | None = None
    view_online: str | None = None

    def values(self) -> Values:
        """As a template sees them."""
        return {name: value or _MISSING_LINKS[name] for name, value in vars(self).items()}


_MISSING_LINKS = {name: missing(f"links.{name}") for name in ("unsubscribe", "preferences", "view_online")}


@dataclass(frozen=True)
class RenderedEmail:
    """What one recipient gets. `html` is the sum of `pieces`; `ready` holds the forms in which most of them travel."""

    subject: str
    preheader: str
    html: str
    text: str
    pieces: tuple[str, ...] = field(repr=False)
    ready: Mapping[str, bytes] = field(repr=False, compare=False)


def compile_email(project: Project, campaign: Campaign, arm_name: str) -> "EmailTemplate":
    """The e-mail of an arm, ready for any number of recipients.

    Raises:
        ProjectInvalid: the arm sends no e-mail, or its template or words have mistakes; all of them are listed.
    """
    if email_of(campaign, campaign.arms[arm_name]) is None:
        what = f'arm "{arm_name}" of {campaign.name} sends no e-mail.'
        raise ProjectInvalid(Problem(what=what, mend="Give it email with a template and a subject."))
    parts, problems = read_parts(project, campaign, arm_name)
    if parts is None or problems:
        raise ProjectInvalid(*problems)
    return EmailTemplate(project, campaign, parts)


class EmailTemplate:
    """One arm's e-mail in all its languages, compiled."""

    def __init__(self, project: Project, campaign: Campaign, parts: EmailParts) -> None:
        self._parts = parts
        self._contacts = ContactValues(project.fields)
        self._must_unsubscribe = campaign.kind == "marketing"
        self._ready = {
            language: {piece: encode_piece(piece) for piece in variant.html.fixed}
            for language, variant in parts.variants.items()
        }

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have a template of their own; "" is the one for all others."""
        return tuple(self._parts.variants)

    def file_of(self, language: str) -> str:
        """The template of a language, as messages name it."""
        return self._parts.variants[language].file

    def render(self, profile: Mapping[str, Any], links: Links) -> RenderedEmail:
        """The e-mail for one contact; `profile` holds its fields by name, None where it has no value.

        Raises:
            NotRenderable: it cannot be made, with the field, file, line and column.
        """
        values: Values = {"contact": self._contacts.of(profile), "links": links.values()}
        language = self._language(profile.get("language"))
        variant = self._parts.variants[language]
        subject = self._subject(values)
        preheader = one_line(self._parts.preheader.render(values)) if self._parts.preheader else ""
        if preheader:
            values["preheader"] = preheader
        pieces = variant.html.pieces(values)
        html = "".join(pieces)
        if self._must_unsubscribe and (links.unsubscribe is None or str(escape(links.unsubscribe)) not in html):
            what = "this recipient would get no unsubscribe link."
            raise NotRenderable(Problem(variant.file, what=what, mend="Show {{ links.unsubscribe }} to everybody."))
        text = tidy(variant.text.render(values))
        return RenderedEmail(subject, preheader, html, text, tuple(pieces), self._ready[language])

    def _subject(self, values: Values) -> str:
        """Renders the subject, and lets the other texts see it."""
        subject = one_line(self._parts.subject.render(values))
        if not subject:
            what = "the subject is empty for this recipient."
            raise NotRenderable(Problem(*self._parts.subject_place, what=what, mend="Give it words of its own."))
        values["subject"] = subject
        return subject

    def _language(self, wanted: Any) -> str:
        """`de-AT` reads the template for de-at, else the one for de, else the one for all."""
        written = str(wanted or "").replace("_", "-").lower()
        return next((each for each in (written, written.split("-")[0]) if each in self._parts.variants), "")
