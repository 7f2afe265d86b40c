"""Whether a file can stand on pages as the brand's logo, and what kind of picture it is."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.parsers import expat

from handbill.definitions.words import quoted

LARGEST = 64_000
"""Bytes: it is shown small, and comes with every page."""
MOST_PIXELS = 4_000
"""Of one side: small files can hold pictures that take all memory of a phone."""

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_SVG = "http://www.w3.org/2000/svg"
_ACTIVE = frozenset({"script", "foreignObject", "iframe", "handler", "set", "animate", "animateMotion",
                     "animateTransform"})  # fmt: skip
_FRAMES = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
"""Marks in a JPEG after which its size stands."""


@dataclass(frozen=True)
class Logo:
    """A picture, and its kind in the words of browsers, such as image/png."""

    kind: str
    content: bytes


class UnfitLogo(Exception):
    """`args` are what is wrong, and how to mend it."""


def read_logo(root: Path, name: str) -> Logo:
    """The logo in a file of the project.

    Raises:
        UnfitLogo: it cannot be read, or pages should not show it.
    """
    path = (root / name).resolve()
    if PurePosixPath(name).is_absolute() or not path.is_relative_to(root.resolve()):
        raise UnfitLogo(f"{quoted(name)} lies outside the project.", "Name a file in the project.")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise UnfitLogo(f"there is no file {quoted(name)}.", "Put the picture there, or mend the name.") from None
    except OSError as error:
        raise UnfitLogo(
            f"{quoted(name)} cannot be read: {error.strerror}.", "Name a picture that can be read."
        ) from None
    if len(content) > LARGEST:
        raise UnfitLogo(f"{quoted(name)} has more than {LARGEST:,} bytes.", "Save it smaller.")
    return Logo(_kind(content, name), content)


def _kind(content: bytes, name: str) -> str:
    if content.startswith((_PNG, _JPEG)):
        size = _png_size(content) if content.startswith(_PNG) else _jpeg_size(content)
        if not size or not all(1 <= each <= MOST_PIXELS for each in size):
            what = f"{quoted(name)} is broken, or has more than {MOST_PIXELS:,} pixels in a row."
            raise UnfitLogo(what, "Save it anew, about 400 pixels wide.")
        return "image/png" if content.startswith(_PNG) else "image/jpeg"
    _check_drawing(content, name)
    return "image/svg+xml"


def _png_size(content: bytes) -> tuple[int, ...]:
    return struct.unpack(">II", content[16:24]) if content[12:16] == b"IHDR" and len(content) >= 24 else ()


def _jpeg_size(content: bytes) -> tuple[int, ...]:
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        mark, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        if mark in _FRAMES:
            return struct.unpack(">HH", content[place + 5 : place + 9])
        place += 2 + length
    return ()


def _check_drawing(content: bytes, name: str) -> None:
    """A drawing may hold shapes and words, and nothing that runs, moves or is fetched."""
    inside: list[str] = []
    styles: list[str] = []

    def begin(tag: str, values: Mapping[str, str]) -> None:
        namespace, _, local = tag.rpartition(" ")
        if not inside and (namespace, local) != (_SVG, "svg"):
            raise UnfitLogo(*_no_picture(name))
        inside.append(local)
        _check_part(local, values, name)

    def write(text: str) -> None:
        if inside[-1] == "style":
            styles.append(text)

    def declare(*_: object) -> None:
        raise UnfitLogo(f"{quoted(name)} declares a document type.", "Remove the line that begins with <!DOCTYPE.")

    def instruct(*_: object) -> None:
        raise UnfitLogo(*_fetching(name))

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.CharacterDataHandler = begin, write
    parser.EndElementHandler = lambda _tag: inside.pop()
    parser.StartDoctypeDeclHandler, parser.ProcessingInstructionHandler = declare, instruct
    try:
        parser.Parse(content, True)
    except expat.ExpatError:
        raise UnfitLogo(*_no_picture(name)) from None
    if _fetches("style", "".join(styles)):
        raise UnfitLogo(*_fetching(name))


def _check_part(tag: str, values: Mapping[str, str], name: str) -> None:
    if tag in _ACTIVE or any(_is_active(*each) for each in values.items()):
        raise UnfitLogo(f"{quoted(name)} holds a script, or something that moves.", "Save it as a plain drawing.")
    if any(_fetches(*each) for each in values.items()):
        raise UnfitLogo(*_fetching(name))


def _is_active(key: str, value: str) -> bool:
    return key.rpartition(" ")[2].lower().startswith("on") or "javascript:" in value.lower()


def _fetches(key: str, value: str) -> bool:
    """Whether something from elsewhere is named: only parts of the drawing itself, and pictures written into it."""
    tight = "".join(value.split()).lower().replace("'", "").replace('"', "")
    if key.rpartition(" ")[2] in {"href", "src"}:
        return not tight.startswith(("#", "data:image/png", "data:image/jpeg"))
    return "@import" in tight or tight.replace("url(#", "").count("url(") > 0


def _fetching(name: str) -> tuple[str, str]:
    return f"{quoted(name)} fetches something from elsewhere.", "Put it into the drawing itself, letters as shapes."


def _no_picture(name: str) -> tuple[str, str]:
    return f"{quoted(name)} is no picture that browsers show.", "Save it as PNG, JPEG or SVG."
