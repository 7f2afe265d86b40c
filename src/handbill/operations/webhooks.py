"""How vendors' reports come in: verified and stored before the vendor is answered, and read by a thread of its own."""

import asyncio
import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine

from handbill.channels import sns
from handbill.channels.hooks import Genuine, Posted, Refused
from handbill.clock import Clock
from handbill.definitions.project import Project
from handbill.errors import StoreUnavailable
from handbill.responses.hooks import hooks_of
from handbill.responses.reports import Drained, count_refused, drain_batch
from handbill.responses.tidying import answer_requests, tidy
from handbill.responses.webhooks import Arrived, Stored, count_words, store_webhooks
from handbill.settings import Settings
from handbill.store.connection import writing
from handbill.store.gathering import Gathering

LOGGER = logging.getLogger("handbill.webhooks")
QUICK = 50_000
"""Bytes that are verified faster than another thread is called."""
GATHER_SECONDS = 0.2
"""How long reports are gathered: reading a hundred together costs little more than reading one. In the meantime
whoever waits to store a request comes first, because a vendor waits for the answer."""
TIDY_SECONDS = 60.0
"""How often strays are placed and doubts are settled, while the service runs."""


class Taken(StrEnum):
    """What a vendor is told."""

    KEPT = "kept"
    """For good, now or before."""
    REFUSED = "refused"
    """It is not the vendor's, or not as it should be; nothing of it is kept."""
    UNREADABLE = "unreadable"
    LATER = "later"
    """It should be sent again."""
    NOWHERE = "nowhere"
    """There is no such hook."""


_TOLD = {Refused.UNREADABLE: Taken.UNREADABLE, Refused.LATER: Taken.LATER}


class Desk:
    """Takes the requests of one project's vendors, in one event loop. `working` reads what they say, beside that.

    Raises:
        SetupIncomplete: a secret is not in the environment, or cannot be one.
    """

    def __init__(
        self, engine: Engine, project: Project, settings: Settings, clock: Clock, fetch: sns.Fetch = sns.fetch
    ) -> None:
        self.project = project
        self._hooks = hooks_of(project, sns.Certificates(fetch))
        # Weakly, because desks are found by their engine, and go when it goes.
        self._engine = weakref.ref(engine)
        self._settings = settings
        self._clock = clock
        self._fetch = fetch
        self._gathering: Gathering[Arrived, Stored] = Gathering(self._store)
        self._refused: Counter[tuple[str, str]] = Counter()
        self._repeated: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()

    @property
    def names(self) -> frozenset[str]:
        """The hooks that this project has, as they stand in their addresses."""
        return frozenset(self._hooks)

    async def take(self, name: str, headers: Mapping[str, str], body: bytes) -> Taken:
        """Verifies a request and stores it durably; the names of headers are in small letters.

        What is refused is counted and not kept, so that strangers cannot fill the store.
        """
        hook = self._hooks.get(name)
        if hook is None:
            return Taken.NOWHERE
        now, posted = self._clock(), Posted(headers, body)
        if isinstance(hook, sns.SnsHook) or len(body) > QUICK:
            verdict = await asyncio.to_thread(hook.check, posted, now)
        else:
            verdict = hook.check(posted, now)
        if isinstance(verdict, Genuine):
            stored = await self._keep(name, hook.format, verdict, posted, now)
            if stored is not Stored.REPLAYED:
                return Taken.KEPT
            verdict = Refused.REPLAYED
        with self._counting:
            self._refused[name, str(verdict)] += 1
        return _TOLD.get(verdict, Taken.REFUSED)

    async def _keep(self, name: str, format_: str, verdict: Genuine, posted: Posted, now: datetime) -> Stored:
        arrived = Arrived(name, format_, verdict.nonce, posted.headers, posted.body, now, verdict.asks)
        stored = await self._gathering.put(arrived)
        if stored is Stored.KNOWN:
            with self._counting:
                self._repeated[name] += 1
        self._wake.set()
        return stored

    @contextmanager
    def working(self) -> Iterator[None]:
        """Reads what was stored, promptly, until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=self._work, args=(stop,), name="webhooks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self._wake.set()
            thread.join()
            self.write_counts()

    def write_counts(self) -> None:
        """Writes down what was counted since the last time."""
        with self._counting:
            refused, self._refused = self._refused, Counter()
            repeated, self._repeated = self._repeated, Counter()
        engine = self._engine()
        if engine is None or not (refused or repeated):
            return
        now = self._clock()
        with writing(engine) as connection:
            count_refused(connection, refused, now=now)
            count_words(connection, {(name, "repeated", ""): number for name, number in repeated.items()}, now=now)

    def _store(self, arrived: Sequence[Arrived]) -> Sequence[Stored]:
        engine = self._engine()
        if engine is None:
            raise StoreUnavailable("the store is closed.")
        with self._turn(engine), writing(engine) as connection:
            return store_webhooks(connection, arrived)

    def _work(self, stop: threading.Event) -> None:
        tidy_at = 0.0
        while not stop.is_set():
            self._wake.clear()
            try:
                found = self._drain_batch().requests
                if not found:
                    self._answer()
                if not found and time.monotonic() >= tidy_at:
                    self.write_counts()
                    self._tidy()
                    tidy_at = time.monotonic() + TIDY_SECONDS
            except StoreUnavailable:
                LOGGER.warning("the store cannot be reached; webhooks wait")
                found = 0
            if not found:
                self._wake.wait(TIDY_SECONDS)
            stop.wait(GATHER_SECONDS)

    def _drain_batch(self) -> Drained:
        engine = self._engine()
        if engine is None:
            return Drained()
        with self._turn(engine):
            return drain_batch(engine, self._settings.keys, now=self._clock())

    def _answer(self) -> None:
        if engine := self._engine():
            answer_requests(engine, self._fetch, now=self._clock())

    def _tidy(self) -> None:
        if engine := self._engine():
            with self._turn(engine):
                tidy(engine, now=self._clock())

    def _turn(self, engine: Engine) -> AbstractContextManager[object]:
        """On SQLite one writes at a time anyway; whoever waits here is woken at once."""
        return self._writing if engine.dialect.name == "sqlite" else nullcontext()


_DESKS: "weakref.WeakKeyDictionary[Engine, Desk]" = weakref.WeakKeyDictionary()
_FINDING = threading.Lock()


def desk_of(engine: Engine, project: Project, settings: Settings, clock: Clock, fetch: sns.Fetch = sns.fetch) -> Desk:
    """The desk of a project on its store: one in a process, shared by all requests and the thread that reads.

    Raises:
        SetupIncomplete: a secret is not in the environment, or cannot be one.
    """
    with _FINDING:
        desk = _DESKS.get(engine)
        if desk is None or desk.project is not project:
            desk = _DESKS[engine] = Desk(engine, project, settings, clock, fetch)
        return desk


def read_webhooks(engine: Engine, settings: Settings, *, clock: Clock, fetch: sns.Fetch = sns.fetch) -> Drained:
    """Reads all requests that wait, as the command line does; places strays and settles doubts."""
    total = Drained()
    while (drained := drain_batch(engine, settings.keys, now=clock())).requests:
        total += drained
    answer_requests(engine, fetch, now=clock())
    placed = tidy(engine, now=clock())
    return total + Drained(events=placed)
