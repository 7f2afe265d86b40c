"""How a template is put together from the files that it includes and extends.

Jinja would do this for each recipient. MJML is compiled once before, and has to see the whole.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from handbill.definitions.words import nearest
from handbill.errors import Problem
from handbill.rendering.environment import TemplateEnvironment
from handbill.rendering.jinja_tags import Fault, Tag, find_tags
from handbill.rendering.source import Piece, Source, TemplateFile

LABEL = "templates"
"""How messages name the folder of templates, which is its name in every project."""

MOST_FILES = 500
"""Files of which a template is made: two that include each other's like twice over would soon fill the memory."""

_NAME = r"(?:\"([^\"]*)\"|'([^']*)')"
_INCLUDE = re.compile(rf"\{{%[-+]?\s*include\s+{_NAME}\s*(?:with\s+context\s*)?[-+]?%\}}")
_EXTENDS = re.compile(rf"\{{%[-+]?\s*extends\s+{_NAME}\s*[-+]?%\}}")
_BLOCK = re.compile(r"\{%[-+]?\s*block\s+(\w+)\s*(?:scoped\s*)?[-+]?%\}")
_SUPER = re.compile(r"\{\{[-+]?\s*super\(\)\s*[-+]?\}\}")
_MJ_INCLUDE = re.compile(rf"<mj-include\s+path\s*=\s*{_NAME}\s*(?:/>|>\s*</mj-include\s*>)")
_ANY_MJ_INCLUDE = re.compile(r"<mj-include\b[^>]*>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def assemble(environment: TemplateEnvironment, name: str) -> tuple[Source | None, list[Problem]]:
    """The whole of the template `name` (its path below templates/); None when it cannot be put together."""
    assembly = _Assembly(environment)
    file = assembly.open(name)
    if file is None:
        problem = Problem(f"{LABEL}/{name}", what="there is no such template.", mend=assembly.suggestion(name))
        return None, [problem]
    nodes = assembly.resolve(file, ())
    return (None if assembly.problems else Source(name, tuple(_pieces(nodes)))), assembly.problems


@dataclass(frozen=True)
class _Block:
    name: str
    nodes: tuple["_Node", ...]


@dataclass(frozen=True)
class _Super:
    """Where `{{ super() }}` asks for what the parent has in this block."""


_Node = Piece | _Block | _Super


@dataclass
class _Open:
    """A block that is being read. The outermost one has no tag and stands for the file."""

    name: str
    tag: Tag | None
    nodes: list[_Node] = field(default_factory=list)


class _Assembly:
    """Reads files and puts them together; collects what is wrong."""

    def __init__(self, environment: TemplateEnvironment) -> None:
        self.environment = environment
        self.problems: list[Problem] = []
        self.files = 0

    def open(self, name: str) -> TemplateFile | None:
        """A file below templates/; None where there is none."""
        path = self.environment.templates.path_of(name)
        if path is None:
            return None
        file = TemplateFile(name, f"{LABEL}/{name}", "")
        try:
            return TemplateFile(name, file.label, path.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError:
            self.problems.append(
                Problem(file.label, what="the file is not written in UTF-8.", mend="Save it as UTF-8.")
            )
            return file

    def suggestion(self, name: str) -> str:
        """Which template was probably meant."""
        near = nearest(name, self.environment.templates.list_templates())
        return f"Did you mean {LABEL}/{near}?" if near else "Write it, or correct the name."

    def resolve(self, file: TemplateFile, trail: tuple[str, ...]) -> tuple[_Node, ...]:
        """What a file stands for, with its includes and its parent carried out."""
        trail = (*trail, file.name)
        nodes, parent = self._read(file, trail)
        if parent is None:
            return nodes
        overrides = {node.name: node for node in nodes if isinstance(node, _Block)}
        return tuple(_overridden(self.resolve(parent, trail), overrides))

    def _read(self, file: TemplateFile, trail: tuple[str, ...]) -> tuple[tuple[_Node, ...], TemplateFile | None]:
        tags, faults = find_tags(file.text)
        self._report(file, faults)
        stack = [_Open("", None)]
        parent: TemplateFile | None = None
        position = 0
        for tag in _landmarks(file.text, tags):
            stack[-1].nodes.append(Piece(file, position, tag.start))
            position = tag.end
            if tag.keyword == "extends":
                parent = self._named(file, tag, _EXTENDS, trail)
            elif tag.keyword == "block":
                stack.append(_Open(self._block_name(file, tag), tag))
            elif tag.keyword == "endblock":
                self._close(file, tag, stack)
            elif tag.kind == "expression":
                stack[-1].nodes.append(_Super())
            else:
                included = self._named(file, tag, _INCLUDE if tag.keyword == "include" else _MJ_INCLUDE, trail)
                stack[-1].nodes.extend(self.resolve(included, trail) if included else ())
        for unclosed in stack[1:]:
            self._close(file, unclosed.tag, [])
        stack[-1].nodes.append(Piece(file, position, len(file.text)))
        return tuple(stack[0].nodes), parent

    def _named(
        self, file: TemplateFile, tag: Tag, form: re.Pattern[str], trail: tuple[str, ...]
    ) -> TemplateFile | None:
        """The file that an include or an extends names."""
        word = tag.keyword or "mj-include"
        found = form.fullmatch(tag.text)
        if not found:
            example = '<mj-include path="footer.mjml" />' if word == "mj-include" else f'{{% {word} "footer.mjml" %}}'
            self._fault(
                file, tag, f"{word} takes the name of one file in quotes, and nothing else.", f"Write {example}."
            )
            return None
        written = found[1] or found[2] or ""
        name = self.environment.join_path(written, file.name)
        if name in trail:
            circle = " → ".join((*trail[trail.index(name) :], name))
            self._fault(file, tag, f"this includes itself: {circle}.", "Remove one of them.")
            return None
        self.files += 1
        if self.files > MOST_FILES:
            if self.files == MOST_FILES + 1:
                what = f"with this, the template is made of more than {MOST_FILES} files."
                self._fault(file, tag, what, "Include less.")
            return None
        included = self.open(name)
        if included is None:
            what = f'{word} "{written}" names no file below {LABEL}/.'
            self._fault(file, tag, what, self.suggestion(name))
        return included

    def _block_name(self, file: TemplateFile, tag: Tag) -> str:
        found = _BLOCK.fullmatch(tag.text)
        if not found:
            self._fault(file, tag, "block takes a name, and nothing else.", "Write {% block content %}.")
        return found[1] if found else ""

    def _close(self, file: TemplateFile, tag: Tag | None, stack: list[_Open]) -> None:
        if len(stack) > 1:
            closed = stack.pop()
            stack[-1].nodes.append(_Block(closed.name, tuple(closed.nodes)))
        elif tag and tag.keyword == "endblock":
            self._fault(file, tag, f"{tag.shown} closes nothing.", "Remove it, or open its block before it.")
        elif tag:
            self._fault(file, tag, f"the {tag.shown} that opens here is never closed.", "Close it with {% endblock %}.")

    def _fault(self, file: TemplateFile, tag: Tag, what: str, mend: str) -> None:
        self._report(file, [Fault(tag.start, what, mend)])

    def _report(self, file: TemplateFile, faults: Iterable[Fault]) -> None:
        self.problems.extend(file.problem(fault.offset, fault.what, fault.mend) for fault in faults)


def _landmarks(text: str, tags: list[Tag]) -> list[Tag]:
    """The tags that say how files are put together; an mj-include is one of them."""
    comments = [(found.start(), found.end()) for found in _COMMENT.finditer(text)]
    own = [
        tag for tag in tags if tag.keyword in {"include", "extends", "block", "endblock"} or _SUPER.fullmatch(tag.text)
    ]
    for found in _ANY_MJ_INCLUDE.finditer(text):
        if not any(start < found.start() < end for start, end in comments):
            whole = _MJ_INCLUDE.match(text, found.start()) or found
            own.append(Tag(whole.start(), whole.end(), "raw", whole[0]))
    return sorted(own, key=lambda tag: tag.start)


def _overridden(nodes: Iterable[_Node], overrides: Mapping[str, _Block]) -> Iterator[_Node]:
    """A parent's nodes, where a child's blocks stand in place of those of the same name."""
    for node in nodes:
        if not isinstance(node, _Block):
            yield node
        elif node.name in overrides:
            inherited = tuple(_overridden(node.nodes, overrides))
            own = tuple(_with_inherited(overrides[node.name].nodes, inherited))
            yield _Block(node.name, own)
        else:
            yield _Block(node.name, tuple(_overridden(node.nodes, overrides)))


def _with_inherited(nodes: Iterable[_Node], inherited: tuple[_Node, ...]) -> Iterator[_Node]:
    for node in nodes:
        if isinstance(node, _Super):
            yield from inherited
        else:
            yield node


def _pieces(nodes: Iterable[_Node]) -> Iterator[Piece]:
    for node in nodes:
        if isinstance(node, Piece):
            yield node
        elif isinstance(node, _Block):
            yield from _pieces(node.nodes)
