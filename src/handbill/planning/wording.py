"""A plan in words: who, which arms, when, how much, what can be learned, what has moved, and what is doubtful."""

from collections.abc import Iterator

from handbill.definitions.campaign import CHANNELS
from handbill.definitions.metrics import METRICS
from handbill.definitions.values import zone
from handbill.planning import timing
from handbill.planning.cost import BreakEven, ChannelCost
from handbill.planning.differences import Differences, Movement
from handbill.planning.headcount import PlannedArm
from handbill.planning.layout import Page, Part, Table
from handbill.planning.learning import Learning
from handbill.planning.phrases import CHANNEL_WORDS, moment, percent, reason_in_words, short_effect, value_in_words
from handbill.planning.plan import Plan
from handbill.planning.timing import Departure

MOST = 15
"""Rows of one table and sentences of one kind that are shown; a pull request's comment must stay readable."""
LEARNED = "What can be learned"

Rows = list[tuple[str, ...]]


def page_of(plan: Plan, *extra: Part) -> Page:
    """The plan as a reader needs it. `extra` parts stand before what can be learned, or at the end after doubts."""
    parts = [_who(plan), *_since(plan), _arms(plan), _when(plan), _how_much(plan), *extra, _learned(plan)]
    if plan.remarks:
        parts.append(Part("Before you run it", sentences=plan.remarks, tone="warning"))
    parts.append(_next(plan))
    shown = tuple(part for part in parts if part.rows or part.sentences)
    return Page(title_of(plan), in_one_line(plan), shown, f"Digest {plan.digest}")


def title_of(plan: Plan) -> str:
    """Campaign, wave, and when the plan was made."""
    extra = ", an extra wave" if plan.is_extra_wave else ""
    return f"Plan of {plan.campaign}, wave {plan.wave}{extra}, made {moment(plan.made_at)} UTC"


def in_one_line(plan: Plan) -> str:
    """How many are planned, how many messages that is, what they cost, and when they leave."""
    messages = " and ".join(f"{each.messages:,} {_noun(each)}" for each in plan.costs)
    cost = f"{sum(each.cost for each in plan.costs):,.2f} {plan.currency}"
    said = (
        f"{plan.planned:,} of {plan.selected:,} selected contacts are planned: {messages or 'no messages'} for {cost}"
    )
    if not plan.departures:
        return f"{said}."
    first, last = min(each.first_at for each in plan.departures), max(each.last_at for each in plan.departures)
    span = f"at {moment(first)}" if moment(first) == moment(last) else f"from {moment(first)} to {moment(last)}"
    return f"{said}, {span} UTC."


def _noun(cost: ChannelCost) -> str:
    one, many = ("e-mail", "e-mails") if cost.channel == "email" else ("piece of post", "pieces of post")
    return one if cost.messages == 1 else many


def _who(plan: Plan) -> Part:
    rows: Rows = [("Contacts", ""), (f"{plan.selected:,}", "selected")]
    rows += [(f"−{each.contacts:,}", reason_in_words(each.reason, each.detail)) for each in plan.left_out]
    rows.append((f"{plan.planned:,}", "planned"))
    return Part("Who", tuple(rows), totals=(0, len(rows) - 2))


def _since(plan: Plan) -> Iterator[Part]:
    """What has moved since the last plan or run."""
    moved = plan.differences
    if moved is None:
        return
    other_wave = f", wave {moved.wave}" if moved.wave != plan.wave else ""
    kind = "run" if moved.made_by == "run" else "plan"
    title = f"Since the {kind} of {moment(moved.made_at)} UTC{other_wave}"
    if moved.is_empty:
        yield Part(title, sentences=("Nobody came, nobody left, and nothing was edited.",), tone="faint")
        return
    rows: Rows = [("Contacts", ""), (f"{moved.before:,}", "planned then")]
    rows += _movements("+", moved.entered, entered=True) + _movements("−", moved.left, entered=False)
    rows.append((f"{moved.after:,}", "planned now"))
    yield Part(title, tuple(rows), tuple(_other_arms(moved)), totals=(0, len(rows) - 2))
    if moved.edits:
        yield _edits(moved)


def _movements(sign: str, movements: tuple[Movement, ...], *, entered: bool) -> Rows:
    rows: Rows = [(f"{sign}{each.contacts:,}", _gate(each, entered=entered)) for each in movements[:MOST]]
    if rest := sum(each.contacts for each in movements[MOST:]):
        rows.append((f"{sign}{rest:,}", "for other reasons; --json lists them"))
    return rows


def _gate(movement: Movement, *, entered: bool) -> str:
    example = f", such as {movement.example}" if movement.example else ""
    return movement.sentence(entered=entered) + example


def _other_arms(moved: Differences) -> Iterator[str]:
    for each in moved.arms:
        yield f"{each.contacts:,} are in arm {each.after} and were in {each.before}."


def _edits(moved: Differences) -> Part:
    rows: Rows = [("Touches", "Where", "Before", "Now")]
    rows += [(each.kind.value, each.path, each.before or "–", each.after or "–") for each in moved.edits[:MOST]]
    more = len(moved.edits) - MOST
    return Part("Edited since then", tuple(rows), (f"And {more} more; --json lists them all.",) if more > 0 else ())


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
    rows += [_departure(each) for each in plan.departures[:MOST]]
    more = len(plan.departures) - MOST
    sentences = [f"And {more} more; --json lists them all."] if more > 0 else []
    sentences += timing.in_words(plan.departures)
    if plan.latest_at:
        sentences.append(f"Nothing leaves after {moment(plan.latest_at)} UTC.")
    return Part("When", tuple(rows) if len(rows) > 1 else (), tuple(sentences))


