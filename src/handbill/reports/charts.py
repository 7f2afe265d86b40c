"""The pictures of a report: effects with their intervals, the audience step by step, and when the buyers bought.

Each is drawn twice, wide for a desk and narrow for a phone; the page shows the one that fits. Nothing is told by
colour alone: every mark has its number or its name beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from handbill.reports.drawing import (
    GAIN,
    GRID,
    INK,
    LOSS,
    MUTED,
    PAPER,
    SERIES,
    TRUTH,
    UNSURE,
    Drawing,
    Size,
    as_svg,
    blank,
)
from handbill.reports.pictures import (
    BandPicture,
    EffectPicture,
    Mark,
    Picture,
    Scale,
    TimingPicture,
    Tone,
    WaterfallPicture,
)
from handbill.reports.wording import count, number

Width = Literal["wide", "narrow"]
WIDTHS: Mapping[Width, float] = {"wide": 720, "narrow": 342}
TONES: Mapping[Tone, str] = {"gain": GAIN, "loss": LOSS, "unsure": UNSURE}
DASHES: Sequence[Any] = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (8, 3)))
GAP = 0.03
"""Share of the axes' width between the axes and the words beside them."""
LETTER = 7.6
FITS_NARROW = 40
"""Letters that stand side by side in a narrow drawing."""
TEXT, SMALL = 13, 12
"""Sizes of letters in pixels; the narrow drawing is shown at its own size on a phone, so it is legible there."""


def draw(picture: Picture, width: Width) -> Drawing:
    """The picture as an SVG element."""
    match picture:
        case EffectPicture():
            figure = _effects(picture, width)
        case WaterfallPicture():
            figure = _waterfall(picture, width)
        case TimingPicture():
            figure = _timing(picture, width)
        case BandPicture():
            figure = _band(picture, width)
    return as_svg(figure, f"{picture.name}-{width}", picture.title, picture.description)


def _effects(picture: EffectPicture, width: Width) -> Figure:
    """Intervals around the line of no effect."""
    marks, scale = picture.marks, picture.scale
    narrow = width == "narrow"
    crowded = narrow and max(len(mark.label + mark.says) for mark in marks) > FITS_NARROW
    row = 80 if crowded else 60 if narrow else 40
    size = Size(WIDTHS[width], 34 + row * len(marks) + 34)
    left, right = _room([mark.label for mark in marks]), _room([mark.says for mark in marks])
    figure, axes = blank(size, (34, 8, 34, 8) if narrow else (34, right, 34, left))
    axes.set_xlim(*_reach(marks, scale))
    axes.set_ylim(len(marks), 0)
    for place, mark in enumerate(marks):
        top = (0.56 if crowded else 0.44) if narrow else 0.0
        _draw_lines(axes, scale, place + top, place + 1)
        _draw_mark(axes, mark, place + (top + 1) / 2)
        if narrow:
            _beside(axes, 0, place + (0.2 if crowded else 0.28), mark.label, bold=True)
            _beside(axes, *((0, place + 0.43, mark.says) if crowded else (1, place + 0.28, mark.says)),
                    align="left" if crowded else "right")  # fmt: skip
        else:
            _beside(axes, -GAP, place + 0.5, mark.label, align="right", bold=True)
            _beside(axes, 1 + GAP, place + 0.5, mark.says)
    _name_ends(axes, scale)
    axes.locator_params(axis="x", nbins=4 if narrow else 6)
    axes.xaxis.set_major_formatter(lambda value, _: scale.tick(value))
    return figure


def _waterfall(picture: WaterfallPicture, width: Width) -> Figure:
    """From everybody who was selected down to those who were planned."""
    bars = picture.bars
    narrow = width == "narrow"
    row = 44 if narrow else 32
    size = Size(WIDTHS[width], row * len(bars) + 12)
    figure, axes = blank(size, (4, 70, 8, 8) if narrow else (4, 80, 8, _room([bar.label for bar in bars])))
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_xlim(0, max(bar.end for bar in bars) or 1)
    axes.set_ylim(len(bars), 0)
    for place, bar in enumerate(bars):
        at = place + (0.7 if narrow else 0.5)
        thick = 12 if narrow else 16
        axes.plot(
            [bar.start, bar.end],
            [at, at],
            color=UNSURE if bar.left_out else GAIN,
            linewidth=thick,
            solid_capstyle="butt",
        )
        people = count(bar.end - bar.start)
        _beside(axes, 1.02, at, f"−{people}" if bar.left_out else people, bold=not bar.left_out)
        if narrow:
            _beside(axes, 0, place + 0.26, bar.label, bold=not bar.left_out)
        else:
            _beside(axes, -GAP, at, bar.label, align="right", bold=not bar.left_out)
    return figure


