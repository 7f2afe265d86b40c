"""One process of a dry rendering: contact ids in, what came of rendering their messages out."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

from sqlalchemy import Connection, select

from handbill.contacts.profiles import load_profiles
from handbill.definitions.campaign import Channel
from handbill.definitions.project import Project
from handbill.delivery.copies import unsent_row
from handbill.delivery.enqueue import printed_address
from handbill.delivery.messages import Composer
from handbill.delivery.published import unpublished
from handbill.errors import NeverEnds, NotRenderable, Problem
from handbill.operations.dry_findings import Findings
from handbill.rendering.compiled import Fallback
from handbill.rendering.print import MailTemplate, PieceInput, compile_mail, hardship
from handbill.rendering.processes import serve
from handbill.rendering.samples import sample_profile, sample_purchases
from handbill.rendering.variables import purchases_of
from handbill.settings import Settings
from handbill.store.connection import open_store, reading
from handbill.store.tables import contact

HARDEST = 12
"""Pieces that are laid out before all others: so many of the fullest, and of the emptiest."""
SAMPLE_CODE = "234567899"
"""A response code that the check letter allows."""
_LONGEST_ID = 9_999_999_999
"""A message's number with as many digits as any will have, so that its links are as long as a run's."""


@dataclass(frozen=True)
class DryJob:
    """Some recipients of an arm on a channel, by their ids in the store; with `lay_out`, pieces become pages."""

    arm: str
    channel: Channel
    ids: "array[int]"
    lay_out: bool = False


@dataclass(frozen=True)
class DrySetup:
    """What a process needs to know before its first job."""

    project: Project
    settings: Settings
    campaign: str
    now: datetime


class DryRenderer:
    """The templates of one campaign, and what becomes of them; nothing is kept of what is rendered.

    Raises:
        ProjectInvalid: a template has mistakes.
    """

    def __init__(self, setup: DrySetup) -> None:
        self._project = setup.project
        self._campaign = setup.project.campaigns[setup.campaign]
        self._purchases = purchases_of(self._campaign)
        self._now = setup.now
        channels = self._campaign.channels
        self._composer = (
            Composer(setup.project, self._campaign, setup.settings.keys, publish=unpublished)
            if "email" in channels
            else None
        )
        self._pieces: dict[str, MailTemplate] = {}

    def work(self, connection: Connection, job: DryJob) -> Findings:
        """Renders the messages of a job.

        Raises:
            NeverEnds: a template repeats or grows without end.
        """
        return self._emails(connection, job) if job.channel == "email" else self._post(connection, job)

    def written_fallbacks(self, arm: str, channel: Channel) -> frozenset[Fallback]:
        """Every `default(…)` of an arm's texts."""
        if channel == "direct_mail":
            return self._piece_of(arm).fallbacks
        return self._composer.template(arm).fallbacks if self._composer else frozenset()

    def sample_subject(self, arm: str) -> str:
        """The subject for an invented recipient."""
        profile = {**sample_profile(self._project), **sample_purchases(self._project)}
        try:
            row = unsent_row(arm, str(profile["email"]), self._now)
            return self._composer.render(row, profile).subject if self._composer else ""
        except NotRenderable:
            return ""

    def _emails(self, connection: Connection, job: DryJob) -> Findings:
        if self._composer is None:
            raise ValueError(f"{self._campaign.name} sends no e-mail")
        found = Findings()
        pattern = unsent_row(job.arm, "", self._now)
        for contact_id, profile in self._profiles(connection, job.ids):
            address = str(profile["email"])
            row = pattern._replace(id=_LONGEST_ID, contact_id=contact_id, address=address)
            found.checked += 1
            try:
                rendered = self._composer.render(row, profile)
                self._composer.address(row, rendered)
            except NeverEnds:
                raise
            except NotRenderable as error:
                found.failed += 1
                found.blame(error.problems, profile["external_id"])
                continue
            external_id = profile["external_id"]
            found.note_size(len(rendered.html.encode()), external_id)
            found.longest_subject = max(found.longest_subject, (len(rendered.subject), external_id), key=_first)
            found.longest_address = max(found.longest_address, (len(address), external_id), key=_first)
            found.languages[rendered.language] = found.languages.get(rendered.language, 0) + 1
            for fallback in rendered.fallbacks:
                found.fallbacks[fallback] = found.fallbacks.get(fallback, 0) + 1
        return found

    def _post(self, connection: Connection, job: DryJob) -> Findings:
        found, template = Findings(), self._piece_of(job.arm)
        for contact_id, piece in self._inputs(connection, job.ids):
            problems = (
                self._laid_out(template, piece) if job.lay_out else self._fill_in(template, piece, contact_id, found)
            )
            found.laid_out += job.lay_out
            found.blame(problems, piece.profile["external_id"])
            found.failed += bool(problems)
        found.fullest = nsmallest(HARDEST, found.fullest)
        found.emptiest = nsmallest(HARDEST, found.emptiest)
        return found

    def _laid_out(self, template: MailTemplate, piece: PieceInput) -> tuple[Problem, ...]:
        try:
            template.write(piece)
        except NotRenderable:  # which is counted where its words are filled in
            return ()
        return template.check(piece)

    def _fill_in(
        self, template: MailTemplate, piece: PieceInput, contact_id: int, found: Findings
    ) -> tuple[Problem, ...]:
        read: set[Fallback] = set()
        external_id = piece.profile["external_id"]
        found.checked += 1
        found.fullest.append((hardship(piece), contact_id))
        found.emptiest.append((sum(map(len, piece.address_lines)), -contact_id))
        longest = max((len(line) for line in piece.address_lines), default=0)
        found.longest_address = max(found.longest_address, (longest, external_id), key=_first)
        language = template.language_of(piece)
        found.languages[language] = found.languages.get(language, 0) + 1
        try:
            template.write(piece, read)
        except NeverEnds:
            raise
        except NotRenderable as error:
            return error.problems
        for fallback in read:
            found.fallbacks[fallback] = found.fallbacks.get(fallback, 0) + 1
        return ()

    def _profiles(self, connection: Connection, ids: Sequence[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        # Somebody who was erased a moment ago has no profile.
        profiles = load_profiles(connection, self._project, ids, self._purchases)
        return ((contact_id, profiles[contact_id]) for contact_id in ids if contact_id in profiles)

    def _inputs(self, connection: Connection, ids: Sequence[int]) -> Iterator[tuple[int, PieceInput]]:
        people = {row.id: row for row in connection.execute(select(contact).where(contact.c.id.in_(list(ids))))}
        for sequence, (contact_id, profile) in enumerate(self._profiles(connection, ids), start=1):
            lines = tuple(printed_address(people[contact_id]))
            yield contact_id, PieceInput(profile, lines, SAMPLE_CODE, sequence)

    def _piece_of(self, arm: str) -> MailTemplate:
        if arm not in self._pieces:
            self._pieces[arm] = compile_mail(self._project, self._campaign, arm)
        return self._pieces[arm]


def main() -> None:
    """Renders until there are no more jobs."""
    serve(_prepare)


def _prepare(setup: DrySetup) -> Callable[[DryJob], Findings]:
    renderer, engine = DryRenderer(setup), open_store(setup.settings.database_url)

    def work(job: DryJob) -> Findings:
        with reading(engine) as connection:
            return renderer.work(connection, job)

    return work


def _first(pair: tuple[int, str]) -> int:
    return pair[0]
