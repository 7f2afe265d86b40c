"""The texts that an arm's e-mail is made of, read, checked and compiled; or everything that is wrong with them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handbill.definitions.campaign import Campaign, EmailContent, email_of
from handbill.definitions.languages import LocalText
from handbill.definitions.project import Project
from handbill.errors import Problem
from handbill.rendering.assembly import LABEL, assemble
from handbill.rendering.compiled import CompiledText, compile_text
from handbill.rendering.environment import make_environment, missing
from handbill.rendering.guards import Key
from handbill.rendering.jinja_tags import find_tags, unbalanced
from handbill.rendering.links import check_links
from handbill.rendering.mjml import Carried, as_carried, compile_mjml, parse_mjml, restore
from handbill.rendering.plain_text import plain_text
from handbill.rendering.references import Scope, check_references, names_in
from handbill.rendering.scope import RESERVED, scope_of
from handbill.rendering.source import Place, Source, TemplateFile, single
from handbill.rendering.variables import fixed_values
from handbill.rendering.wording import Wording

FOLDER = "email"

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True)
class Variant:
    """The e-mail in one language. `file` is its template as messages name it."""

    file: str
    html: CompiledText
    text: CompiledText


@dataclass(frozen=True)
class EmailParts:
    """All texts of an arm's e-mail. `variants` are by language, with "" for everybody else."""

    subject: CompiledText
    subject_place: Place
    preheader: CompiledText | None
    variants: Mapping[str, Variant]


def read_parts(
    project: Project, campaign: Campaign, arm_name: str, wording: Wording | None = None
) -> tuple[EmailParts | None, list[Problem]]:
    """The parts of an arm's e-mail; None, and every problem, where any of them has mistakes.

    `wording` spares reading campaigns.yaml again when many arms are read.
    """
    reading = _Reading(project, campaign, arm_name, wording or Wording(project))
    parts = reading.read()
    return (None if reading.problems else parts), sorted(set(reading.problems))


class _Reading:
    """Reads one arm's texts one by one; collects what is wrong."""

    def __init__(self, project: Project, campaign: Campaign, arm_name: str, wording: Wording) -> None:
        self.campaign = campaign
        self.arm_name = arm_name
        self.wording = wording
        self.content = email_of(campaign, campaign.arms[arm_name]) or EmailContent()
        self.environment = make_environment(project)
        self.base = fixed_values(project, campaign, arm_name, self.content.with_)
        self.base["preheader"] = missing("preheader")
        self.problems: list[Problem] = []
        self._project = project

    def read(self) -> EmailParts | None:
        """All parts, or what of them is right; whether they may be used is told by `problems`."""
        self._check_given()
        subject_file = self._written("subject", self.content.subject)
        preheader_file = self._written("preheader", self.content.preheader) if self.content.preheader else None
        subject = self._line(subject_file, {})
        preheader = self._line(preheader_file, {("subject",): True}) if preheader_file else None
        variants = {language: self._variant(name) for language, name in self._files()}
        whole = {language: variant for language, variant in variants.items() if variant}
        return EmailParts(subject, subject_file.place(0), preheader, whole) if subject else None

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

    def _written(self, key: str, text: LocalText | None) -> TemplateFile:
        return self.wording.text(self.campaign.name, self.arm_name, key, text.default if text else "")

    def _line(self, file: TemplateFile, more: Mapping[Key, bool]) -> CompiledText | None:
        source = single(file)
        if not (self._balanced(source) and self._named(source, more)):
            return None
        return self._compiled(source, as_carried(source))

    # -- templates

    def _files(self) -> Iterator[tuple[str, str]]:
        """The template for everybody, and those for one language each."""
        name = self.content.template or ""
        yield "", f"{FOLDER}/{name}.mjml"
        folder = self.environment.templates.folder
        for path in sorted((folder / FOLDER).glob(f"{name}.*.mjml")):
            language = path.name.removesuffix(".mjml").rpartition(".")[2]
            if _LANGUAGE.fullmatch(language):
                yield language.lower(), path.relative_to(folder).as_posix()

    def _variant(self, name: str) -> Variant | None:
        source = self._assembled(name)
        if source is None:
            return None
        parsed, problems = parse_mjml(source)
        self.problems += problems
        if parsed is None:
            return None
        self.problems += check_links(parsed, self.content.with_)
        if not self._named(source, self._template_names):
            return None
        self._check_duties(source, f"{LABEL}/{name}")
        self._check_preheader(source, f"{LABEL}/{name}")
        html, problems = compile_mjml(parsed)
        self.problems += problems
        if html is None:
            return None
        text = self._own_text(name) or (source, plain_text(html))
        return Variant(f"{LABEL}/{name}", self._compiled(source, html, "html"), self._compiled(*text))

    def _own_text(self, name: str) -> tuple[Source, Carried] | None:
        """The plain text that somebody wrote beside the template."""
        written = name.removesuffix(".mjml") + ".txt"
        if self.environment.templates.path_of(written) is None:
            return None
        source = self._assembled(written)
        if source is None or not (self._balanced(source) and self._named(source, self._template_names)):
            return None
        self._check_duties(source, f"{LABEL}/{written}")
        return source, as_carried(source)

    def _assembled(self, name: str) -> Source | None:
        source, problems = assemble(self.environment, name)
        self.problems += problems
        return source

    # -- checks

    @property
    def _template_names(self) -> Mapping[Key, bool]:
        return {
            ("subject",): True,
            ("preheader",): self.content.preheader is not None,
            ("links",): True,
            ("links", "unsubscribe"): self.campaign.kind == "marketing",
            ("links", "preferences"): False,
            ("links", "view_online"): False,
        }

    def _balanced(self, source: Source) -> bool:
        tags, faults = find_tags(source.text)
        wrong = [source.problem(each.offset, each.what, each.mend) for each in (*faults, *unbalanced(tags))]
        self.problems += wrong
        return not wrong

    def _named(self, source: Source, more: Mapping[Key, bool]) -> bool:
        given = self.content.with_
        scope: Scope = scope_of(self._project, self.campaign, self.arm_name, "email", given, more)
        wrong = check_references(self.environment, source, scope)
        self.problems += wrong
        return not wrong

    def _check_duties(self, source: Source, file: str) -> None:
        """What every marketing e-mail has to show."""
        if self.campaign.kind != "marketing":
            return
        names = names_in(self.environment, source)
        if ("links", "unsubscribe") not in names:
            what = "a marketing e-mail must let people unsubscribe."
            self.problems.append(
                Problem(file, what=what, mend='Add <a href="{{ links.unsubscribe }}">Unsubscribe</a>.')
            )
        if ("brand", "postal_address") not in names:
            what = "a marketing e-mail must show who sends it."
            self.problems.append(Problem(file, what=what, mend="Add {{ brand.postal_address }}."))

    def _check_preheader(self, source: Source, file: str) -> None:
        if self.content.preheader and ("preheader",) not in names_in(self.environment, source):
            what, mend = f"{file} shows no preheader.", "Add <mj-preview>{{ preheader }}</mj-preview> to its mj-head."
            problem = self.wording.problem(self.campaign.name, self.arm_name, ("preheader",), what, mend)
            self.problems.append(problem)

    def _compiled(self, source: Source, carried: Carried, ending: str = "txt") -> CompiledText:
        """`ending` decides whether values are escaped: html does, txt does not."""
        text = restore(carried, source.place)
        return compile_text(self.environment, f"{source.name}.{ending}", text, self.base)
