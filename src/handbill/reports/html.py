"""The report as one page: a single file that works offline, in light, dark and print, at a desk and on a phone."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from handbill import __version__
from handbill.reports.charts import WIDTHS, draw
from handbill.reports.content import Figure, Section
from handbill.reports.document import Report
from handbill.reports.drawing import Drawing
from handbill.reports.pictures import EffectPicture, Picture
from handbill.reports.sections import coverage, facts_of, first_figures, first_picture, sections_of
from handbill.reports.verdict import FirstScreen
from handbill.reports.wording import capital, day

_CODE = re.compile(r"`([^`]+)`")
_INTERVAL = re.compile(r"\((?=[^()]{1,24}\))[^()]*[0-9][^()]*\)")
_TIED = (
    (" %", "&nbsp;%"),
    (" − ", "&nbsp;−&nbsp;"),
    (" ✓", "&nbsp;✓"),
    (" ✗", "&nbsp;✗"),
    ("e-mail", "e-&NoBreak;mail"),
    ("+", "+&NoBreak;"),
)
TEMPLATE, STYLE = "report.html.j2", "report.css"


@dataclass(frozen=True)
class Page:
    """What stands on a page: whose it is and what about, its first screen, and its sections."""

    brand: str
    campaign: str
    screen: FirstScreen
    facts: Sequence[str]
    sections: Sequence[Section]
    footer: str
    first: EffectPicture | None = None
    figures: Sequence[Figure] = ()
    simulated: str = ""


def as_html(report: Report) -> str:
    """The page of one campaign."""
    return render(
        Page(
            brand=report.brand,
            campaign=report.campaign,
            screen=report.screen,
            facts=facts_of(report),
            sections=sections_of(report),
            footer=footer_of(report.made_at, report.timezone),
            first=first_picture(report),
            figures=first_figures(report),
            simulated=coverage(report),
        )
    )


def render(page: Page) -> str:
    """The whole page. It loads nothing and runs nothing; its own styles are the only ones that it allows."""
    drawings = _drawings(page.sections, page.first)
    style = _resource(STYLE) + "".join(
        f".{name} {{ {rule} }}\n" for drawing in drawings.values() for name, rule in drawing.rules.items()
    )
    template = _environment().get_template(TEMPLATE)
    return template.render(
        page=page,
        policy=_policy(style),
        style=Markup(style),  # noqa: S704 - ours, and the charts' rules hold no text of anybody
        drawings={key: Markup(drawing.svg) for key, drawing in drawings.items()},  # noqa: S704 - escaped by matplotlib
        legend=_legend(page.first),
    )


def footer_of(made_at: datetime, timezone: str) -> str:
    """When and by what it was made."""
    local = made_at.astimezone(ZoneInfo(timezone))
    made = f"Made on {day(local)} at {local:%H:%M} ({timezone}) by Handbill {__version__}."
    return f"{made} One file, works offline."


def _drawings(sections: Sequence[Section], first: EffectPicture | None) -> Mapping[tuple[str, str], Drawing]:
    pictures: list[Picture] = [picture for section in sections for picture in section.pictures]
    if first is not None:
        pictures.append(first)
    return {(picture.name, width): draw(picture, width) for picture in pictures for width in WIDTHS}


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _legend(first: EffectPicture | None) -> list[str]:
    if first is None:
        return []
    legend = ["The dot is the estimate, the bar its interval, the solid line no difference"]
    if first.scale.sought is not None:
        legend.append("the dotted line the smallest effect sought")
    if any(mark.truth is not None for mark in first.marks):
        legend.append("the diamond the true effect")
    return [", ".join(legend) + "."]


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters.update({"typeset": _typeset, "capital": capital})
    return environment


def _resource(name: str) -> str:
    return files("handbill.reports").joinpath(name).read_text(encoding="utf-8")


def _typeset(text: str) -> Markup:
    """What belongs together stays on one line: a number and its percent sign, an interval, a pair of arms.

    What stands between backticks is a command.
    """
    together = _INTERVAL.sub(r'<span class="interval">\g<0></span>', str(escape(text)))
    for loose, tied in _TIED:
        together = together.replace(loose, tied)
    together = _CODE.sub(r"<code>\1</code>", together)
    return Markup(together)  # noqa: S704 - escaped just now
