"""What happens at a link, a picture or a code: where it leads, and that it is kept for good before that is answered."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from handbill.channels.contract import EventKind
from handbill.clock import Clock
from handbill.definitions.policy import DirectMailChannel, EmailChannel
from handbill.definitions.project import Project
from handbill.delivery.links import read_click, read_open
from handbill.errors import StoreUnavailable
from handbill.operations.waiting_hits import WaitingHits
from handbill.rendering.qr import CODE_PATH
from handbill.responses.classify import Hit
from handbill.responses.hit_rows import SCANNED
from handbill.responses.hits import Arrived, clean_agent, new_name, store_hits
from handbill.responses.scanners import network_hash, scanner_networks
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import link, outbox, run
from handbill.tokens import read_code

LOGGER = logging.getLogger("handbill.web")
WAITING = "waiting-hits"
AT_ONCE = 1_000
"""Hits that are committed together."""
MOST_WAITING = 20_000
"""Hits that wait for the store; whoever comes then waits before anything is read."""
_MOST_TARGETS = 100_000


@dataclass(frozen=True)
class Asked:
    """Who asked how: the method, what the program says it is, and from which address."""

    method: str
    agent: str
    address: str


@dataclass(frozen=True)
class _Target:
    """Where a link leads; `is_trap`: no person sees it."""

    address: str
    kind: str


_Channel = EmailChannel | DirectMailChannel


class Tracker:
    """Takes in hits of any number of connections, and keeps them together: one commit for all that came meanwhile.

    It belongs to one event loop. Where the store cannot be reached, hits wait in a file, and people reach the shop.
    """

    def __init__(self, engine: Engine, project: Project, settings: Settings, clock: Clock) -> None:
        self._engine = engine
        self._project = project
        self._settings = settings
        self._clock = clock
        self._scanners = scanner_networks(settings.secret)
        self._file = WaitingHits(settings.work_dir / WAITING)
        self._targets: dict[int, _Target | None] = {}
        self._waiting: deque[tuple[Arrived, asyncio.Future[None]]] = deque()
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._writer = ThreadPoolExecutor(1, "hits")
        self._task: asyncio.Task[None] | None = None
        self.lost = 0
        """Hits that neither the store nor the disk could keep."""

    async def click(self, token: str, asked: Asked) -> str | None:
        """Where a click leads, once it is kept; None for a token that is not ours."""
        click = read_click(self._settings.keys, token)
        if click is None:
            return None
        target = await self._target(click.link_id)
        if target is None:
            return None
        leads_to = click.target or target.address
        hit = self._hit(EventKind.CLICKED, asked, click.link_id, is_trap=target.kind == "trap")
        await self._keep(hit, click.outbox_id, self._project.channels.email, leads_to)
        return leads_to

    async def open(self, token: str, asked: Asked) -> bool:
        """Whether the token is one of ours; then that its message was shown is kept."""
        outbox_id = read_open(self._settings.keys, token)
        if outbox_id:
            await self._keep(self._hit(EventKind.OPENED, asked), outbox_id, self._project.channels.email)
        return outbox_id is not None

    async def scan(self, code: str, asked: Asked) -> str | None:
        """Where a printed code leads, once the scan is kept; None for a code that no piece has."""
        typed = read_code(code)
        if typed is None:
            return None
        found = await asyncio.to_thread(_piece, self._engine, typed)
        if found is None:
            return None
        outbox_id, link_id, target = found
        hit = self._hit(SCANNED, asked, link_id)
        await self._keep(hit, outbox_id, self._project.channels.direct_mail)
        # Pieces of a time without `links` lead where they led then.
        page = target or f"{self._project.brand.website.rstrip('/')}{CODE_PATH}{{code}}"
        return page.replace("{code}", typed)

    # -- keeping

    def _hit(self, kind: str, asked: Asked, link_id: int | None = None, *, is_trap: bool = False) -> Hit:
        network = network_hash(self._settings.secret, asked.address)
        return Hit(kind, self._clock(), asked.method, clean_agent(asked.agent), network, link_id, is_trap)

    async def _keep(self, hit: Hit, outbox_id: int, channel: _Channel | None, target: str = "") -> None:
        """Returns when the hit is kept, in the store or in the file, as far as the project measures today."""
        tracking = channel.tracking if channel else "off"
        if tracking == "off":
            return
        arrived = Arrived(new_name(), hit, outbox_id if tracking == "individual" else 0, target)
        async with self._room:
            kept = asyncio.get_running_loop().create_future()
            self._waiting.append((arrived, kept))
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._write_all())
            await kept

    async def _write_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                write = partial(self._write, [arrived for arrived, _ in batch])
                await asyncio.get_running_loop().run_in_executor(self._writer, write)
            finally:
                for _, kept in batch:
                    if not kept.done():
                        kept.set_result(None)

    def _write(self, batch: Sequence[Arrived]) -> None:
        try:
            self._store(batch)
        except (SQLAlchemyError, StoreUnavailable) as error:
            self._put_aside(batch, error)
            return
        try:
            self._file.take(self._store)
        except (SQLAlchemyError, StoreUnavailable, OSError) as error:
            LOGGER.warning("hits wait in a file: %s", type(error).__name__)

    def _store(self, batch: Sequence[Arrived]) -> None:
        with writing(self._engine) as connection:
            store_hits(connection, batch, self._scanners, now=self._clock())

    def _put_aside(self, batch: Sequence[Arrived], error: Exception) -> None:
        try:
            self._file.add(batch)
        except OSError as trouble:
            self.lost += len(batch)
            LOGGER.error(
                "%d hits are lost: neither the store (%s) nor the disk (%s) took them",
                len(batch), type(error).__name__, type(trouble).__name__,
            )  # fmt: skip
        else:
            LOGGER.warning("%d hits wait in a file: %s", len(batch), type(error).__name__)

    # -- where links lead

    async def _target(self, link_id: int) -> _Target | None:
        if link_id not in self._targets:
            try:
                found = await asyncio.to_thread(_link, self._engine, link_id)
            except (SQLAlchemyError, StoreUnavailable):  # where it leads is not known now, and the shop is near it
                return _Target(self._project.brand.website, "fixed")
            if len(self._targets) >= _MOST_TARGETS:
                self._targets.clear()
            self._targets[link_id] = found
        return self._targets[link_id]


def take_waiting_hits(engine: Engine, settings: Settings) -> int:
    """Stores the hits that wait on the disk, which a service does by itself with the next hit; answers how many."""
    scanners = scanner_networks(settings.secret)

    def store(batch: Sequence[Arrived]) -> None:
        with writing(engine) as connection:
            store_hits(connection, batch, scanners, now=max(each.hit.at for each in batch))

    return WaitingHits(settings.work_dir / WAITING).take(store)


def _link(engine: Engine, link_id: int) -> _Target | None:
    with reading(engine) as connection:
        row = connection.execute(select(link.c.target, link.c.kind).where(link.c.id == link_id)).one_or_none()
    return _Target(row.target, row.kind) if row else None


def _piece(engine: Engine, code: str) -> tuple[int, int | None, str | None] | None:
    """The message with a code, and the link and the page that its campaign's codes lead to."""
    with reading(engine) as connection:
        row = connection.execute(
            select(outbox.c.id, run.c.campaign, outbox.c.arm)
            .join(run, run.c.id == outbox.c.run_id)
            .where(outbox.c.code == code)
        ).one_or_none()
        if row is None:
            return None
        newest = connection.execute(
            select(link.c.id, link.c.target)
            .where(link.c.campaign == row.campaign, link.c.arm == row.arm, link.c.kind == "code")
            .order_by(link.c.id.desc())
            .limit(1)
        ).one_or_none()
    return (row.id, newest.id, newest.target) if newest else (row.id, None, None)