def _departure(each: Departure) -> tuple[str, ...]:
    local = zone(each.timezone)
    first, last = (moment(at.astimezone(local)) for at in (each.first_at, each.last_at))
    return CHANNEL_WORDS[each.channel], each.timezone, f"{each.messages:,}", first, last


def _how_much(plan: Plan) -> Part:
    budgets = any(each.budget is not None for each in plan.costs)
    names = ("Cost", "Budget", "Left") if budgets else ("Cost",)
    rows: Rows = [("Channel", "Messages", *(f"{name} ({plan.currency})" for name in names))]
    rows += [_cost(each, budgets=budgets) for each in plan.costs]
    return Part("How much", tuple(rows), (*_beside(plan), *_what_pays(plan)))


def _beside(plan: Plan) -> Iterator[str]:
    if plan.seeds and plan.sends:
        mailboxes = "1 seed gets" if plan.seeds == 1 else f"{plan.seeds} seeds get"
        yield f"And {mailboxes} a copy of each arm's e-mail, which nothing counts."


def _cost(each: ChannelCost, *, budgets: bool) -> tuple[str, ...]:
    row = CHANNEL_WORDS[each.channel], f"{each.messages:,}", f"{each.cost:,.2f}"
    if not budgets:
        return row
    left = ("", "") if each.left is None else (f"{each.budget:,.2f}", f"{each.left:,.2f}".replace("-", "−"))
    return *row, *left


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
    """A row for each comparison; what the columns mean stands below, for readers who are no statisticians."""
    known = [each for each in plan.learnings if each.detectable is not None]
    rows: Rows = [("Comparison", "Found from", "Worth finding", f"{plan.unit.capitalize()}s", "It takes")]
    rows += [_found(each, plan.currency) for each in known]
    sentences = [
        f"{each.arm} against {each.control}: what it would show is not known, because {each.reason}."
        for each in plan.learnings
        if each.detectable is None
    ]
    if known:
        sentences.insert(0, _explained(known[0], plan))
    table = tuple(rows) if known else ()
    return Part(LEARNED, table, (*sentences, *_interaction(plan), *_reading(plan)))


def _found(each: Learning, currency: str) -> tuple[str, ...]:
    effects = (each.detectable, each.wanted)
    found, wanted = (short_effect(each.metric, value, currency) if value else "" for value in effects)
    units, needed = (f"{sum(pair):,}" if pair else "" for pair in (each.units, each.needed))
    return f"{each.arm} against {each.control}", found, wanted, units, needed


def _explained(each: Learning, plan: Plan) -> str:
    usual = ""
    if each.usual is not None and each.since and each.until:
        value = value_in_words(each.metric, each.usual, plan.currency)
        usual = (
            f" The usual {each.metric} is {value}: that of the same {plan.unit}s from {moment(each.since)} to "
            f"{moment(each.until)} UTC."
        )
    unit = " (pp: percentage points)" if METRICS[each.metric].kind == "rate" else ""
    power = percent(each.power)
    return f"Found from: the least effect on {each.metric}{unit} that is found with a power of {power}.{usual}"


def _interaction(plan: Plan) -> Iterator[str]:
    """Two channels alone and together: what it takes to see whether both are more than their sum."""
    channels = {arm.channels for arm in plan.arms}
    if not channels >= {(), *((channel,) for channel in CHANNELS), CHANNELS}:
        return
    sizes = [sum(each.needed) for each in plan.learnings if each.needed]
    needed = f", here about {4 * max(sizes):,} {plan.unit}s" if sizes else ""
    yield (
        "Whether e-mail and post together bring more than both by themselves (their interaction) takes four times the "
        f"people that the effect of one of them takes{needed}."
    )


def _reading(plan: Plan) -> Iterator[str]:
    """How long the experiment takes, and what."""
    reading = plan.reading
    if reading is None:
        return
    held_back = (
        f", and holds back {reading.held_back:,} {'contact' if reading.held_back == 1 else 'contacts'}"
        if reading.held_back
        else ""
    )
    yield (
        f"The result can be read from {moment(reading.readable_at)} UTC, {reading.days:.0f} days after the first "
        f"contact. The experiment costs {reading.cost:,.2f} {plan.currency} in messages{held_back}."
    )


def _next(plan: Plan) -> Part:
    """The commands that usually follow."""
    name, wave = plan.campaign, f" --new-wave {plan.wave}" if plan.is_extra_wave else ""
    if not plan.sends:
        return Part("Next", sentences=(f"Nobody would get anything; `handbill explain CONTACT {name}` says why.",))
    file, moved = f"{name}.plan.json", int(plan.planned * plan.max_drift)
    rows: Table = (
        ("To", "Run"),
        ("see the messages", f"`handbill preview {name}`"),
        ("send yourself a proof", f"`handbill send-test {name} --to you@{_own_domain(plan)}`"),
        ("approve this plan", f"`handbill plan {name}{wave} --out {file}`"),
        ("send exactly that", f"`handbill run {name} --plan {file}`"),
    )
    people = f"more than {moved:,} contact{'' if moved == 1 else 's'} came or went" if moved else "anybody came or went"
    drift = f"That run is refused when anything was edited, or when {people} ({percent(plan.max_drift)})."
    return Part("Next", rows, (drift,), tone="faint")


def _own_domain(plan: Plan) -> str:
    """Where the reader of the plan presumably has a mailbox."""
    sender = str(plan.definition.get("channels", {}).get("email", {}).get("from", ""))
    return sender.rpartition("@")[2].rstrip(">") or "example.org"
