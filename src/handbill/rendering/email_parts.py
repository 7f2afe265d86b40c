"""The texts that an arm's e-mail is made of, read, checked and compiled; or everything that is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handbill.definitions.campaign import Campaign, EmailContent, email_of
from handbill.definitions.languages import LocalText
from handbill.definitions.project import Project
from handbill.errors import Problem
from handbill.rendering.compiled import CompiledText, compile_text
from handbill.rendering.environment import missing
from handbill.rendering.following import Tracked, untracked_values
from handbill.rendering.guards import Key
from handbill.rendering.language_files import variants_of
from handbill.rendering.library import Library, label, open_library, read_words
from handbill.rendering.links import check_links
from handbill.rendering.mjml import Carried, restore
from handbill.rendering.plain_text import plain_text
from handbill.rendering.references import check_references
from handbill.rendering.scope import RESERVED, scope_of
from handbill.rendering.source import Place, TemplateFile, single
from handbill.rendering.syntax import Syntax
from handbill.rendering.tracked_links import (
    FIXED,
    Found,
    Link,
    hosts_of,
    targets_of,
    track_html,
    track_text,
    tracking_of,
    with_tail,
)
from handbill.rendering.utm import utm_words
from handbill.rendering.utm_links import tag_html, tag_text
from handbill.rendering.variables import fixed_values, given_names
from handbill.rendering.wording import Wording

FOLDER = "email"


@dataclass(frozen=True)
class Variant:
    """The e-mail in one language. `file` is its template as messages name it."""

    file: str
    html: CompiledText
    text: CompiledText
    tracked: Tracked


@dataclass(frozen=True)
class Wordings:
    """A subject or a preheader in all its languages; `written` says which text is for whom, `by_text` compiles it."""

    written: LocalText
    by_text: Mapping[str, CompiledText]
    place: Place


@dataclass(frozen=True)
class EmailParts:
    """All texts of an arm's e-mail. `variants` are by language; the project's default language is always among them."""

    subject: Wordings
    preheader: Wordings | None
    variants: Mapping[str, Variant]
    uses: tuple[str, ...]


def read_parts(
    project: Project,
    campaign: Campaign,
    arm_name: str,
    library: Library | None = None,
    wording: Wording | None = None,
) -> tuple[EmailParts | None, list[Problem]]:
    """The parts of an arm's e-mail; None, and every problem, where any of them has mistakes.

    `library` and `wording` spare reading templates and campaigns.yaml again when many arms are read.
    """
    reading = EmailReading(project, campaign, arm_name, library or open_library(project), wording or Wording(project))
    parts = reading.read()
    return (None if reading.problems else parts), sorted(set(reading.problems))


class EmailReading:
    """Reads one arm's texts one by one; collects what is wrong, and what the texts are made of."""

    def __init__(self, project: Project, campaign: Campaign, arm_name: str, library: Library, wording: Wording) -> None:
        self.project = project
        self.campaign = campaign
        self.arm_name = arm_name
        self.library = library
        self.wording = wording
        self.content = email_of(campaign, campaign.arms[arm_name]) or EmailContent()
        self.problems: list[Problem] = []
        self.syntaxes: list[Syntax] = []
        self._base: dict[str, Any] = fixed_values(project, campaign, arm_name, self.content.with_)
        self._base["preheader"] = missing("preheader")
        self._utm = utm_words(project, campaign, arm_name)
        self._has_pages = bool(project.channels.email and project.channels.email.links)
        self._tracks = tracking_of(project)
        self._fixed = frozenset({*FIXED, *given_names(project, campaign)})
        self._variety = " ".join([self._utm, *(sorted(self._fixed) if self._tracks else ())])
        self._of_template = self._names_of_template()

    def read(self) -> EmailParts | None:
        """All parts, or what of them is right; whether they may be used is told by `problems`."""
        self._check_given()
        subject = self._wordings("subject", self.content.subject, {})
        preheader = self._wordings("preheader", self.content.preheader, {("subject",): True})
        names = variants_of(self.project, FOLDER, self.content.template or "", ".mjml")
        variants = {language: self._variant(name) for language, name in names.items()}
        whole = {language: variant for language, variant in variants.items() if variant}
        return EmailParts(subject, preheader, whole, self.content.uses) if subject else None

    def _check_given(self) -> None:
        for name in self.content.with_:
            if name in RESERVED:
                what, mend = f'templates know "{name}" already.', "Give this value another name."
            elif not name.isidentifier():
                what, mend = f'"{name}" cannot be read by a template.', "Use letters, digits and _ only."
            else:
                continue
            self.problems.append(self.wording.problem(self.campaign.name, self.arm_name, ("with", name), what, mend))

    # -- subject and preheader

    def _wordings(self, key: str, written: LocalText | None, more: Mapping[Key, bool]) -> Wordings | None:
        if written is None:
            return None
        place = self._file(key, None, written.default).place(0)
        lines = {text: self._line(self._file(key, language, text), more) for language, text in written.texts()}
        return Wordings(written, {text: line for text, line in lines.items() if line}, place)

    def _file(self, key: str, language: str | None, text: str) -> TemplateFile:
        return self.wording.text(self.campaign.name, self.arm_name, key, language, text)

    def _line(self, file: TemplateFile, more: Mapping[Key, bool]) -> CompiledText | None:
        words = read_words(self.library.environment, single(file))
        self.problems += words.problems
        if not (words.syntax and words.carried and self._named(words.syntax, more)):
            return None
        text = restore(words.carried, words.syntax.source.place)
        return compile_text(self.library.environment, f"{file.name}.txt", text).with_base(self._base)

    # -- templates

    def _variant(self, name: str) -> Variant | None:
        layout = self.library.layout(name)
        if layout.parsed:
            self.problems += check_links(layout.parsed, self.content.with_)
        self.problems += layout.problems
        if not (layout.syntax and self._named(layout.syntax, self._of_template)):
            return None
        self._check_duties(layout.syntax, label(name))
        self._check_preheader(layout.syntax, label(name))
        if not layout.html:
            return None
        found, place = self._found(name, layout.html), layout.syntax.source.place
        own = self._own_text(name, len(found.links))
        html = self.library.text(f"{name}.html", self._variety, lambda: restore(self._whole(found.carried), place))
        text, links = own or (
            self.library.text(f"{name}.txt", self._variety, lambda: restore(plain_text(found.carried), place)),
            (),
        )
        return self._given(name, html, text, (*found.links, *links))

    def _given(self, name: str, html: CompiledText, text: CompiledText, links: Sequence[Link]) -> Variant:
        """The texts with what this arm gives them."""
        targets = targets_of(links, self.library.environment, self._base)
        tracked = Tracked(targets, hosts_of(targets, self.project.brand.website))
        base = {**self._base, **untracked_values(tracked, missing)}
        return Variant(label(name), html.with_base(base), text.with_base(base), tracked)

    def _found(self, name: str, html: Carried) -> Found:
        """The HTML with its analytics' words, and with names where links are counted."""

        def find() -> Found:
            tagged = tag_html(html, self._utm, self.project.brand.website)
            return track_html(tagged, self.library.environment, self._fixed) if self._tracks else Found(tagged)

        return self.library.links(name, self._variety, find)

    def _whole(self, html: Carried) -> Carried:
        return with_tail(html) if self._tracks == "individual" else html

    def _own_text(self, name: str, first: int) -> tuple[CompiledText, Sequence[Link]] | None:
        """The plain text that somebody wrote beside the template, and its links."""
        written = name.removesuffix(".mjml") + ".txt"
        if not self.library.has(written):
            return None
        words = self.library.words(written)
        self.problems += words.problems
        if not (words.syntax and words.carried and self._named(words.syntax, self._of_template)):
            return None
        self._check_duties(words.syntax, label(written))
        carried, place = words.carried, words.syntax.source.place

        def find() -> Found:
            tagged = tag_text(carried, self._utm, self.project.brand.website)
            return track_text(tagged, self.library.environment, first) if self._tracks else Found(tagged)

        found = self.library.links(written, self._variety, find)
        return self.library.text(written, self._variety, lambda: restore(found.carried, place)), found.links

    # -- checks

    def _names_of_template(self) -> Mapping[Key, bool]:
        return {
            ("subject",): True,
            ("preheader",): self.content.preheader is not None,
            ("links",): True,
            ("links", "unsubscribe"): self.campaign.kind == "marketing",
            ("links", "preferences"): self._has_pages,
            ("links", "view_online"): self._has_pages,
            **{(name,): True for name in self.content.uses},
        }

    def _named(self, syntax: Syntax, more: Mapping[Key, bool]) -> bool:
        given = self.content.with_
        scope = scope_of(self.project, self.campaign, self.arm_name, "email", given, more)
        wrong = check_references(syntax, scope)
        self.problems += wrong
        self.syntaxes.append(syntax)
        return not wrong

    def _check_duties(self, syntax: Syntax, file: str) -> None:
        """What every marketing e-mail has to show."""
        if self.campaign.kind == "marketing":
            self.problems += _missing_duties(syntax, file)

    def _check_preheader(self, syntax: Syntax, file: str) -> None:
        if self.content.preheader and ("preheader",) not in syntax.names:
            what, mend = f"{file} shows no preheader.", "Add <mj-preview>{{ preheader }}</mj-preview> to its mj-head."
            problem = self.wording.problem(self.campaign.name, self.arm_name, ("preheader",), what, mend)
            self.problems.append(problem)


def _missing_duties(syntax: Syntax, file: str) -> Iterator[Problem]:
    if ("links", "unsubscribe") not in syntax.names:
        what = "a marketing e-mail must let people unsubscribe."
        yield Problem(file, what=what, mend='Add <a href="{{ links.unsubscribe }}">Unsubscribe</a>.')
    if ("brand", "postal_address") not in syntax.names:
        what = "a marketing e-mail must show who sends it."
        yield Problem(file, what=what, mend="Add {{ brand.postal_address }}.")
