"""What a campaign test may not say: names that do not exist, times that lie ahead, expectations that contradict."""

from collections.abc import Iterator
from datetime import UTC, datetime

from handbill.contacts.consent import EVERY_TOPIC
from handbill.definitions.campaign import Campaign
from handbill.definitions.findings import Finding, Path, under
from handbill.definitions.project import Project
from handbill.definitions.rehearsal import ANY_ARM, Expectation, Persona, RehearsalFile
from handbill.definitions.validation import keys_of
from handbill.definitions.values import zone
from handbill.definitions.words import quoted, unknown
from handbill.planning.audience import Reason
from handbill.rehearsal.likeness import check_likeness


def check(project: Project, written: RehearsalFile) -> Iterator[Finding]:
    """Every mistake in a test whose form is right."""
    if written.campaign not in project.campaigns:
        yield Finding(("campaign",), *unknown("campaign", written.campaign, project.campaigns))
    campaign = project.campaigns.get(written.campaign)
    yield from check_likeness(written.personas)
    for name, persona in written.personas.items():
        yield from under(("personas", name), _check_persona(project, campaign, persona, aware(written.now, project)))
    for name, expected in written.expect.items():
        if name not in written.personas:
            yield Finding(("expect", name), *unknown("persona", name, written.personas), at_key=True)
        yield from under(("expect", name), _check_expectation(campaign, expected))


def aware(written: datetime, project: Project) -> datetime:
    """A local time of the project as a moment."""
    return written.replace(tzinfo=zone(project.timezone)).astimezone(UTC)


def _check_persona(project: Project, campaign: Campaign | None, persona: Persona, now: datetime) -> Iterator[Finding]:
    yield from _check_fields(project, persona)
    yield from _check_topics(project, persona)
    yield from _check_received(project, persona)
    yield from _check_answers(persona)
    yield from _check_times(project, now, persona)
    if campaign and persona.arm is not None and persona.arm not in campaign.arms:
        yield Finding(("arm",), *unknown("arm", persona.arm, campaign.arms))


def _check_fields(project: Project, persona: Persona) -> Iterator[Finding]:
    known = (*keys_of(Persona), *project.fields)
    paths: list[tuple[Path, str]] = [((name,), name) for name in persona.model_extra or {}]
    paths += [(("fields", name), name) for name in persona.fields]
    for path, name in paths:
        if name not in project.fields:
            yield Finding(path, *unknown("contact field", name, known), at_key=True)


def _check_topics(project: Project, persona: Persona) -> Iterator[Finding]:
    for channel, agreed in persona.consents.items():
        for number, topic in enumerate(agreed):
            if topic not in {*project.topics, EVERY_TOPIC}:
                yield Finding(("consents", channel, number), *unknown("topic", topic, project.topics))


def _check_received(project: Project, persona: Persona) -> Iterator[Finding]:
    for number, message in enumerate(persona.received):
        sender = project.campaigns.get(message.campaign)
        if sender is None:
            path = ("received", number, "campaign")
            yield Finding(path, *unknown("campaign", message.campaign, project.campaigns))
        elif message.arm is not None and message.arm not in sender.arms:
            yield Finding(("received", number, "arm"), *unknown("arm", message.arm, sender.arms))


def _check_answers(persona: Persona) -> Iterator[Finding]:
    senders = {message.campaign for message in persona.received}
    for number, event in enumerate(persona.events):
        if event.campaign is not None and event.campaign not in senders and persona.like is None:
            what = f"no message of {quoted(event.campaign)} was received that this could answer."
            yield Finding(("events", number, "campaign"), what, "Add it under received, or remove campaign.")


def _check_times(project: Project, now: datetime, persona: Persona) -> Iterator[Finding]:
    for key in ("orders", "events", "received"):
        for number, fact in enumerate(getattr(persona, key)):
            if isinstance(fact.at, datetime) and aware(fact.at, project) > now:
                yield Finding((key, number, "at"), "this lies after now.", "Correct it, or move now.")


def _check_expectation(campaign: Campaign | None, expected: Expectation) -> Iterator[Finding]:
    if not expected.model_fields_set:
        yield Finding((), "nothing is expected.", "Write at least one key, such as arm: any.")
    if expected.left_out is not None and expected.left_out not in set(Reason):
        yield Finding(("left_out",), *unknown("reason", expected.left_out, list(Reason)))
    if campaign and expected.arm not in {None, ANY_ARM, *campaign.arms}:
        yield Finding(("arm",), *unknown("arm", str(expected.arm), (*campaign.arms, ANY_ARM)))
    yield from _check_contradictions(expected)


def _check_contradictions(expected: Expectation) -> Iterator[Finding]:
    """Nobody is left out and in an arm; nobody is left out who was not selected."""
    stays_out = "left_out" if expected.left_out else "selected: false" if expected.selected is False else ""
    gets = next((key for key in ("arm", "channels", "email", "direct_mail", "due_at") if getattr(expected, key)), None)
    if stays_out and gets:
        yield Finding((gets,), f"{gets} contradicts {stays_out}.", "Remove one of them.", at_key=True)
    if expected.left_out and expected.selected is False:
        what = "who is not selected is not left out either: left_out contradicts selected: false."
        yield Finding(("left_out",), what, "Remove one of them.", at_key=True)
