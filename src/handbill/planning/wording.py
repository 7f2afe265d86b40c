"""A plan in words: one list of parts, shown as plain text on a terminal and as Markdown in a pull request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill

from handbill.definitions.values import zone
from handbill.planning.cost import BreakEven, ChannelCost
from handbill.planning.headcount import PlannedArm
from handbill.planning.learning import Learning
from handbill.planning.phrases import CHANNEL_WORDS, effect_in_words, moment, percent, reason_in_words
from handbill.planning.plan import Plan
from handbill.planning.timing import Departure

MOST_DEPARTURES = 15
WIDTH = 100

LEARNED = "What can be learned"

Rows = list[tuple[str, ...]]
Table = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """A heading, a table whose first row holds its headings (or no table), and sentences below it."""

    title: str
    rows: Table = ()
    sentences: tuple[str, ...] = ()


def parts_of(plan: Plan) -> list[Part]:
    """The plan as a reader needs it: who, which arms, when, how much, what can be learned, what is doubtful."""
    parts = [_who(plan), _arms(plan), _when(plan), _how_much(plan), _learned(plan)]
    if plan.remarks:
        parts.append(Part("Before you run it", sentences=plan.remarks))
    return [part for part in parts if part.rows or part.sentences]


def title_of(plan: Plan) -> str:
    """Campaign, wave, and when the plan was made."""
    extra = ", an extra wave" if plan.is_extra_wave else ""
    return f"Plan of {plan.campaign}, wave {plan.wave}{extra}, made {moment(plan.made_at)} UTC"


def as_text(title: str, parts: Sequence[Part], digest: str) -> str:
    """Plain text with aligned columns."""
    blocks = [title, *("\n".join(_text_lines(part)) for part in parts), f"Digest {digest}"]
    return "\n\n".join(blocks) + "\n"


def as_markdown(title: str, parts: Sequence[Part], digest: str) -> str:
    """Markdown for the comment of a pull request."""
    blocks = [f"## {title}", *("\n".join(_markdown_lines(part)) for part in parts), f"Digest `{digest}`"]
    return "\n\n".join(blocks) + "\n"


def _who(plan: Plan) -> Part:
    rows: Rows = [("Contacts", ""), (f"{plan.selected:,}", "selected")]
    for each in plan.left_out:
        rows.append((f"−{each.contacts:,}", reason_in_words(each.reason, each.detail)))
    rows.append((f"{plan.planned:,}", "planned"))
    return Part("Who", tuple(rows))


def _arms(plan: Plan) -> Part:
    by_household = plan.unit == "household"
    rows: Rows = [("Arm", "Gets", "Share", "Contacts", *(("Households",) if by_household else ()))]
    for arm in plan.arms:
        units = (f"{arm.units:,}",) if by_household else ()
        rows.append((arm.name, _gets(arm), percent(arm.expected), f"{arm.contacts:,}", *units))
    return Part("Arms", tuple(rows), tuple(_about_split(plan)))


def _gets(arm: PlannedArm) -> str:
    return " and ".join(CHANNEL_WORDS[channel] for channel in arm.channels) or "nothing"


def _about_split(plan: Plan) -> Iterator[str]:
    if plan.split.reason:
        yield plan.split.reason
    elif plan.split.p_value is not None:
        yield f"The split fits the declared shares (chi-square test, p = {plan.split.p_value:.2g})."


def _when(plan: Plan) -> Part:
    rows: Rows = [("Channel", "Time zone", "Messages", "First", "Last")]
    rows += [_departure(each) for each in plan.departures[:MOST_DEPARTURES]]
    more = len(plan.departures) - MOST_DEPARTURES
    sentences = [f"And {more} more; --json lists them all."] if more > 0 else []
    if plan.latest_at:
        sentences.append(f"Nothing leaves after {moment(plan.latest_at)} UTC.")
    return Part("When", tuple(rows) if len(rows) > 1 else (), tuple(sentences))


def _departure(each: Departure) -> tuple[str, ...]:
    local = zone(each.timezone)
    first, last = (moment(at.astimezone(local)) for at in (each.first_at, each.last_at))
    return CHANNEL_WORDS[each.channel], each.timezone, f"{each.messages:,}", first, last


def _how_much(plan: Plan) -> Part:
    rows: Rows = [("Channel", "Messages", "Cost", "Left of the budget")]
    rows += [_cost(each, plan.currency) for each in plan.costs]
    return Part("How much", tuple(rows), tuple(_what_pays(plan)))


def _cost(each: ChannelCost, currency: str) -> tuple[str, ...]:
    left = "no budget" if each.left is None else f"{each.left:,.2f} of {each.budget:,.2f} {currency}"
    return CHANNEL_WORDS[each.channel], f"{each.messages:,}", f"{each.cost:,.2f} {currency}", left


def _what_pays(plan: Plan) -> Iterator[str]:
    unknown: dict[str, list[str]] = {}
    for each in plan.break_even:
        if each.response_rate is None:
            unknown.setdefault(each.reason, []).append(each.arm)
        else:
            yield _pays(each, each.response_rate, plan.currency)
    for reason, arms in unknown.items():
        yield f"How many must respond for {', '.join(arms)} to pay is not known: {reason}."


def _pays(each: BreakEven, response_rate: float, currency: str) -> str:
    return (
        f"{each.arm} pays when {percent(response_rate)} of its recipients order because of it: each costs "
        f"{each.cost_each:g} {currency}, and a usual order leaves {each.margin_per_order:,.2f} {currency}."
    )


def _learned(plan: Plan) -> Part:
    sentences = [_found(each, plan.currency) for each in plan.learnings]
    known = next((each for each in plan.learnings if each.usual is not None and each.since and each.until), None)
    if known and known.since and known.until:
        since, until = moment(known.since), moment(known.until)
        sentences.append(f"Usual values are those of the same {plan.unit}s from {since} to {until} UTC.")
    return Part(LEARNED, sentences=tuple(sentences))


def _found(each: Learning, currency: str) -> str:
    name = f"{each.arm} against {each.control}"
    if each.detectable is None or each.usual is None:
        return f"{name}: what it would show is not known, because {each.reason}."
    effect, usual = (effect_in_words(each.metric, value, currency) for value in (each.detectable, each.usual))
    usual = percent(each.usual) if usual.endswith("points") else usual
    return (
        f"{name}: an effect of {effect} or more on {each.metric} would be found with a power of "
        f"{percent(each.power)}; the usual {each.metric} is {usual}."
    )


def _text_lines(part: Part) -> Iterator[str]:
    yield part.title
    widths = [max(map(len, column)) for column in zip(*part.rows, strict=True)]
    for row in part.rows:
        cells = [_aligned(cell, width, row) for cell, width in zip(row, widths, strict=True)]
        yield "  " + "  ".join(cells).rstrip()
    yield from (fill(each, WIDTH, initial_indent="  ", subsequent_indent="    ") for each in part.sentences)


def _aligned(cell: str, width: int, row: Sequence[str]) -> str:
    """Numbers to the right, words to the left; a single number column's heading stands above it like a number."""
    return cell.rjust(width) if _is_number(cell) or (cell == row[0] == "Contacts") else cell.ljust(width)


def _markdown_lines(part: Part) -> Iterator[str]:
    yield f"### {part.title}"
    yield ""
    if part.rows:
        head, *body = part.rows
        numbers = [all(_is_number(row[index]) for row in body) for index in range(len(head))]
        yield _markdown_row(head)
        yield _markdown_row(["---:" if number else "---" for number in numbers])
        yield from (_markdown_row(row) for row in body)
        yield from [""] if part.sentences else []
    yield from (f"- {_escaped(sentence)}" for sentence in part.sentences)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    """Names come from files and imports: they must not draw tables or links."""
    return "".join(f"\\{letter}" if letter in "|[]<>`*_\\" else letter for letter in text)


def _is_number(cell: str) -> bool:
    return cell.lstrip("−").rstrip("%").replace(",", "").replace(".", "").isdigit()
