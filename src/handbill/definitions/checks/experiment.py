"""Whether an experiment can be drawn and compared: arms, shares, control, comparisons and unit."""

from collections.abc import Iterator
from decimal import Decimal

from handbill.definitions.checks.draft import Draft
from handbill.definitions.checks.names import check_names
from handbill.definitions.findings import Finding, Path, under
from handbill.definitions.metrics import compared_arms
from handbill.definitions.words import quoted, unknown

_ARMS = ("experiment", "arms")


def check_experiment(draft: Draft) -> Iterator[Finding]:
    """The draw and the comparisons; the metrics have a check of their own."""
    if not draft.is_experiment:
        return
    yield from under(_ARMS, check_names("an arm", draft.arm_names))
    yield from _check_shares(draft)
    yield from _check_control(draft)
    yield from _check_comparisons(draft)
    yield from _check_unit(draft)
    if not draft.has("goal"):
        what = f"{quoted(draft.name)} is an experiment without a goal."
        yield Finding((), what, "Add goal: {event: order, within: 14 days}.", at_key=True)


def _check_shares(draft: Draft) -> Iterator[Finding]:
    total = sum((arm.share for arm in draft.arms.values()), Decimal(0))
    if draft.arms and draft.every_arm_is_read and total != 1:
        yield Finding(_ARMS, f"the shares add to {_percent(total)}.", "Make them add to exactly 100%.", at_key=True)


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"


def _check_control(draft: Draft) -> Iterator[Finding]:
    control = draft.text("experiment", "control")
    if control and draft.arm_names and control not in draft.arm_names:
        yield Finding(("experiment", "control"), *unknown("arm", control, draft.arm_names))


def _check_comparisons(draft: Draft) -> Iterator[Finding]:
    pairs = draft.texts("experiment", "compare")
    for index, pair in enumerate(pairs):
        path: Path = ("experiment", "compare", index)
        yield from _check_pair(path, pair, draft)
        if pair in pairs[:index]:
            yield Finding(path, f"comparison {quoted(pair)} stands here twice.", "Remove one.")
    primary = draft.text("experiment", "primary", "comparison")
    if primary is not None:
        yield from _check_pair(("experiment", "primary", "comparison"), primary, draft)


def _check_pair(path: Path, pair: str, draft: Draft) -> Iterator[Finding]:
    arms = compared_arms(pair)
    if arms is None:
        example = " - ".join(draft.arm_names[:-3:-1]) or "discount - plain"
        yield Finding(path, f"{quoted(pair)} is not a comparison of two arms.", f"Write it like {example}.")
        return
    for arm in arms:
        if draft.arm_names and arm not in draft.arm_names:
            yield Finding(path, *unknown("arm", arm, draft.arm_names))
    if arms[0] == arms[1]:
        yield Finding(path, f"{quoted(pair)} compares an arm with itself.", "Name two arms.")


def _check_unit(draft: Draft) -> Iterator[Finding]:
    posted = draft.arms_on("direct_mail")
    unit = draft.text("experiment", "unit") or "contact"
    if posted and unit == "contact":
        path: Path = ("experiment", "unit") if draft.has("experiment", "unit") else ("experiment",)
        what = f"arm {quoted(posted[0])} sends post, which a whole household reads."
        yield Finding(path, what, "Write unit: household.", at_key=path == ("experiment",))
