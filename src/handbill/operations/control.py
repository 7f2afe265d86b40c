"""How runs are looked at and steered from outside: paused, resumed, cancelled, tried again, and what is uncertain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from handbill.clock import Clock, real_clock
from handbill.delivery.books import Books, books, reasons
from handbill.delivery.run_state import TOO_LATE, cancel_run, pause_run, reopen_run, resume_run
from handbill.delivery.seed_books import seeds_in_words
from handbill.delivery.uncertain import Unsure, leave_uncertain, list_uncertain, resend_uncertain
from handbill.delivery.warming import OVER_WARM_UP
from handbill.errors import NothingToDo, RunRefused
from handbill.operations.audit import Action, Doer, note, operator
from handbill.planning.audience import Reason
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, run

BY_HAND = "by hand"


@dataclass(frozen=True)
class Standing:
    """Where a run stands. `reasons` says why messages were not sent, and how many of each; `seeds` how copies fared."""

    run_id: int
    campaign: str
    wave: str
    state: str
    state_reason: str | None
    started_at: datetime
    finished_at: datetime | None
    books: Books
    reasons: Mapping[str, int]
    seeds: str

    @property
    def sentence(self) -> str:
        """The books in words."""
        return _in_words(self.books, self.reasons, self.seeds)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = {**asdict(self), "sentence": self.sentence}
        for name in ("started_at", "finished_at"):
            plain[name] = plain[name].isoformat() if plain[name] else None
        return plain


def status(engine: Engine, campaign: str | None = None) -> list[Standing]:
    """Every run of a campaign or of all, the latest first.

    Raises:
        NothingToDo: there is none.
    """
    runs = select(run).order_by(run.c.started_at.desc(), run.c.id.desc())
    with reading(engine) as connection:
        found = connection.execute(runs.where(run.c.campaign == campaign) if campaign else runs).all()
        if not found:
            raise NothingToDo(f"{campaign} has never run." if campaign else "Nothing has ever run.")
        return [
            Standing(row.id, row.campaign, row.wave, row.state, row.state_reason, row.started_at, row.finished_at,
                     books(connection, row.id), reasons(connection, row.id), seeds_in_words(connection, row.id))
            for row in found
        ]  # fmt: skip


def sentence(connection: Connection, run_id: int) -> str:
    """The books of a run in words: `Sent 119,842 · Not sent 121 (98 on the suppression list, …) · Unsure 37: …`."""
    return _in_words(books(connection, run_id), reasons(connection, run_id), seeds_in_words(connection, run_id))


def pause(
    engine: Engine, campaign: str | None = None, *, clock: Clock = real_clock, doer: Doer | None = None
) -> list[str]:
    """Stops the running runs of a campaign, or of all, until they are resumed; answers their names."""
    deed = _Deed(Action.PAUSE, clock, doer)
    return _change(engine, campaign, ("running",), "is running", deed, lambda c, id_: pause_run(c, id_, BY_HAND))


def resume(
    engine: Engine, campaign: str | None = None, *, clock: Clock = real_clock, doer: Doer | None = None
) -> list[str]:
    """Lets paused runs go on; answers their names.

    Raises:
        RunRefused: one of them is too late by now.
    """

    def change(connection: Connection, run_id: int) -> bool:
        _require_time(connection, run_id, clock())
        return resume_run(connection, run_id, clock())

    return _change(engine, campaign, ("paused",), "is paused", _Deed(Action.RESUME, clock, doer), change)


def cancel(
    engine: Engine, campaign: str | None = None, *, clock: Clock = real_clock, doer: Doer | None = None
) -> list[str]:
    """Ends open runs for good; what has not left stays here. Answers their names."""
    return _change(
        engine,
        campaign,
        ("planning", "running", "paused"),
        "is open",
        _Deed(Action.CANCEL, clock, doer),
        lambda c, id_: cancel_run(c, id_, BY_HAND, clock()),
    )


def retry(
    engine: Engine,
    campaign: str | None = None,
    *,
    failed: bool = False,
    clock: Clock = real_clock,
    doer: Doer | None = None,
) -> int:
    """Makes messages that wait for another try due now; with `failed` also those that failed or could not be made.

    Answers how many. A finished run that gets messages back is open again.

    Raises:
        NothingToDo: there are none.
        RunRefused: the run is too late by now.
    """
    count = 0
    with writing(engine) as connection:
        for row in _runs(connection, campaign, ("running", "paused", "finished")):
            count += _retry_waiting(connection, row.id, clock())
            if failed and (number := _retry_failed(connection, row.id, clock())):
                _require_time(connection, row.id, clock())
                reopen_run(connection, row.id)
                count += number
        if not count:
            raise no_message(campaign, "failed or waits for another try" if failed else "waits for another try")
        _Deed(Action.RETRY, clock, doer).write(connection, campaign, messages=count)
    return count


def uncertain(engine: Engine, campaign: str | None = None) -> list[Unsure]:
    """Messages of which nobody knows whether they arrived, the oldest first."""
    with reading(engine) as connection:
        return list_uncertain(connection, [row.id for row in _runs(connection, campaign, _ANY)])


def resend(engine: Engine, campaign: str | None = None, *, clock: Clock = real_clock, doer: Doer | None = None) -> int:
    """Queues uncertain messages again, at the risk that somebody gets two; answers how many.

    Raises:
        NothingToDo: there are none.
        RunRefused: the run is too late by now.
    """

    def change(connection: Connection, run_id: int) -> int:
        count = resend_uncertain(connection, run_id, now=clock())
        if count:
            _require_time(connection, run_id, clock())
            reopen_run(connection, run_id)
        return count

    return _settle_uncertain(engine, campaign, _Deed(Action.RESEND, clock, doer), change)


def leave(engine: Engine, campaign: str | None = None, *, clock: Clock = real_clock, doer: Doer | None = None) -> int:
    """Closes uncertain messages: nothing more happens to them; answers how many.

    Raises:
        NothingToDo: there are none.
    """
    deed = _Deed(Action.LEAVE, clock, doer)
    return _settle_uncertain(engine, campaign, deed, lambda c, id_: leave_uncertain(c, id_, now=clock()))


def reason_in_words(reason: str) -> str:
    """A reason as sentences print it."""
    if reason == TOO_LATE:
        return "too late"
    if reason == OVER_WARM_UP:
        return "too late under the warm-up"
    try:
        return Reason(reason).sentence
    except ValueError:
        return reason


def no_message(campaign: str | None, what: str) -> NothingToDo:
    """What to say when no message of a campaign, or of any, is as it should be."""
    return NothingToDo(f"{campaign} has no message that {what}." if campaign else f"No message {what}.")


# ---------------------------------------------------------------- the sentence


def _in_words(made: Books, why_not: Mapping[str, int], seeds: str) -> str:
    parts = [f"Sent {made.accepted:,}"]
    if why_not:
        why = ", ".join(f"{count:,} {reason_in_words(reason)}" for reason, count in why_not.items())
        parts.append(f"Not sent {sum(why_not.values()):,} ({why})")
    if made.uncertain:
        parts.append(
            f"Unsure {made.uncertain:,}: the server went silent after taking the message, so it was not sent again. "
            "[List] [Send again] [Leave]"
        )
    if made.closed_unknown:
        parts.append(f"Never known {made.closed_unknown:,}")
    if made.open:
        parts.append(f"Waiting {made.open:,}")
    return " · ".join((*parts, seeds) if seeds else parts)


# ---------------------------------------------------------------- which runs, and what is done to them


@dataclass(frozen=True)
class _Deed:
    """What is done by whom, for the log."""

    action: Action
    clock: Clock
    doer: Doer | None

    def write(self, connection: Connection, campaign: str | None, **details: Any) -> None:
        note(connection, self.doer or operator(), self.action, campaign, at=self.clock(), **details)


_ANY = ("planning", "running", "paused", "finished", "cancelled")


def _runs(connection: Connection, campaign: str | None, states: Sequence[str]) -> Sequence[Any]:
    found = select(run.c.id, run.c.campaign, run.c.wave).where(run.c.state.in_(states)).order_by(run.c.id)
    return connection.execute(found.where(run.c.campaign == campaign) if campaign else found).all()


def _change(
    engine: Engine,
    campaign: str | None,
    states: Sequence[str],
    what: str,
    deed: _Deed,
    change: Callable[[Connection, int], bool],
) -> list[str]:
    with writing(engine) as connection:
        found = [row for row in _runs(connection, campaign, states) if change(connection, row.id)]
        for row in found:
            deed.write(connection, row.campaign, wave=row.wave, run=row.id)
    changed = [row.campaign if row.wave == "once" else f"{row.campaign} ({row.wave})" for row in found]
    if not changed:
        raise NothingToDo(f"No run of {campaign} {what}." if campaign else f"No run {what}.")
    return changed


def _settle_uncertain(
    engine: Engine, campaign: str | None, deed: _Deed, change: Callable[[Connection, int], int]
) -> int:
    with writing(engine) as connection:
        count = sum(change(connection, row.id) for row in _runs(connection, campaign, _ANY))
        if not count:
            raise no_message(campaign, "is uncertain")
        deed.write(connection, campaign, messages=count)
    return count


def _require_time(connection: Connection, run_id: int, now: datetime) -> None:
    late = select(run.c.campaign, run.c.latest_at).where(run.c.id == run_id, run.c.latest_at <= now)
    if found := connection.execute(late).one_or_none():
        raise RunRefused(
            f"{found.campaign}: it is too late, nothing was to leave after {found.latest_at:%Y-%m-%d %H:%M} UTC. "
            f"Make an extra wave: `handbill run {found.campaign} --new-wave NAME`."
        )


def _retry_waiting(connection: Connection, run_id: int, now: datetime) -> int:
    waiting = (outbox.c.run_id == run_id, outbox.c.state == "queued", outbox.c.attempt > 0, outbox.c.not_before > now)
    return connection.execute(update(outbox).where(*waiting).values(not_before=now)).rowcount


def _retry_failed(connection: Connection, run_id: int, now: datetime) -> int:
    named = outbox.c.address != ""  # an erased person has none
    ended = (outbox.c.run_id == run_id, outbox.c.state.in_(["failed", "render_error"]), named)
    again = {"state": "queued", "reason": None, "not_before": now, "expires_at": None, "settled_at": None}
    return connection.execute(update(outbox).where(*ended).values(**again)).rowcount
