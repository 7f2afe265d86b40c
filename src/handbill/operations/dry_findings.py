"""What came of rendering messages for the people whom a plan would reach: sums, extremes, and what is wrong."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from handbill.definitions.campaign import Channel
from handbill.errors import Problem
from handbill.rendering.compiled import Fallback
from handbill.rendering.fields import LARGEST_HTML

CHANNEL_WORDS: Mapping[Channel, str] = {"email": "e-mail", "direct_mail": "post"}
MOST = 5
"""Sentences of one kind that a page shows."""


@dataclass(frozen=True)
class ArmRendering:
    """What rendering one arm's messages for their recipients brought.

    `checked` of `recipients` were rendered, `failed` of these cannot be; of pieces, `laid_out` were set as pages too.
    `subject` is that of an invented recipient. `longest_subject` and `longest_address` are in letters, `biggest` is in
    bytes of HTML; each has the external id of a recipient who would get it. `too_big` e-mails are shown in part only.
    `languages` counts the recipients by the language of their template.
    """

    arm: str
    channel: Channel
    recipients: int
    checked: int
    failed: int
    laid_out: int = 0
    subject: str = ""
    longest_subject: int = 0
    longest_subject_of: str = ""
    biggest: int = 0
    biggest_of: str = ""
    too_big: int = 0
    longest_address: int = 0
    longest_address_of: str = ""
    languages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Unrenderable:
    """One thing that is wrong, for how many recipients, and the external id of the first of them."""

    problem: str
    recipients: int
    example: str


@dataclass(frozen=True)
class FallbackReading:
    """How many of a template's recipients would read a `default(…)`, and where it is written."""

    file: str
    line: int
    column: int
    value: str
    fallback: str
    readers: int
    recipients: int

    @property
    def share(self) -> float:
        """Of the recipients, in [0, 1]."""
        return self.readers / self.recipients if self.recipients else 0.0

    def __str__(self) -> str:
        said = f'"{self.fallback}"' if self.fallback else "nothing"
        share = f"{self.share:.1%}".replace("%", " %")
        return (
            f"{share} would read {said} instead of {self.value} "
            f"({self.readers:,} of {self.recipients:,}; {self.file}:{self.line}:{self.column})."
        )


