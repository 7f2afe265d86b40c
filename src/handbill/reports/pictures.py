"""What the pictures of a report show, before anything is drawn: they are made without loading a charting library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from handbill.reports.wording import Range

Tone = Literal["gain", "loss", "unsure"]
"""What an interval proves: more of what is wanted, less of it, or nothing."""


@dataclass(frozen=True)
class Mark:
    """One effect: its name, its interval, how that is said, and whether it proves anything."""

    label: str
    effect: Range
    says: str
    tone: Tone
    truth: float | None = None


@dataclass(frozen=True)
class Scale:
    """How an axis of effects reads: what lies left and right of nothing, how a tick is written, what was sought."""

    less: str
    more: str
    tick: Callable[[float], str]
    sought: float | None = None


@dataclass(frozen=True)
class Bar:
    """One step of the audience: so many contacts between `start` and `end`; `left_out` ones are drawn lighter."""

    label: str
    start: float
    end: float
    left_out: bool


@dataclass(frozen=True)
class EffectPicture:
    """Effects with their intervals. `description` tells it to those who do not see it."""

    name: str
    title: str
    description: str
    marks: tuple[Mark, ...]
    scale: Scale


@dataclass(frozen=True)
class WaterfallPicture:
    """The audience, step by step."""

    name: str
    title: str
    description: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class TimingPicture:
    """One line an arm: its value at the end of each day."""

    name: str
    title: str
    description: str
    lines: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class BandPicture:
    """One effect at several days, each with its interval; `more` says what lies above nothing."""

    name: str
    title: str
    description: str
    points: tuple[tuple[int, Range], ...]
    more: str


Picture = EffectPicture | WaterfallPicture | TimingPicture | BandPicture
