"""What the planned people would get: every e-mail rendered as a run would, and the pieces that are hardest to print."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from handbill.contacts.profiles import load_profiles
from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.delivery.enqueue import printed_address
from handbill.delivery.links import Unsubscribe, unsubscribe_mailto
from handbill.delivery.providers import email_channel, sending_domain
from handbill.errors import NotRenderable, Problem
from handbill.planning.plan import Plan
from handbill.planning.selection import planned_contacts, selection
from handbill.rendering.email import EmailTemplate, Links, compile_email
from handbill.rendering.print import PieceInput, compile_mail
from handbill.rendering.samples import sample_profile
from handbill.settings import Settings
from handbill.store.tables import contact

BATCH = 1_000
HARDEST = 12
"""Pieces that are laid out for each end of the scale, the fullest and the emptiest: one takes 50 ms."""
SAMPLE_CODE = "234567899"
"""A response code that the check letter allows."""

Progress = Callable[[int, int], None]
"""Told how many messages are rendered, and of how many."""


@dataclass(frozen=True)
class ArmRendering:
    """What rendering one arm's messages for their recipients brought.

    `checked` of `recipients` were rendered, `failed` of these cannot be. `subject` is that of an invented recipient;
    `longest_subject` is in letters, `biggest` in bytes of HTML.
    """

    arm: str
    channel: Channel
    recipients: int
    checked: int
    failed: int
    subject: str = ""
    longest_subject: int = 0
    biggest: int = 0


@dataclass(frozen=True)
class Unrenderable:
    """One thing that is wrong, for how many recipients, and the external id of the first of them."""

    problem: str
    recipients: int
    example: str


@dataclass(frozen=True)
class DryRender:
    """Every arm and channel that sends something, and what is wrong, the most frequent first."""

    arms: tuple[ArmRendering, ...] = ()
    problems: tuple[Unrenderable, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


@dataclass
class _Faults:
    """Collects what is wrong by its sentence; people differ, mistakes repeat."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, problems: Iterable[Problem], external_id: str) -> None:
        for problem in problems:
            sentence = str(problem).replace(f"contact {external_id}: ", "")
            self.counts[sentence] = self.counts.get(sentence, 0) + 1
            self.examples.setdefault(sentence, external_id)

    def sorted(self) -> tuple[Unrenderable, ...]:
        ordered = sorted(self.counts.items(), key=lambda each: (-each[1], each[0]))
        return tuple(Unrenderable(sentence, count, self.examples[sentence]) for sentence, count in ordered)


def render_planned(
    connection: Connection, project: Project, settings: Settings, plan: Plan, *, progress: Progress | None = None
) -> DryRender:
    """Renders the messages of the plan whose selection is on this connection; bounded memory, nothing kept.

    E-mails are rendered for everybody. Of printed pieces the fullest and the emptiest are laid out.

    Raises:
        ProjectInvalid: a template has mistakes.
        SetupIncomplete: this machine cannot lay out printed pieces.
    """
    campaign, faults, done = project.campaigns[plan.campaign], _Faults(), 0
    found = []
    for arm in plan.arms:
        for channel in arm.channels:
            if channel == "email":
                count = _counting(progress, done, plan.sends)
                found.append(_emails(connection, project, settings, campaign, arm.name, faults, count))
            else:
                found.append(_pieces(connection, project, campaign, arm.name, arm.contacts, faults))
            done += arm.contacts
    return DryRender(tuple(found), faults.sorted())


def _counting(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    return lambda rendered: progress(before + rendered, total) if progress else None


def _emails(
    connection: Connection, project: Project, settings: Settings, campaign: Campaign, arm: str, faults: _Faults,
    count: Callable[[int], None],
) -> ArmRendering:  # fmt: skip
    template = compile_email(project, campaign, arm)
    domain = sending_domain(email_channel(project))
    checked = failed = longest = biggest = 0
    for contact_id, profile in _profiles(connection, project, arm):
        links = _links(settings, campaign, domain, contact_id)
        checked += 1
        try:
            rendered = template.render(profile, links)
        except NotRenderable as error:
            faults.add(error.problems, profile["external_id"])
            failed += 1
            continue
        longest = max(longest, len(rendered.subject))
        biggest = max(biggest, len(rendered.html.encode()))
        if checked % BATCH == 0:
            count(checked)
    count(checked)
    subject = _sample_subject(template, project, _links(settings, campaign, domain, 0))
    return ArmRendering(arm, "email", checked, checked, failed, subject, longest, biggest)


def _sample_subject(template: EmailTemplate, project: Project, links: Links) -> str:
    try:
        return template.render(sample_profile(project), links).subject
    except NotRenderable:
        return ""


def _links(settings: Settings, campaign: Campaign, domain: str, contact_id: int) -> Links:
    """Links as long as a run would write them; no message carries this one's."""
    if campaign.kind != "marketing":
        return Links(unsubscribe=None)
    wish = Unsubscribe(contact_id, 0, campaign.topic or "*")
    return Links(unsubscribe=unsubscribe_mailto(settings.secret, domain, wish))


def _profiles(connection: Connection, project: Project, arm: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Everybody in an arm with their profile, a batch at a time."""
    last = 0
    mine = select(selection.c.contact_id).where(selection.c.reason.is_(None), selection.c.arm == arm)
    while True:
        page = mine.where(selection.c.contact_id > last).order_by(selection.c.contact_id).limit(BATCH)
        ids = list(connection.scalars(page))
        if not ids:
            return
        profiles = load_profiles(connection, project, ids)
        yield from ((contact_id, profiles[contact_id]) for contact_id in ids)
        last = ids[-1]


def _pieces(
    connection: Connection, project: Project, campaign: Campaign, arm: str, recipients: int, faults: _Faults
) -> ArmRendering:
    template = compile_mail(project, campaign, arm)
    ids = _hardest(connection, arm)
    profiles = load_profiles(connection, project, ids)
    failed = 0
    for sequence, person in enumerate(connection.execute(_in_order(ids)), start=1):
        piece = PieceInput(profiles[person.id], tuple(printed_address(person)), SAMPLE_CODE, sequence)
        problems = template.check(piece)
        faults.add(problems, person.external_id)
        failed += bool(problems)
    return ArmRendering(arm, "direct_mail", recipients, len(ids), failed)


def _in_order(ids: Sequence[int]) -> Select[Any]:
    return select(contact).where(contact.c.id.in_(ids)).order_by(contact.c.id)


def _hardest(connection: Connection, arm: str) -> list[int]:
    """Those with the longest and with the shortest names and addresses."""
    words = (contact.c.first_name, contact.c.last_name, contact.c.company, contact.c.address_line1,
             contact.c.address_line2, contact.c.city, contact.c.region)  # fmt: skip
    length: ColumnElement[int] = sum((func.length(func.coalesce(word, "")) for word in words), start=func.length(""))
    mine = planned_contacts(selection.c.contact_id).where(selection.c.arm == arm).limit(HARDEST)
    ends = (mine.order_by(length.desc(), selection.c.contact_id), mine.order_by(length, selection.c.contact_id.desc()))
    return sorted({contact_id for end in ends for contact_id in connection.scalars(end)})