@dataclass(frozen=True)
class DryRender:
    """Every arm and channel that sends something, what is wrong and which fallbacks are read, most frequent first."""

    arms: tuple[ArmRendering, ...] = ()
    problems: tuple[Unrenderable, ...] = ()
    fallbacks: tuple[FallbackReading, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        plain = asdict(self)
        plain["fallbacks"] = [{**asdict(each), "share": each.share} for each in self.fallbacks]
        return plain

    def rows(self) -> tuple[tuple[str, ...], ...]:
        """A table, its headings first."""
        rows = [("Arm", "Channel", "Rendered", "Cannot be", "Longest subject", "Biggest", "Subject for a sample")]
        for each in self.arms:
            is_email = each.channel == "email"
            rows.append((
                each.arm, CHANNEL_WORDS[each.channel], f"{each.checked:,} of {each.recipients:,}",
                f"{each.failed:,}", f"{each.longest_subject} letters" if is_email else "",
                f"{each.biggest / 1000:.1f} kB" if is_email else "", each.subject,
            ))  # fmt: skip
        return tuple(rows)

    def sentences(self, most: int = MOST) -> Iterator[str]:
        """What is wrong, then what is worth knowing; at most `most` of each kind."""
        for problem in self.problems[:most]:
            others = f" and {problem.recipients - 1:,} others" if problem.recipients > 1 else ""
            yield f"{problem.problem} (contact {problem.example}{others})"
        yield from _more(len(self.problems) - most)
        yield from (str(each) for each in self.fallbacks[:most])
        yield from _more(len(self.fallbacks) - most)
        for arm in self.arms:
            yield from _sentences_of(arm)


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"And {count} more; --json lists them all."


def _sentences_of(arm: ArmRendering) -> Iterator[str]:
    if arm.too_big:
        count = "1 e-mail has" if arm.too_big == 1 else f"{arm.too_big:,} e-mails have"
        yield (
            f"{arm.arm}: {count} more than {LARGEST_HTML // 1024} kB of HTML, and Gmail hides what comes after; "
            f"contact {arm.biggest_of} has the biggest."
        )
    if len(arm.languages) > 1:
        yield f"{arm.arm}: {', '.join(f'{count:,} in {name}' for name, count in sorted(arm.languages.items()))}."
    if arm.channel == "direct_mail" and arm.checked:
        longest = (
            f"The longest line of an address has {arm.longest_address} letters (contact {arm.longest_address_of})."
        )
        yield f"{arm.arm}: {_laid_out(arm)} {longest}"


def _laid_out(arm: ArmRendering) -> str:
    if arm.laid_out == arm.recipients:
        return "All pieces were laid out."
    return (
        f"Of {arm.recipients:,} pieces, the {arm.laid_out:,} that are hardest to set were laid out; "
        "all would take too long. Their words were filled in for everybody."
    )


@dataclass
class Findings:
    """What one job found about an arm's messages; the findings of many jobs add up.

    `fullest` and `emptiest` rank the pieces that are hardest to set, the worst first; the latter with negative ids.
    """

    checked: int = 0
    failed: int = 0
    laid_out: int = 0
    too_big: int = 0
    longest_subject: tuple[int, str] = (0, "")
    biggest: tuple[int, str] = (0, "")
    longest_address: tuple[int, str] = (0, "")
    languages: dict[str, int] = field(default_factory=dict)
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    fallbacks: dict[Fallback, int] = field(default_factory=dict)
    fullest: list[tuple[tuple[int, int], int]] = field(default_factory=list)
    emptiest: list[tuple[int, int]] = field(default_factory=list)

    def blame(self, problems: Iterable[Problem], external_id: str) -> None:
        """Notes by sentence what is wrong for somebody; people differ, mistakes repeat."""
        for problem in problems:
            sentence = str(problem).replace(f"contact {external_id}: ", "")
            count, example = self.faults.get(sentence, (0, external_id))
            self.faults[sentence] = count + 1, example

    def note_size(self, html: int, external_id: str) -> None:
        """Notes how many bytes of HTML somebody would get."""
        self.biggest = _larger(self.biggest, (html, external_id))
        self.too_big += html > LARGEST_HTML

    def add(self, other: "Findings") -> None:
        """Takes in what a later job found."""
        for name in ("checked", "failed", "laid_out", "too_big"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("longest_subject", "biggest", "longest_address"):
            setattr(self, name, _larger(getattr(self, name), getattr(other, name)))
        for sentence, (count, example) in other.faults.items():
            before, first = self.faults.get(sentence, (0, example))
            self.faults[sentence] = before + count, first
        for language, count in other.languages.items():
            self.languages[language] = self.languages.get(language, 0) + count
        for fallback, count in other.fallbacks.items():
            self.fallbacks[fallback] = self.fallbacks.get(fallback, 0) + count
        self.fullest += other.fullest
        self.emptiest += other.emptiest

    def of_arm(self, arm: str, channel: Channel, recipients: int, subject: str) -> ArmRendering:
        """As the plan shows it."""
        same = {each.name for each in fields(Findings)} & {each.name for each in fields(ArmRendering)}
        plain = {name: getattr(self, name) for name in same}
        for name in ("longest_subject", "biggest", "longest_address"):
            plain[name], plain[f"{name}_of"] = getattr(self, name)
        return ArmRendering(arm=arm, channel=channel, recipients=recipients, subject=subject, **plain)


def unrenderable(found: Iterable[Findings]) -> tuple[Unrenderable, ...]:
    """What is wrong in any of the arms, the most frequent first."""
    whole = Findings()
    for each in found:
        whole.add(each)
    ordered = sorted(whole.faults.items(), key=lambda each: (-each[1][0], each[0]))
    return tuple(Unrenderable(sentence, count, example) for sentence, (count, example) in ordered)


def fallback_readings(found: Iterable[tuple[Findings, Iterable[Fallback]]]) -> tuple[FallbackReading, ...]:
    """How many read each fallback, of the recipients whose template has it; `found` is by arm, with its fallbacks."""
    readers: dict[Fallback, int] = {}
    recipients: dict[Fallback, int] = {}
    for findings, written in found:
        for fallback in set(written):
            readers[fallback] = readers.get(fallback, 0) + findings.fallbacks.get(fallback, 0)
            recipients[fallback] = recipients.get(fallback, 0) + findings.checked - findings.failed
    readings = [
        FallbackReading(each.file, each.line, each.column, each.value, each.text, count, recipients[each])
        for each, count in readers.items()
        if count
    ]
    return tuple(sorted(readings, key=lambda each: (-each.share, each.file, each.line, each.column)))


def _larger(one: tuple[int, str], other: tuple[int, str]) -> tuple[int, str]:
    return other if other[0] > one[0] else one
