"""How a chart becomes part of a page: vector graphics that take the page's colours and font, and say what they show.

Charts are drawn in stand-in colours, which are replaced by the page's CSS variables; so one drawing serves light,
dark and print. Styles become classes, because a page with a strict content security policy allows no style attributes.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#040404"
GAIN, LOSS, UNSURE, TRUTH = "#050505", "#060606", "#070707", "#080808"
SERIES = ("#0a0a0a", "#0b0b0b", "#0c0c0c", "#0d0d0d", "#0e0e0e")

VARIABLES: Mapping[str, str] = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
    GAIN: "gain",
    LOSS: "loss",
    UNSURE: "unsure",
    TRUTH: "truth",
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)},
}
"""Stand-in colours and the CSS variables that take their place."""

POINTS_PER_INCH = 72  # the unit of an SVG by matplotlib is the point: a figure of 10 inches is 720 units wide

_STYLE = re.compile(r' style="([^"]*)"')
_HEAD = re.compile(r'.*?<svg[^>]*?viewBox="([^"]*)"[^>]*>', re.DOTALL)
_DROPPED = re.compile(r"\s*<metadata>.*?</metadata>|\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_GROUP_ID = re.compile(r'(<g) id="[^"]*"')
_FONT_FAMILY = re.compile(r"font-family:[^;]*;?")


@dataclass(frozen=True)
class Size:
    """Width and height of a drawing in the units of the page's pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Drawing:
    """An SVG element, and the rules that its classes need."""

    svg: str
    rules: Mapping[str, str]


def blank(size: Size, margins: tuple[float, float, float, float]) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, `margins` (top, right, bottom, left) from the edges; units are pixels."""
    figure = Figure(figsize=(size.width / POINTS_PER_INCH, size.height / POINTS_PER_INCH), dpi=POINTS_PER_INCH)
    FigureCanvasSVG(figure)
    top, right, bottom, left = margins
    box = (
        left / size.width, bottom / size.height,
        1 - (left + right) / size.width, 1 - (top + bottom) / size.height,
    )  # fmt: skip
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    figure.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(axis="x", colors=MUTED, labelsize=12, length=0, pad=8)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks([])
    return figure, axes


def as_svg(figure: Figure, name: str, title: str, description: str) -> Drawing:
    """The drawing as an SVG element with an alternative text; `name` makes its ids unique on the page."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg, rules = _with_classes(_GROUP_ID.sub(r"\1", _DROPPED.sub("", buffer.getvalue())), name)
    head = _HEAD.match(svg)
    assert head is not None, "matplotlib writes an svg element with a viewBox"  # noqa: S101 - not a matter of input
    opening = (
        f'<svg class="chart" viewBox="{head[1]}" role="img" aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(description)}</desc>'
    )
    return Drawing(opening + svg[head.end() :].strip(), rules)


def _with_classes(svg: str, name: str) -> tuple[str, dict[str, str]]:
    """Each distinct style becomes a class of this chart."""
    classes: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        style = _themed(match[1])
        return f' class="{classes.setdefault(style, f"{name}-{len(classes)}")}"' if style else ""

    return _STYLE.sub(replaced, svg), {found: style for style, found in classes.items()}


def _themed(style: str) -> str:
    """In the page's colours, and in its font instead of the one that matplotlib measured with."""
    for colour, variable in VARIABLES.items():
        style = style.replace(colour, f"var(--{variable})")
    return _FONT_FAMILY.sub("", style).strip().rstrip(";")
