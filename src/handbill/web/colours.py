"""Which shades of a brand's colour people can read, on light paper and on dark, and what can be read upon them."""

import colorsys
from dataclasses import dataclass
from functools import cache

READABLE = 4.5
"""Contrast of text with its ground that WCAG 2.2 asks for (1.4.3, AA)."""
LIGHT, DARK = "#ffffff", "#171a1e"
"""The papers of our pages by day and by night."""
_STEPS = 100

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Shades:
    """A colour for buttons and marks, what is written upon it, and its faint trace on paper."""

    accent: str
    on_accent: str
    wash: str


@cache
def shades(colour: str, paper: str) -> Shades:
    """The colour, darker or lighter until it can be read on the paper.

    >>> shades("#0a5599", LIGHT).accent, shades("#ffd400", LIGHT).accent != "#ffd400"
    ('#0a5599', True)
    """
    ground = _rgb(paper)
    hue, lightness, saturation = colorsys.rgb_to_hls(*_rgb(colour))
    towards = 0.0 if _luminance(ground) > 0.5 else 1.0
    tried = (
        colorsys.hls_to_rgb(hue, lightness + (towards - lightness) * step / _STEPS, saturation)
        for step in range(_STEPS + 1)
    )
    # What is darkest or lightest of all can always be read.
    accent = next(each for each in tried if contrast(_hex(each), paper) >= READABLE)
    upon = max(LIGHT, DARK, key=lambda each: contrast(each, _hex(accent)))
    wash = tuple(ground[part] * 0.9 + accent[part] * 0.1 for part in range(3))
    return Shades(_hex(accent), upon, _hex((wash[0], wash[1], wash[2])))


def contrast(one: str, other: str) -> float:
    """From 1 for the same colour to 21 for black on white (WCAG 2.2).

    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    darker, lighter = sorted(_luminance(_rgb(each)) for each in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


def _hex(colour: Rgb) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)
