"""One contact and one arm become one e-mail: subject, preheader, HTML and plain text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from markupsafe import escape

from handbill.definitions.campaign import Campaign, email_of
from handbill.definitions.project import Project
from handbill.errors import NeverEnds, NotRenderable, Problem, ProjectInvalid
from handbill.rendering.compiled import CompiledText, Fallback
from handbill.rendering.email_parts import EmailParts, Variant, read_parts
from handbill.rendering.environment import missing
from handbill.rendering.following import Follower, Tracked, tracked_values
from handbill.rendering.headers import one_line
from handbill.rendering.library import Library
from handbill.rendering.plain_text import tidy
from handbill.rendering.samples import sample_profile, sample_purchases
from handbill.rendering.variables import ContactValues, Values, purchases_in


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
    """What one recipient gets. `ready` holds the forms in which most of the HTML's `pieces` travel.

    `language` is that of the template, `fallbacks` are the defaults that stand in for what the recipient lacks.
    """

    subject: str
    preheader: str
    text: str
    pieces: tuple[str, ...] = field(repr=False)
    ready: Mapping[str, bytes] = field(repr=False, compare=False)
    language: str = field(default="", compare=False)
    fallbacks: frozenset[Fallback] = field(default=frozenset(), repr=False, compare=False)

    @cached_property
    def html(self) -> str:
        """The sum of its pieces."""
        return "".join(self.pieces)


def compile_email(
    project: Project, campaign: Campaign, arm_name: str, library: Library | None = None
) -> "EmailTemplate":
    """The e-mail of an arm, ready for any number of recipients.

    `library` spares reading templates again when many arms are compiled.

    Raises:
        ProjectInvalid: the arm sends no e-mail, or its template or words have mistakes; all of them are listed.
    """
    if email_of(campaign, campaign.arms[arm_name]) is None:
        what = f'arm "{arm_name}" of {campaign.name} sends no e-mail.'
        raise ProjectInvalid(Problem(what=what, mend="Give it email with a template and a subject."))
    parts, problems = read_parts(project, campaign, arm_name, library)
    if parts is None or problems:
        raise ProjectInvalid(*problems)
    template = EmailTemplate(project, campaign, parts)
    _require_an_end(project, template)
    return template


def _require_an_end(project: Project, template: "EmailTemplate") -> None:
    """Tries the template on somebody who has everything, so that what never ends is not found out once a recipient."""
    whole = {**sample_profile(project), **sample_purchases(project)}
    for language in template.languages:
        try:
            template.render({**whole, "language": language}, Links("mailto:unsubscribe@handbill.invalid"))
        except NeverEnds as error:
            raise ProjectInvalid(*error.problems) from error
        except NotRenderable:  # that is for the recipients to tell
            continue


@dataclass(frozen=True)
class _Texts:
    """What readers of one language get."""

    language: str
    variant: Variant
    subject: CompiledText
    preheader: CompiledText | None
    ready: Mapping[str, bytes]


class EmailTemplate:
    """One arm's e-mail in all its languages, compiled."""

    def __init__(self, project: Project, campaign: Campaign, parts: EmailParts) -> None:
        self._parts = parts
        self._languages = project.languages
        self._contacts = ContactValues(project.fields)
        self._must_unsubscribe = campaign.kind == "marketing"
        self._chosen: dict[str | None, _Texts] = {}

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have a template of their own, the project's default first."""
        return tuple(self._parts.variants)

    @property
    def fallbacks(self) -> frozenset[Fallback]:
        """Every `default(…)` in any of the texts."""
        parts = self._parts
        lines = [*parts.subject.by_text.values(), *(parts.preheader.by_text.values() if parts.preheader else ())]
        lines += [text for variant in parts.variants.values() for text in (variant.html, variant.text)]
        return frozenset(fallback for text in lines for fallback in text.fallbacks)

    def file_of(self, language: str) -> str:
        """The template of a language, as messages name it."""
        return self._parts.variants[language].file

    def tracked(self, language: str) -> Tracked:
        """The links in the template of a language."""
        return self._parts.variants[language].tracked

    def render(self, profile: Mapping[str, Any], links: Links, follower: Follower | None = None) -> RenderedEmail:
        """The e-mail for one contact; `profile` holds its fields by name, None where it has no value.

        `follower` has the addresses by which clicks are counted; without it, links lead where they lead.

        Raises:
            NotRenderable: it cannot be made, with the field, file, line and column.
            NeverEnds: the template repeats or grows without end.
        """
        texts = self._texts(profile.get("language"))
        read: set[Fallback] = set()
        values: Values = {"contact": self._contacts.of(profile), "links": links.values()}
        values |= purchases_in(profile, self._parts.uses)
        subject = values["subject"] = self._subject(texts, values, read)
        preheader = one_line(texts.preheader.render(values, read)) if texts.preheader else ""
        if preheader:
            values["preheader"] = preheader
        if follower is not None:
            values |= tracked_values(texts.variant.tracked, follower, texts.language)
        pieces = texts.variant.html.pieces(values, read)
        if self._must_unsubscribe and not _shows(pieces, links.unsubscribe):
            what = "this recipient would get no unsubscribe link."
            raise NotRenderable(
                Problem(texts.variant.file, what=what, mend="Show {{ links.unsubscribe }} to everybody.")
            )
        text = tidy(texts.variant.text.render(values, read))
        return RenderedEmail(subject, preheader, text, tuple(pieces), texts.ready, texts.language, frozenset(read))

    def _subject(self, texts: _Texts, values: Values, read: set[Fallback]) -> str:
        subject = one_line(texts.subject.render(values, read))
        if not subject:
            what = "the subject is empty for this recipient."
            raise NotRenderable(Problem(*self._parts.subject.place, what=what, mend="Give it words of its own."))
        return subject

    def _texts(self, wanted: Any) -> _Texts:
        language = wanted if isinstance(wanted, str) else None
        if language not in self._chosen:
            if len(self._chosen) >= _MOST_LANGUAGES:
                self._chosen.clear()
            self._chosen[language] = self._choose(language)
        return self._chosen[language]

    def _choose(self, language: str | None) -> _Texts:
        parts = self._parts
        found = next(each for each in self._languages.chain(language) if each in parts.variants)
        variant, fallback = parts.variants[found], self._languages.fallback
        subject = parts.subject.by_text[parts.subject.written.in_language(language, fallback)]
        preheader = None
        if parts.preheader:
            preheader = parts.preheader.by_text[parts.preheader.written.in_language(language, fallback)]
        return _Texts(found, variant, subject, preheader, variant.html.ready)


def _shows(pieces: list[str], address: str | None) -> bool:
    """Whether an HTML holds an address; mostly as a piece of its own."""
    if address is None:
        return False
    shown = escape(address)
    return shown in pieces or shown in "".join(pieces)


_MOST_LANGUAGES = 1_000
"""What contacts have as their language may be anything; so many spellings are remembered."""
