"""Which files can be a brand's logo, and what is said of the others."""

import base64
import struct
from pathlib import Path

import pytest

from handbill.definitions.logo import LARGEST, UnfitLogo, read_logo
from handbill.definitions.words import quoted

SHAPES = '<circle r="9" fill="url(#shine)"/><use href="#dot"/>'


def svg(inside: str, head: str = "", values: str = "") -> bytes:
    return f'{head}<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" {values}>{inside}</svg>'.encode()


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(9)


def jpeg(width: int, height: int) -> bytes:
    head = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(10)
    return head + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(20)


PIXEL = base64.b64encode(png(1, 1)).decode()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png(400, 120), "image/png"),
        (jpeg(400, 120), "image/jpeg"),
        (svg(SHAPES), "image/svg+xml"),
        (svg("<style>.a { fill: url(#shine) }</style><text>url</text>"), "image/svg+xml"),
        (svg(f'<image href="data:image/png;base64,{PIXEL}"/>'), "image/svg+xml"),
        (svg(SHAPES, head='<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by hand -->\n'), "image/svg+xml"),
    ],
)
def test_pictures_that_browsers_show_are_taken(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "logo").write_bytes(content)
    logo = read_logo(tmp_path, "logo")
    assert (logo.kind, logo.content) == (kind, content)


MOVES = ('"logo" holds a script, or something that moves.', "Save it as a plain drawing.")
FETCHES = ('"logo" fetches something from elsewhere.', "Put it into the drawing itself, letters as shapes.")
NO_PICTURE = ('"logo" is no picture that browsers show.', "Save it as PNG, JPEG or SVG.")
BROKEN = ('"logo" is broken, or has more than 4,000 pixels in a row.', "Save it anew, about 400 pixels wide.")
DECLARES = ('"logo" declares a document type.', "Remove the line that begins with <!DOCTYPE.")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (svg("<script>alert(1)</script>"), MOVES),
        (svg('<s:script xmlns:s="http://www.w3.org/2000/svg"/>'), MOVES),
        (svg("", values='onload="alert(1)"'), MOVES),
        (svg('<a href="java&#115;cript:alert(1)"><circle r="9"/></a>'), MOVES),
        (svg('<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>'), MOVES),
        (svg('<a><animate attributeName="href" to="x"/></a>'), MOVES),
        (svg('<image href="https://shop.example/mark.png"/>'), FETCHES),
        (svg('<image xlink:href="/mark.png"/>', values='xmlns:xlink="http://www.w3.org/1999/xlink"'), FETCHES),
        (svg('<image href="data:image/svg+xml;base64,AAAA"/>'), FETCHES),
        (svg("<circle style=\"fill: url( 'https://shop.example/x' )\"/>"), FETCHES),
        (svg('<style>@im<!-- -->port "https://shop.example/x.css";</style>'), FETCHES),
        (svg("", head='<?xml-stylesheet href="https://shop.example/x.css"?>'), FETCHES),
        (svg("&a;", head='<!DOCTYPE svg [<!ENTITY a "aaaa">]>'), DECLARES),
        (b"<svg><circle/></svg>", NO_PICTURE),
        (b"<html><svg xmlns='http://www.w3.org/2000/svg'/></html>", NO_PICTURE),
        (svg("<circle>"), NO_PICTURE),
        (b"GIF89a\x01\x00", NO_PICTURE),
        (b"", NO_PICTURE),
        (png(40_000, 40_000), BROKEN),
        (png(0, 5), BROKEN),
        (png(5, 5)[:20], BROKEN),
        (jpeg(9, 40_000), BROKEN),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", BROKEN),
        (svg("<!--" + "x" * LARGEST + "-->"), ('"logo" has more than 64,000 bytes.', "Save it smaller.")),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, content: bytes, said: tuple[str, str]) -> None:
    (tmp_path / "logo").write_bytes(content)
    with pytest.raises(UnfitLogo) as refused:
        read_logo(tmp_path, "logo")
    assert refused.value.args == said


def test_a_logo_stands_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_bytes(svg(SHAPES))
    project = tmp_path / "shop"
    project.mkdir()
    (project / "link.svg").symlink_to(tmp_path / "logo.svg")
    for name in ("../logo.svg", str(tmp_path / "logo.svg"), "link.svg"):
        with pytest.raises(UnfitLogo) as refused:
            read_logo(project, name)
        assert refused.value.args == (f"{quoted(name)} lies outside the project.", "Name a file in the project.")


def test_a_folder_is_no_logo(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    with pytest.raises(UnfitLogo) as refused:
        read_logo(tmp_path, "pages")
    assert refused.value.args == ('"pages" cannot be read: Is a directory.', "Name a picture that can be read.")
