"""What somebody should know before they spend money: what cannot be learned, paid for, or sent in time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import time

from sqlalchemy import Connection, func, select

from handbill.definitions.metrics import METRICS
from handbill.planning.audience import Reason
from handbill.planning.cost import ChannelCost
from handbill.planning.earlier_experiments import about_earlier_experiments
from handbill.planning.layers import overlaps
from handbill.planning.learned_shares import clicks_so_far
from handbill.planning.learning import Learning
from handbill.planning.phrases import days, effect_in_words, lapse, moment, percent
from handbill.planning.registration import deviations
from handbill.planning.rollout import winner_of
from handbill.planning.selection import Occasion, selection
from handbill.planning.warm_up import curve_of, in_words
from handbill.store.tables import run

NEARLY_ALL = 0.95
"""From this usual rate on, an experiment looks for the few who would not have done it anyway."""


def remarks_of(
    connection: Connection,
    occasion: Occasion,
    units: Mapping[str, int],
    costs: Sequence[ChannelCost],
    shown: Sequence[Learning],
) -> Iterator[str]:
    """One sentence or two for each thing that is doubtful."""
    yield from _about_run(connection, occasion)
    yield from _about_registration(connection, occasion)
    yield from (f"Nobody is in arm {name}." for name, number in units.items() if not number and any(units.values()))
    yield from _about_rollout(connection, occasion)
    yield from _about_bandit(connection, occasion)
    yield from _about_overlaps(connection, occasion, planned=sum(units.values()))
    yield from about_earlier_experiments(connection, occasion)
    yield from (_underpowered(occasion, each) for each in shown if each.is_underpowered)
    yield from _about_usual(shown)
    yield from _about_post(occasion)
    yield from _about_warm_up(connection, occasion)
    for each in costs:
        if each.left is not None and each.left < 0:
            yield (
                f"The budget for {each.channel} is short of {-each.left:,.2f} {occasion.project.currency}: sending "
                "stops when it is spent."
            )


def _about_run(connection: Connection, occasion: Occasion) -> Iterator[str]:
    campaign, wave = occasion.campaign.name, occasion.wave
    started = select(run.c.state).where(run.c.campaign == campaign, run.c.wave == wave.name)
    state = connection.scalar(started)
    if state is not None:
        yield f'The wave "{wave.name}" of {campaign} is {state}. It is never planned twice; --new-wave makes another.'
    elif wave.latest_at and wave.is_over(occasion.now):
        yield (
            f"It is too late: nothing was to leave after {moment(wave.latest_at)} UTC. Change schedule or max_lateness."
        )


def _about_warm_up(connection: Connection, occasion: Occasion) -> Iterator[str]:
    """How many e-mails a new sender may send a day, while this run lasts."""
    curve = curve_of(connection, occasion.project, occasion.now)
    planned = select(func.min(selection.c.email_at), func.max(selection.c.email_at)).where(selection.c.reason.is_(None))
    if curve is not None and "email" in occasion.campaign.channels:
        first_at, last_at = connection.execute(planned).one()
        if first_at is not None and last_at is not None:
            yield in_words(curve, first_at, last_at)


def _about_registration(connection: Connection, occasion: Occasion) -> Iterator[str]:
    for change in deviations(connection, occasion.project.campaigns[occasion.campaign.name]):
        yield f"The run will refuse: the experiment is not the one that was registered: {change}."


def _about_rollout(connection: Connection, occasion: Occasion) -> Iterator[str]:
    """What becomes of those who are not in the test."""
    rollout = occasion.campaign.experiment.rollout if occasion.campaign.experiment else None
    if rollout is None or winner_of(occasion.campaign, occasion.wave.name):
        return
    waiting = select(func.count()).select_from(selection).where(selection.c.reason == Reason.WAITS_FOR_WINNER)
    yield (
        f"This is the test: {connection.scalar(waiting):,} contacts wait for the winner, which {rollout.by} pick "
        f"{lapse(rollout.decide_after)} after the last message. Their cost comes on top."
    )


def _about_bandit(connection: Connection, occasion: Occasion) -> Iterator[str]:
    """What the shares of this wave were made of."""
    if occasion.campaign.experiment is None or occasion.campaign.experiment.bandit is None:
        return
    seen = clicks_so_far(connection, occasion.campaign)
    if not any(each.successes for each in seen.values()):
        yield "Shares follow the clicks of earlier waves; nobody has clicked yet, so they are those that are declared."
        return
    said = ", ".join(
        f"{name} {percent(each.rate) if each.of else 'nobody'} of {each.of:,}" for name, each in seen.items()
    )
    yield f"Shares follow the clicks of earlier waves: {said}."


def _about_overlaps(connection: Connection, occasion: Occasion, *, planned: int) -> Iterator[str]:
    """Planned contacts whom another experiment counts still."""
    for each in overlaps(connection, occasion):
        share = f" ({percent(each.contacts / planned)})" if occasion.campaign.unit == "contact" else ""
        yield (
            f"{each.contacts:,} of the planned contacts{share} are in the experiment of {each.campaign} too, whose "
            "responses are still counted: what one brings may show in the other. Give both a slot of one layer, or "
            "exclude these people."
        )


def _about_usual(shown: Sequence[Learning]) -> Iterator[str]:
    """Where nearly everybody does it anyway there is little left to win."""
    for metric, usual in {each.metric: each.usual for each in shown}.items():
        if usual is not None and METRICS[metric].kind == "rate" and usual >= NEARLY_ALL:
            yield (
                f"The usual {metric} is {percent(usual)} without this campaign, so hardly anybody is left to win. "
                "Choose people who do it less often, a shorter reading window, or a metric such as revenue."
            )


def _underpowered(occasion: Occasion, shown: Learning) -> str:
    wanted, detectable = (
        effect_in_words(shown.metric, each or 0, occasion.project.currency) for each in (shown.wanted, shown.detectable)
    )
    needed = f" It takes {shown.needed[0]:,} and {shown.needed[1]:,} units to find {wanted}." if shown.needed else ""
    return (
        f"Too few for {shown.arm} against {shown.control}: an effect of {wanted} on {shown.metric} is worth finding, "
        f"but only one of {detectable} would be found.{needed}"
    )


def _about_post(occasion: Occasion) -> Iterator[str]:
    campaign, wave = occasion.campaign, occasion.wave
    post = occasion.project.channels.direct_mail
    if post is None or "direct_mail" not in campaign.channels:
        return
    if post.transit is None:
        yield "Nothing says how long post is under way: set transit for direct_mail, so that it arrives as planned."
        return
    arrives_after = post.transit - wave.leads["direct_mail"]
    if campaign.goal and campaign.goal.within <= arrives_after:
        yield (
            f"The reading window of {days(campaign.goal.within)} is over before the post arrives, "
            f"{days(arrives_after)} after the first contact."
        )
    if campaign.schedule.in_home and "email" in campaign.channels and wave.local_at.time() == time():
        yield "The e-mails leave at midnight. Write in_home with a time, such as 2026-12-01 09:00."
