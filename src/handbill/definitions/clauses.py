"""What one clause of a segment says about a contact: a field now or so far, consent, reach, a sample, a membership."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from handbill.definitions.campaign import CHANNELS
from handbill.definitions.fields import ContactField, FieldType
from handbill.definitions.findings import Mistake
from handbill.definitions.operands import OPERATORS, Subject, read_comparison, read_duration
from handbill.definitions.segment import (
    Comparison,
    ConsentClause,
    FieldClause,
    FieldOperator,
    HistoryClause,
    MailableClause,
    Missing,
    SampleClause,
    SegmentClause,
)
from handbill.definitions.values import parse_share
from handbill.definitions.words import quoted, unknown
from handbill.definitions.yaml import Items, Keys, Text, Tree

T = TypeVar("T")

CONSENT_STATES: tuple[Literal["granted", "withdrawn", "unknown"], ...] = ("granted", "withdrawn", "unknown")
"""What can be asked of the consent ledger."""


@dataclass(frozen=True)
class Reading:
    """Reads the clauses of one file by its project's words, and collects the mistakes that it meets.

    `unreadable` are fields whose declaration has mistakes of its own: nothing is said about them here. Topics, and
    campaigns with their arms, are checked where they are given.
    """

    fields: Mapping[str, ContactField]
    zone: ZoneInfo
    unreadable: frozenset[str] = frozenset()
    mistakes: list[Mistake] = field(default_factory=list)
    topics: Collection[str] | None = None
    campaigns: Mapping[str, Collection[str]] | None = None

    def add(self, mistake: Mistake) -> None:
        """Notes a mistake and goes on, so that all of them are found at once."""
        self.mistakes.append(mistake)

    def subject(self, name: str, type_: FieldType, operators: tuple[FieldOperator, ...]) -> Subject:
        """Something to compare, with its dates in the project's time zone."""
        return Subject(name, type_, operators, self.zone)

    def kept(self, read: Callable[[], T]) -> T | None:
        """What `read` answers; None, and the mistake noted, when it meets one."""
        try:
            return read()
        except Mistake as mistake:
            self.add(mistake)
            return None


def read_field(clause: Keys, reading: Reading) -> FieldClause | HistoryClause | None:
    """`{field: loyalty_points, gte: 100, missing: exclude}`, `{field: stage, has_been: customer, for: 30 days}`."""
    name = text_of(clause, "field", reading)
    if name is None or name in reading.unreadable:
        return None
    known = reading.fields.get(name)
    if known is None:
        reading.add(Mistake(clause.values["field"].place, *unknown("field", name, sorted(reading.fields))))
        return None
    if "has_been" in clause.places:
        return _history(clause, known, reading)
    missing = missing_option(clause, reading)
    operators = [key for key in clause.places if key != "field" and not (key == "missing" and missing)]
    subject = reading.subject(name, known.type, OPERATORS[known.type])
    read = comparisons(clause, operators, subject, reading)
    if not operators:
        mend = (
            "Add a comparison, such as eq: GB." if known.type == "text" else "Add a comparison, such as exists: true."
        )
        reading.add(Mistake(clause.place, f"nothing is said about field {quoted(name)}.", mend))
    for each in read:
        _check_one_of(each, known, clause.values[_key_of(each, clause)].place, reading)
    return FieldClause(name, read, missing or "exclude", clause.place)


def read_consent(clause: Keys, reading: Reading) -> ConsentClause | None:
    """`{consent: email, topic: offers, state: granted}`."""
    allow(clause, ("consent", "topic", "state"), reading)
    channel = word_of(clause, "consent", "channel", CHANNELS, reading)
    topic = word_of(clause, "topic", "topic", reading.topics, reading)
    state = word_of(clause, "state", "state", CONSENT_STATES, reading) or "granted"
    if "topic" not in clause.places:
        reading.add(Mistake(clause.place, "the consent has no topic.", "Add topic, such as topic: offers."))
    if channel is None or topic is None:
        return None
    return ConsentClause(channel, topic, next(each for each in CONSENT_STATES if each == state), clause.place)


def read_mailable(clause: Keys, reading: Reading) -> MailableClause | None:
    """`{mailable: direct_mail}`."""
    allow(clause, ("mailable",), reading)
    channel = word_of(clause, "mailable", "channel", CHANNELS, reading)
    return MailableClause(channel, clause.place) if channel else None


def read_segment_clause(clause: Keys, reading: Reading) -> SegmentClause | None:
    """`{segment: newsletter}`; whether that segment exists is known when all files are read."""
    allow(clause, ("segment",), reading)
    name = text_of(clause, "segment", reading)
    return SegmentClause(name, clause.place) if name else None


