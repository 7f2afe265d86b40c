"""What is wrong with a file that is no YAML, in words that say how to mend it."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from handbill.errors import Problem

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError, StreamMark

SECRET_KEY = re.compile(r"\b(password|api_key|signing_key)\s*:\s+")
"""What stands behind these keys is never repeated in a message."""

WRITE_A_REFERENCE = "Write ${NAME}, and set that variable where Handbill runs. Change the secret: files are copied."
_REFERENCE = re.compile(r"[\"']?(\$\{\w+\}|file:)")

Place = tuple[int, int]
Explanation = tuple[Place, str, str]


def explain(error: BaseException, text: str, file: str) -> Problem:
    """The problem behind an error of the YAML reader, with its place in `text`."""
    # ruamel.yaml is loaded where a file is wrong: every process reads files, and nearly all of them are right.
    from ruamel.yaml.composer import MaxDepthExceededError  # noqa: PLC0415 - see above
    from ruamel.yaml.error import MarkedYAMLError, StreamMark  # noqa: PLC0415 - see above
    from ruamel.yaml.reader import ReaderError  # noqa: PLC0415 - see above

    if isinstance(error, (RecursionError, MaxDepthExceededError)):
        return Problem(file, what="values are nested deeper than a person would.", mend="Write the file flatter.")
    if isinstance(error, ReaderError):
        before = text[: error.position]
        place = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
        return Problem(file, *place, "a control character stands here.", "Delete it.")
    if not isinstance(error, MarkedYAMLError) or not isinstance(error.problem_mark, StreamMark):
        return Problem(file, what=f"the file is not YAML: {error}.", mend="Check quotes, brackets and indentation.")
    fault = _Fault(error, text)
    place, what, mend = next(found for rule in _RULES if (found := rule(fault)) is not None)
    return Problem(file, *place, what, mend)


class _Fault:
    """An error of the YAML reader beside the line in which it stands."""

    def __init__(self, error: "MarkedYAMLError", text: str) -> None:
        self.problem = str(error.problem or "")
        self.context = str(error.context or "")
        self.place = _place(error.problem_mark)
        self.opened = _place(error.context_mark) if error.context_mark else self.place
        lines = text.splitlines() or [""]
        self.line = lines[min(self.place[0], len(lines)) - 1]
        self.before = self.line[: self.place[1] - 1]
        self.earlier = lines[: self.place[0] - 1]
        opening_line = lines[min(self.opened[0], len(lines)) - 1]
        self.opener = opening_line[self.opened[1] - 1 : self.opened[1]]


def _place(mark: "StreamMark") -> Place:
    return mark.line + 1, mark.column + 1


def _tab(fault: _Fault) -> Explanation | None:
    if "'\\t'" not in fault.problem:
        return None
    return fault.place, "a tab stands where YAML wants spaces.", "Write spaces."


def _secret_in_braces(fault: _Fault) -> Explanation | None:
    reference = re.search(r"\$\{\w+\}", fault.line)
    if not reference or "flow" not in fault.context or reference.start() + 2 != fault.place[1]:
        return None
    place = fault.place[0], reference.start() + 1
    return (
        place,
        f"{reference[0]} is read as more braces here.",
        f'Quote {reference[0]} inside braces: "{reference[0]}".',
    )


def _unquoted_secret(fault: _Fault) -> Explanation | None:
    """The secret itself may be what YAML stumbles over; it is not repeated, because messages end in logs."""
    secret = SECRET_KEY.search(fault.line)
    if not secret or _REFERENCE.match(fault.line, secret.end()):
        return None
    return (fault.place[0], secret.start(1) + 1), "a secret stands here in plain text.", WRITE_A_REFERENCE


def _starts_with_jinja(fault: _Fault) -> Explanation | None:
    opening = re.search(r"(?:^|[:\-{,]\s+)(\{[{%])", fault.line)
    if not opening:
        return None
    place = fault.place[0], opening.start(1) + 1
    return place, f"a value that starts with {opening[1]} is read as keys here.", "Quote the whole value."


def _reserved_start(fault: _Fault) -> Explanation | None:
    found = re.search(r"found character '(.)' that cannot start", fault.problem)
    if "scanning an a" in fault.context:  # an anchor or an alias
        return fault.opened, f'an unquoted value cannot start with "{fault.opener}".', "Quote the value."
    if not found:
        return None
    return fault.place, f'an unquoted value cannot start with "{found[1]}".', "Quote the value."


def _text_beside_block_mark(fault: _Fault) -> Explanation | None:
    if "scanning a block scalar" not in fault.context:
        return None
    what = f'text follows "{fault.opener}" on the same line.'
    return fault.opened, what, "Quote the value, or begin the text on the next line."


def _list_beside_key(fault: _Fault) -> Explanation | None:
    if "sequence entries are not allowed" not in fault.problem:
        return None
    return fault.place, "a list begins on the line of its key.", "Begin it on the next line, or write [one, two]."


def _no_value(fault: _Fault) -> Explanation | None:
    found = re.search(r"expected the node content, but found '(.+)'", fault.problem)
    if not found:
        return None
    return fault.place, f'"{found[1]}" stands where a value should.', "Write the value, and quote it if it holds this."


def _after_the_end(fault: _Fault) -> Explanation | None:
    if "<document start>" not in fault.problem:
        return None
    return (
        fault.place,
        "this line does not belong to what stands above it.",
        "Write each key of the file on its own line.",
    )


def _open_quote(fault: _Fault) -> Explanation | None:
    if "quoted scalar" not in fault.context or "end of stream" not in fault.problem:
        return None
    return fault.opened, f"the quotation mark {fault.opener} that opens here is never closed.", "Close it."


def _open_bracket(fault: _Fault) -> Explanation | None:
    if "while parsing a flow" not in fault.context:
        return None
    closer = "}" if fault.opener == "{" else "]"
    if "stream end" in fault.problem or fault.place[0] != fault.opened[0]:
        return fault.opened, f"the {fault.opener} that opens here is never closed.", f"Close it with {closer}."
    return fault.place, f"a comma or {closer} is missing here.", "Add it, or quote the value before it."


def _second_colon(fault: _Fault) -> Explanation | None:
    if "mapping values are not allowed" not in fault.problem:
        return None
    if re.search(r"\S:\s", fault.before):
        return fault.place, 'a second ": " stands in an unquoted value.', "Quote the whole value."
    above = [
        number for number, line in enumerate(fault.earlier, 1) if line.strip() and not line.lstrip().startswith("#")
    ]
    if above and _indent(fault.line) <= _indent(fault.earlier[above[-1] - 1]):
        place = above[-1], _indent(fault.earlier[above[-1] - 1]) + 1
        return place, "this line has no colon after its key.", 'Write it like "key: value".'
    return fault.place, "this line is indented deeper than the one above it, which has a value.", "Align the two."


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _text_after_quote(fault: _Fault) -> Explanation | None:
    end = fault.before.rstrip()[-1:]
    if end not in {'"', "'", "}", "]"} or "expected <block end>" not in fault.problem:
        return None
    return fault.place, f"more text follows the closing {end}.", "Quote the whole value."


def _undefined_alias(fault: _Fault) -> Explanation | None:
    found = re.search(r"undefined alias '(.+)'", fault.problem)
    if not found:
        return None
    return fault.place, f"*{found[1]} repeats a value that is named nowhere above.", "Quote a value that starts with *."


def _second_document(fault: _Fault) -> Explanation | None:
    if "another document" not in fault.problem:
        return None
    return fault.place, "a second document starts here.", "Keep one in a file, and remove the line ---."


def _no_colon(fault: _Fault) -> Explanation | None:
    if "could not find expected ':'" not in fault.problem:
        return None
    return fault.opened, "this line has no colon after its key.", 'Write it like "key: value".'


def _indentation(fault: _Fault) -> Explanation | None:
    if "expected <block end>" not in fault.problem:
        return None
    return fault.place, "this line does not fit the indentation of the lines above it.", "Align it with its neighbours."


def _anything_else(fault: _Fault) -> Explanation:
    return fault.place, f"YAML cannot be read here: {fault.problem}.", "Check quotes, brackets and indentation around."


_RULES: tuple[Callable[[_Fault], Explanation | None], ...] = (
    _tab,
    _secret_in_braces,
    _unquoted_secret,
    _open_quote,
    _starts_with_jinja,
    _reserved_start,
    _text_beside_block_mark,
    _list_beside_key,
    _no_value,
    _open_bracket,
    _second_colon,
    _undefined_alias,
    _second_document,
    _no_colon,
    _text_after_quote,
    _indentation,
    _after_the_end,
    _anything_else,
)
