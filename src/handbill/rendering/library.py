"""The templates of a project, each read and compiled once, however many arms and campaigns use it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from handbill.definitions.project import Project
from handbill.errors import Problem
from handbill.rendering.assembly import LABEL, assemble
from handbill.rendering.compiled import CompiledText, compile_text
from handbill.rendering.environment import TemplateEnvironment, make_environment
from handbill.rendering.jinja_tags import find_tags, unbalanced
from handbill.rendering.mjml import Carried, JinjaText, Parsed, as_carried, compile_mjml, own_words, parse_mjml
from handbill.rendering.plain_text import plain_text
from handbill.rendering.source import Source
from handbill.rendering.syntax import Syntax, read_syntax
from handbill.rendering.tracked_links import Found


@dataclass(frozen=True)
class Layout:
    """A template in MJML and what it becomes; what is absent has its reasons in `problems`."""

    syntax: Syntax | None = None
    parsed: Parsed | None = None
    html: Carried | None = None
    text: Carried | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Words:
    """A template that is no MJML: a plain text, or a page for print."""

    syntax: Syntax | None = None
    carried: Carried | None = None
    problems: tuple[Problem, ...] = ()


@dataclass
class Library:
    """Keeps what was read. Nothing in it depends on a campaign, an arm or a recipient."""

    environment: TemplateEnvironment
    _layouts: dict[str, Layout] = field(default_factory=dict)
    _words: dict[str, Words] = field(default_factory=dict)
    _texts: dict[tuple[str, str], CompiledText] = field(default_factory=dict)
    _found: dict[tuple[str, str], Found] = field(default_factory=dict)

    def layout(self, name: str) -> Layout:
        """A template in MJML, by its path below templates/."""
        if name not in self._layouts:
            self._layouts[name] = self._read_layout(name)
        return self._layouts[name]

    def words(self, name: str) -> Words:
        """A template that is no MJML, by its path below templates/."""
        if name not in self._words:
            source, problems = assemble(self.environment, name)
            self._words[name] = read_words(self.environment, source) if source else Words(problems=tuple(problems))
        return self._words[name]

    def text(self, name: str, variety: str, make: Callable[[], JinjaText]) -> CompiledText:
        """A text ready to be rendered, made when it is asked for first. `name` decides whether values are escaped."""
        key = name, variety
        if key not in self._texts:
            self._texts[key] = compile_text(self.environment, name, make())
        return self._texts[key]

    def links(self, name: str, variety: str, find: Callable[[], Found]) -> Found:
        """A text with names where its links were, found when it is asked for first."""
        key = name, variety
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]

    def has(self, name: str) -> bool:
        """Whether there is such a file below templates/."""
        return self.environment.templates.path_of(name) is not None

    def _read_layout(self, name: str) -> Layout:
        source, problems = assemble(self.environment, name)
        if source is None:
            return Layout(problems=tuple(problems))
        parsed, problems = parse_mjml(source)
        if parsed is None:
            return Layout(problems=tuple(problems))
        syntax, problems = read_syntax(self.environment, source)
        if syntax is None:
            return Layout(parsed=parsed, problems=tuple(problems))
        html, problems = compile_mjml(parsed)
        return Layout(syntax, parsed, html, plain_text(html) if html else None, tuple(problems))


def open_library(project: Project) -> Library:
    """The library of a project, with nothing read so far."""
    return Library(make_environment(project))


def read_words(environment: TemplateEnvironment, source: Source) -> Words:
    """A text that is no markup of ours."""
    tags, faults = find_tags(source.text)
    if wrong := [
        source.problem(each.offset, each.what, each.mend)
        for each in (*faults, *own_words(source.text), *unbalanced(tags))
    ]:
        return Words(problems=tuple(sorted(set(wrong))))
    syntax, problems = read_syntax(environment, source)
    return Words(syntax, as_carried(source) if syntax else None, tuple(problems))


def label(name: str) -> str:
    """How messages name a template."""
    return f"{LABEL}/{name}"
