"""Where what became of somebody differs from what a campaign test expects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from handbill.definitions.campaign import Campaign, EmailContent, email_of, mail_of
from handbill.definitions.findings import Path
from handbill.definitions.rehearsal import ANY_ARM, EmailExpectation, Expectation, MailExpectation
from handbill.definitions.values import MILLIONTHS
from handbill.planning.phrases import reason_in_words
from handbill.rehearsal.messages import Made, words
from handbill.rehearsal.outcome import Outcome

NOTHING = "nothing"
_LONGEST_EXCERPT = 80


@dataclass(frozen=True)
class Difference:
    """One thing that is not as expected; `path` is that of the expectation, below the persona."""

    path: Path
    expected: str
    got: str


def differences(campaign: Campaign, expected: Expectation, outcome: Outcome) -> list[Difference]:
    """Everything that is not as expected, in the order in which a plan decides it."""
    found = [*_who(expected, outcome), *_treatment(campaign, expected, outcome)]
    if expected.email is not None:
        found += _message("email", expected.email, outcome, _email)
    if expected.direct_mail is not None:
        found += _message("direct_mail", expected.direct_mail, outcome, _piece)
    unmade = (each for each in outcome.made.items() if each[1].problem)
    return [*found, *(Difference((), f"{channel} that can be made", made.problem) for channel, made in unmade)]


def state_of(outcome: Outcome) -> str:
    """Where the plan put somebody, in a few words."""
    if not outcome.is_selected:
        return "not selected"
    if outcome.reason:
        return f"left out: {outcome.reason}{f' ({outcome.detail})' if outcome.detail else ''}"
    return f"arm {outcome.arm}"


# ---------------------------------------------------------------- who, and in which arm


def _who(expected: Expectation, outcome: Outcome) -> Iterator[Difference]:
    if expected.selected is not None and expected.selected != outcome.is_selected:
        yield Difference(("selected",), "selected" if expected.selected else "not selected", state_of(outcome))
    if expected.left_out is not None and expected.left_out != outcome.reason:
        yield Difference(("left_out",), expected.left_out, state_of(outcome))
    if expected.detail is not None and expected.detail != outcome.detail:
        yield Difference(("detail",), expected.detail, outcome.detail or state_of(outcome))
    reason = reason_in_words(outcome.reason, outcome.detail) if outcome.reason else ""
    explained = words(" ".join((state_of(outcome), reason, *outcome.refusals))).casefold()
    for number, each in enumerate(expected.because):
        if words(each).casefold() not in explained:
            yield Difference(("because", number), each, state_of(outcome))
    if expected.reachable_by is not None and set(expected.reachable_by) != set(outcome.reachable_by):
        yield Difference(("reachable_by",), _listed(expected.reachable_by), _listed(outcome.reachable_by))


def _treatment(campaign: Campaign, expected: Expectation, outcome: Outcome) -> Iterator[Difference]:
    wants_any = expected.arm == ANY_ARM and ANY_ARM not in campaign.arms
    if expected.arm is not None and (outcome.arm is None if wants_any else outcome.arm != expected.arm):
        yield Difference(("arm",), "any arm" if wants_any else f"arm {expected.arm}", state_of(outcome))
    if expected.channels is not None and set(expected.channels) != set(outcome.made):
        yield Difference(("channels",), _listed(expected.channels), _listed(outcome.made))
    if expected.due_at is not None:
        yield from _moment(("due_at",), expected.due_at, outcome.due_at if outcome.arm else None, outcome)
    cost = sum(made.cost for made in outcome.made.values())
    if expected.cost is not None and expected.cost != cost:
        yield Difference(("cost",), _money(expected.cost), _money(cost))
    arm = campaign.arms.get(outcome.arm or "")
    discount = arm.offer.discount if arm and arm.offer else Decimal(0)
    if expected.discount is not None and expected.discount != discount:
        yield Difference(("discount",), f"{expected.discount:%}", f"{discount:%}")
    given = _given(campaign, outcome.arm)
    for name, value in expected.with_.items():
        if given.get(name) != value:
            yield Difference(("with", name), value, given.get(name, NOTHING))


def _given(campaign: Campaign, arm_name: str | None) -> Mapping[str, str]:
    """The values that the arm gives to its templates."""
    arm = campaign.arms.get(arm_name or "")
    if arm is None:
        return {}
    contents = (email_of(campaign, arm) or EmailContent(), mail_of(campaign, arm))
    return {name: value for each in contents if each for name, value in each.with_.items()}


# ---------------------------------------------------------------- the messages


def _message(
    channel: str, expected: Any, outcome: Outcome, compare: Callable[[Any, Made], Iterator[Difference]]
) -> Iterator[Difference]:
    made = {str(each): one for each, one in outcome.made.items()}.get(channel)
    if made is None:
        yield Difference((channel,), channel, state_of(outcome))
        return
    if made.problem:
        return
    for each in compare(expected, made):
        yield Difference((channel, *each.path), each.expected, each.got)
    if expected.leaves_at is not None:
        yield from _moment((channel, "leaves_at"), expected.leaves_at, made.leaves_at, outcome)
    for key, stands in (("contains", True), ("not_contains", False)):
        for number, text in enumerate(getattr(expected, key)):
            if (words(text) in made.text) is not stands:
                got = f"not in: {_cut(made.text)}" if stands else "in it"
                yield Difference((channel, key, number), f'{"" if stands else "not "}"{text}"', got)


def _email(expected: EmailExpectation, made: Made) -> Iterator[Difference]:
    for key in ("subject", "preheader", "language", "reply_to"):
        wanted, got = getattr(expected, key), getattr(made, key)
        if wanted is not None and wanted != got:
            yield Difference((key,), f'"{wanted}"', f'"{got}"' if got else NOTHING)


def _piece(expected: MailExpectation, made: Made) -> Iterator[Difference]:
    if expected.address and expected.address != made.address:
        yield Difference(("address",), _lines(expected.address), _lines(made.address))


def _moment(path: Path, expected: datetime, got: datetime | None, outcome: Outcome) -> Iterator[Difference]:
    """Compares by the recipient's clock."""
    local = got.astimezone(outcome.zone).replace(tzinfo=None) if got else None
    if local != expected:
        said = f"{local:%Y-%m-%d %H:%M} {outcome.zone.key}" if local else state_of(outcome)
        yield Difference(path, f"{expected:%Y-%m-%d %H:%M}", said)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_EXCERPT else f"{text[:_LONGEST_EXCERPT]}…"


def _listed(names: Sequence[str] | Mapping[Any, Any]) -> str:
    return ", ".join(names) or NOTHING


def _lines(lines: Sequence[str]) -> str:
    return " / ".join(lines)


def _money(millionths: int) -> str:
    return format((Decimal(millionths) / MILLIONTHS).normalize(), "f")
