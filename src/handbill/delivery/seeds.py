"""What the project's own mailboxes get of a run: one copy of each arm's e-mail in each language, which nothing counts.

A copy is marked before it is sent and never tried again once its fate is in doubt, so a mailbox gets it at most once,
however often the run is killed and repeated. Copies go beside the run, over a line of their own: they never hold it up.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Row, exists, select

from handbill.channels.contract import Answer, Outcome
from handbill.definitions.campaign import email_of
from handbill.delivery import seed_books
from handbill.delivery.copies import Post, compose_copy, new_message_id, unsent_row
from handbill.delivery.job import CHANNEL, Job
from handbill.delivery.messages import Composer
from handbill.delivery.providers import email_channel, email_provider, signing_key
from handbill.errors import HandbillError, NotRenderable
from handbill.rendering.email import compile_email
from handbill.rendering.samples import sample_profile, sample_purchases
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, run

HEADER = "X-Handbill-Seed"
PATIENCE = 10.0
"""Seconds that a run waits for its copies after its last message."""

_STATES = {Outcome.ACCEPTED: "accepted", Outcome.UNCERTAIN: "uncertain", Outcome.RETRY: "waiting"}
"""What an answer makes of a copy; of all others it is failed. What was not sent for certain may be tried again."""


@contextmanager
def seed_copies(job: Job, *, patience: float = PATIENCE) -> Iterator[None]:
    """Sends the copies that are not on their way yet, while the run sends its messages; then waits for them a while."""
    if not email_channel(job.project).seeds or not _is_due(job):
        yield
        return
    stop = threading.Event()
    # As a daemon: whoever interrupts a run does not wait for a seed's mail server.
    thread = threading.Thread(target=_send, args=(job, stop), name="seeds", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(patience)
        stop.set()


def _is_due(job: Job) -> bool:
    """Whether the run is sending by now."""
    due = exists().where(
        outbox.c.run_id == job.run_id,
        outbox.c.channel == CHANNEL,
        outbox.c.state == "queued",
        outbox.c.not_before <= job.worker.clock(),
    )
    with reading(job.engine) as connection:
        is_running = exists().where(run.c.id == job.run_id, run.c.state == "running")
        return bool(connection.scalar(select(due & is_running)))


def _send(job: Job, stop: threading.Event) -> None:
    """Sends what waits. Whatever goes wrong here is written down where that is possible, and stops nobody."""
    with suppress(HandbillError):
        waiting = _waiting(job)
        if not waiting:
            return
        post = Post(email_provider(job.project))
        try:
            composer = Composer(job.project, job.campaign, job.settings.keys, signing_key(job.project))
            for row in waiting:
                if stop.is_set() or job.worker.stop.is_set() or post.open() is not None:
                    return
                _send_one(job, composer, post, row)
        finally:
            post.close()


def _send_one(job: Job, composer: Composer, post: Post, row: Row[Any]) -> None:
    """One copy, marked before the first byte of it leaves."""
    if not _begin(job, row.id):
        return
    at = job.worker.clock()
    unsent = unsent_row(row.arm, row.address, at, message_id=new_message_id(job.project))
    invented = {**sample_profile(job.project), **sample_purchases(job.project)}
    header = (HEADER, f"{job.campaign.name}/{row.arm}/{row.language}")
    try:
        message = compose_copy(composer, unsent, {**invented, "language": row.language}, header=header)
    except NotRenderable as error:
        _settle(job, row.id, "failed", str(error))
        return
    answer = post.hand_over(message)
    _settle(job, row.id, _STATES.get(answer.outcome, "failed"), _said(answer))


def _said(answer: Answer) -> str | None:
    said = " ".join(str(part) for part in (answer.code, answer.text) if part)
    return None if answer.outcome is Outcome.ACCEPTED else said or answer.stage


def _waiting(job: Job) -> Sequence[Row[Any]]:
    """The copies that nobody has begun; at the run's first sending all of them are written down."""
    with reading(job.engine) as connection:
        are_known = seed_books.are_written_down(connection, job.run_id)
    if not are_known:
        copies = list(_all_copies(job))
        with writing(job.engine) as connection:
            seed_books.write_down(connection, job.run_id, copies)
    with reading(job.engine) as connection:
        return seed_books.waiting_copies(connection, job.run_id)


def _all_copies(job: Job) -> Iterator[tuple[str, str, str]]:
    """Arm, language and mailbox of each."""
    seeds = email_channel(job.project).seeds
    for arm in (name for name, each in job.campaign.arms.items() if email_of(job.campaign, each)):
        languages = compile_email(job.project, job.campaign, arm).languages
        yield from ((arm, language, address) for language in languages for address in seeds)


def _begin(job: Job, copy_id: int) -> bool:
    with writing(job.engine) as connection:
        return seed_books.begin(connection, copy_id, job.worker.clock())


def _settle(job: Job, copy_id: int, state: str, said: str | None) -> None:
    with writing(job.engine) as connection:
        seed_books.settle(connection, copy_id, state, said, job.worker.clock())