def read_sample(clause: Keys, reading: Reading) -> SampleClause | None:
    """`{sample: 50%, salt: newsletter-q4}`."""
    allow(clause, ("sample", "salt"), reading)
    share, salt = text_of(clause, "sample", reading), text_of(clause, "salt", reading)
    if "salt" not in clause.places:
        mend = "Add salt, a text that seeds the draw, such as newsletter-q4."
        reading.add(Mistake(clause.place, "the sample has no salt.", mend))
    if share is None or salt is None:
        return None
    try:
        return SampleClause(parse_share(share), salt, clause.place)
    except ValueError as error:
        what, _, mend = str(error).partition(". ")
        reading.add(Mistake(clause.values["sample"].place, f"{what}.", mend))
        return None


def allow(clause: Keys, known: Collection[str], reading: Reading) -> None:
    """Notes every key that the clause does not know."""
    for key, place in clause.places.items():
        if key not in known:
            reading.add(Mistake(place, *_unknown_key(key, known)))


def text_of(clause: Keys, key: str, reading: Reading) -> str | None:
    """The single value under a key; None when there is none (and, when it is something else, that is noted)."""
    written = clause.values.get(key)
    if isinstance(written, Text):
        return written.text.strip()
    if written is not None:
        reading.add(Mistake(written.place, f"{key} must be a single value.", "Write one text or number."))
    return None


def word_of(clause: Keys, key: str, noun: str, known: Collection[str] | None, reading: Reading) -> str | None:
    """The single value under a key when it is one of the known words; anything, when those are not given."""
    word = text_of(clause, key, reading)
    if word is not None and known is not None and word not in known:
        reading.add(Mistake(clause.values[key].place, *unknown(noun, word, sorted(known))))
        return None
    return word


def missing_option(clause: Keys, reading: Reading) -> Missing | None:
    """What a missing value means; None where nothing is said, or where `missing: true` asks for missing ones."""
    option = clause.values.get("missing")
    if not isinstance(option, Text) or option.text in ("true", "false"):
        return None
    if option.text not in ("include", "exclude"):
        known = ("include", "exclude", "true", "false")
        reading.add(Mistake(option.place, *unknown("missing", option.text, known)))
    return "include" if option.text == "include" else "exclude"


def comparisons(clause: Keys, operators: Iterable[str], subject: Subject, reading: Reading) -> tuple[Comparison, ...]:
    """What a clause says under those of its keys that are operators."""
    found = []
    for operator in operators:
        try:
            if operator in clause.values:
                found.append(read_comparison(operator, clause.values[operator], subject, clause.places[operator]))
        except Mistake as mistake:
            reading.add(mistake)
    return tuple(found)


def written_comparisons(written: Tree, subject: Subject, reading: Reading) -> tuple[Comparison, ...]:
    """`{gte: 2}`; `2`, which is short for `{eq: 2}`; `[a, b]`, which is short for `{in: [a, b]}`."""
    if not isinstance(written, Keys):
        operator = "in" if isinstance(written, Items) else "eq"
        written = Keys({operator: written}, {operator: written.place}, written.place)
    elif not written.places:
        reading.add(Mistake(written.place, f"nothing is said about {subject.name}.", "Write it like {gte: 2}."))
    return comparisons(written, list(written.places), subject, reading)


def _unknown_key(key: str, known: Collection[str]) -> tuple[str, str]:
    if len(known) == 1:
        return (
            f"{quoted(key)} cannot stand beside {next(iter(known))}.",
            "Remove it, or write it as a clause of its own.",
        )
    return unknown("key", key, known)


def _history(clause: Keys, known: ContactField, reading: Reading) -> HistoryClause | None:
    allow(clause, ("field", "has_been", "for"), reading)
    if known.builtin:
        what = f"no history is kept of {known.name}, so has_been cannot be asked."
        reading.add(Mistake(clause.places["has_been"], what, "Ask it of a field that you declared under fields."))
        return None
    subject = reading.subject(known.name, known.type, ("eq", "in"))
    if "has_been" not in clause.values:
        return None
    read = written_comparisons(clause.values["has_been"], subject, reading)
    held_for = reading.kept(lambda: read_duration(clause.values["for"])) if "for" in clause.values else None
    if not read:
        return None
    _check_one_of(read[0], known, clause.values["has_been"].place, reading)
    operand = read[0].operand
    values = operand if isinstance(operand, tuple) else (operand,)
    return HistoryClause(known.name, values, held_for, clause.place)  # type: ignore[arg-type]  # eq and in hold values


def _key_of(comparison: Comparison, clause: Keys) -> str:
    """The key that a comparison was written under: a reader may make another operator of it."""
    written = {"missing": "exists", "exists": "missing", "between": "within"}.get(comparison.operator, "field")
    return comparison.operator if comparison.operator in clause.values else written


def _check_one_of(comparison: Comparison, known: ContactField, place: tuple[int, int], reading: Reading) -> None:
    """A text that the field cannot have would silently match nobody."""
    if not known.one_of or comparison.operator not in ("eq", "ne", "in", "not_in"):
        return
    operands = comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)
    for operand in operands:
        if operand not in known.one_of:
            reading.add(Mistake(place, *unknown(known.name, str(operand), known.one_of)))