def _timing(picture: TimingPicture, width: Width) -> Figure:
    """Buyers per 100 units by day, one line an arm, named at its end."""
    shares = picture.lines
    narrow = width == "narrow"
    size = Size(WIDTHS[width], 260 if narrow else 300)
    figure, axes = blank(size, (12, 92 if narrow else 150, 36, 34))
    days = max(len(line) for line in shares.values())
    top = max(max(line, default=0) for line in shares.values()) or 1
    axes.set_xlim(0, days)
    axes.set_ylim(0, top * 1.06)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.yaxis.grid(visible=True, color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", colors=MUTED, labelsize=SMALL, length=0, pad=6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if narrow else 8, integer=True))
    axes.text(1.02, 0, "days", transform=axes.transAxes, va="center", color=MUTED, fontsize=SMALL)
    ends = _apart({name: line[-1] for name, line in shares.items()}, top * (0.085 if narrow else 0.07))
    for place, (name, line) in enumerate(shares.items()):
        colour = SERIES[place % len(SERIES)]
        dashes = DASHES[place % len(DASHES)]
        axes.plot(range(days + 1), [0, *line], color=colour, linewidth=2.4, linestyle=dashes)
        axes.text(
            days * 1.02, ends[name], name, color=colour, fontsize=TEXT, fontweight=700, va="center", parse_math=False
        )
    return figure


def _band(picture: BandPicture, width: Width) -> Figure:
    """The effect over time inside its band, around the line of no effect."""
    narrow = width == "narrow"
    figure, axes = blank(Size(WIDTHS[width], 240 if narrow else 280), (26, 46, 36, 44))
    days = [time for time, _ in picture.points]
    low, high = ([getattr(effect, end) for _, effect in picture.points] for end in ("low", "high"))
    least, most = min(0.0, *low), max(0.0, *high)
    room = 0.06 * ((most - least) or 1.0)
    axes.set_xlim(0, max(days) or 1)
    axes.set_ylim(least - room, most + room)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.yaxis.set_major_formatter(lambda value, _: number(value, decimals=2))
    axes.yaxis.grid(visible=True, color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", colors=MUTED, labelsize=SMALL, length=0, pad=6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if narrow else 8, integer=True))
    axes.fill_between(days, low, high, color=GAIN, alpha=0.16, linewidth=0)
    for edge in (low, high):
        axes.plot(days, edge, color=GAIN, linewidth=1, linestyle=DASHES[1])
    axes.plot(days, [effect.estimate for _, effect in picture.points], color=GAIN, linewidth=2.4)
    axes.plot([0, max(days) or 1], [0, 0], color=INK, linewidth=1.2)
    axes.text(1.02, 0, "days", transform=axes.transAxes, va="center", color=MUTED, fontsize=SMALL)
    axes.text(0, 1.02, f"↑ {picture.more}", transform=axes.transAxes, va="bottom", color=MUTED, fontsize=SMALL)
    return figure


def _room(labels: Sequence[str]) -> float:
    """Room for the longest of these beside the axes, in pixels; a bold letter is some 8 pixels wide."""
    return min(300.0, 26 + LETTER * max(len(label) for label in labels))


def _reach(marks: Sequence[Mark], scale: Scale) -> tuple[float, float]:
    values = [0.0, *(bound for mark in marks for bound in (mark.effect.low, mark.effect.high))]
    values += [mark.truth for mark in marks if mark.truth is not None]
    values += [scale.sought] if scale.sought is not None else []
    span = max(values) - min(values) or 1.0
    return min(values) - 0.06 * span, max(values) + 0.06 * span


def _draw_lines(axes: Axes, scale: Scale, top: float, bottom: float) -> None:
    """No difference, and the smallest effect sought; in a narrow drawing they leave room for the words."""
    axes.plot([0, 0], [top, bottom], color=INK, linewidth=1.2, solid_capstyle="butt", zorder=1)
    if scale.sought is not None:
        dots = (0, (2, 2.5))
        axes.plot([scale.sought] * 2, [top, bottom], color=MUTED, linewidth=1.2, linestyle=dots, zorder=1)


def _draw_mark(axes: Axes, mark: Mark, at: float) -> None:
    colour = TONES[mark.tone]
    axes.plot([mark.effect.low, mark.effect.high], [at, at], color=colour, linewidth=5, solid_capstyle="round")
    axes.plot(
        [mark.effect.estimate], [at], "o", color=PAPER, markeredgecolor=colour, markersize=12, markeredgewidth=3.5
    )
    if mark.truth is not None:
        axes.plot(
            [mark.truth], [at], "D", color="none", markeredgecolor=TRUTH, markersize=16, markeredgewidth=1.8, zorder=4
        )


def _beside(axes: Axes, x: float, y: float, words: str, *, align: str = "left", bold: bool = False) -> None:
    """Words in the row at `y`, at the share `x` of the axes' width, which may lie outside."""
    axes.text(
        x, y, words, transform=axes.get_yaxis_transform(), ha=align, va="center", color=INK if bold else MUTED,
        fontsize=TEXT, fontweight=700 if bold else 400, parse_math=False,
    )  # fmt: skip


def _name_ends(axes: Axes, scale: Scale) -> None:
    for text, x, align in ((f"← {scale.less}", 0, "left"), (f"{scale.more} →", 1, "right")):
        axes.text(
            x, 1.0, text, transform=axes.transAxes, ha=align, va="bottom", color=MUTED, fontsize=SMALL, parse_math=False
        )


def _apart(ends: Mapping[str, float], least: float) -> dict[str, float]:
    """The ends of the lines, moved so far apart that their names do not overlap."""
    placed: dict[str, float] = {}
    floor = 0.0
    for name, end in sorted(ends.items(), key=lambda item: item[1]):
        placed[name] = max(end, floor)
        floor = placed[name] + least
    return placed
