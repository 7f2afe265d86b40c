"""Proofs: what a campaign sends, mailed to colleagues and written for print, marked as a test and counted nowhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from handbill.channels.contract import Answer, Outcome
from handbill.contacts.identity import email_hash, email_key
from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.delivery.copies import Post, compose_copy, new_message_id, unsent_row
from handbill.delivery.messages import Composer
from handbill.delivery.providers import email_provider, signing_key, unavailable
from handbill.errors import Problem, RunRefused
from handbill.operations.opening import opened
from handbill.operations.preview import messages_of, piece_for, profile_of
from handbill.planning.plan import campaign_named
from handbill.rendering.email import compile_email
from handbill.rendering.samples import sample_profile, sample_purchases
from handbill.rendering.watermark import watermarked
from handbill.settings import Settings
from handbill.store.connection import reading
from handbill.store.tables import suppression

HEADER = "X-Handbill-Test"


@dataclass(frozen=True)
class Proof:
    """One proof: an e-mail `to` an address, or the file of a printed piece. `problem` says why it did not get there."""

    arm: str
    channel: Channel
    to: str
    language: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """Arm and language."""
        return ", ".join(filter(None, (self.arm, self.language)))


@dataclass(frozen=True)
class Proofs:
    """All proofs of one command, and what should be known about their addresses."""

    campaign: str
    proofs: tuple[Proof, ...]
    remarks: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those that did not get where they were to."""
        return tuple(
            Problem(what=f"{each.to} did not get the proof of {each.name}: {each.problem}.", mend="Try again.")
            for each in self.proofs
            if each.problem
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"campaign": self.campaign, "remarks": list(self.remarks), "proofs": [asdict(e) for e in self.proofs]}


def send_test(  # noqa: PLR0913 - the campaign, and what narrows the proofs down
    project_dir: Path,
    campaign_name: str,
    to: Sequence[str],
    *,
    now: datetime,
    arm: str | None = None,
    channel: Channel | None = None,
    contact_id: str | None = None,
    all_languages: bool = False,
    out: Path | None = None,
) -> Proofs:
    """Sends a proof of each arm to every address of `to`, and writes the printed pieces to files.

    They show the values of a contact, or without `contact_id` those of an invented person. Nothing is kept: no run,
    no message, no answer to one; an unsubscribe in a proof unsubscribes nobody. Suppressed addresses get them all the
    same, because colleagues are no audience; a remark says so.

    Raises:
        ProjectInvalid: the project or a template has mistakes.
        RunRefused: there is no such campaign or arm, it sends nothing of that kind, or nobody is to get the e-mails.
        NotRenderable: nobody has this id, or a proof cannot be made for this person.
        ChannelUnavailable: the mail server is not there, or refuses the sender.
    """
    with opened(project_dir) as (project, settings, engine):
        campaign = campaign_named(project, campaign_name)
        wanted = [each for each in messages_of(campaign, arm) if channel in {None, each[1]}]
        mailboxes = _mailboxes(campaign, wanted, to, channel)
        profile = (
            profile_of(engine, project, contact_id, campaign)
            if contact_id
            else {**sample_profile(project), **sample_purchases(project)}
        )
        pieces = [_printed(project, settings, campaign, each, profile, out) for each, way in wanted if way != "email"]
        arms = [each for each, way in wanted if way == "email"]
        mails = _mailed(project, settings, campaign, arms, profile, mailboxes, now, all_languages=all_languages)
        return Proofs(campaign_name, (*mails, *pieces), tuple(_about(engine, settings, mailboxes)))


def _mailboxes(
    campaign: Campaign, wanted: Sequence[tuple[str, Channel]], to: Sequence[str], channel: Channel | None
) -> list[str]:
    if not wanted:
        raise RunRefused(Problem(what=f"{campaign.name} sends nothing over {channel}.", mend="Leave --channel out."))
    if any(way == "email" for _, way in wanted) and not to:
        mend = "Add --to ADDRESS, or write the printed pieces alone: --channel direct_mail."
        raise RunRefused(Problem(what="nobody is named who gets the e-mails.", mend=mend))
    wrong = []
    for address in to:
        try:
            email_key(address)
        except ValueError as error:
            what, _, mend = str(error).partition(". ")
            wrong.append(Problem(what=f"{what}.", mend=mend))
    if wrong:
        raise RunRefused(*wrong)
    return list(dict.fromkeys(to))


def _about(engine: Engine, settings: Settings, mailboxes: Sequence[str]) -> Iterator[str]:
    """Which of the addresses a campaign would not reach."""
    with reading(engine) as connection:
        for address in mailboxes:
            hashed = email_hash(settings.secret, email_key(address))
            listed = select(suppression.c.reason).where(
                suppression.c.channel == "email", suppression.c.key_hash == hashed
            )
            if reason := connection.scalar(listed):
                yield f"{address} is on the suppression list ({reason}): campaigns do not reach it, proofs do."


# ---------------------------------------------------------------- e-mails


def _mailed(  # noqa: PLR0913 - what is sent, as whom, to whom and when
    project: Project,
    settings: Settings,
    campaign: Campaign,
    arms: Sequence[str],
    profile: Mapping[str, Any],
    mailboxes: Sequence[str],
    now: datetime,
    *,
    all_languages: bool,
) -> list[Proof]:
    if not arms:
        return []
    post = Post(email_provider(project))
    composer = Composer(project, campaign, settings.keys, signing_key(project))
    planned = [
        (Proof(arm, "email", address, language or ""), {**profile, "language": language} if language else profile)
        for arm in arms
        for language in (compile_email(project, campaign, arm).languages if all_languages else (None,))
        for address in mailboxes
    ]
    made = [(proof, _made(project, composer, proof, values, now)) for proof, values in planned]
    if refusal := post.open():
        raise unavailable(project, refusal)
    try:
        return [replace(proof, problem=_trouble(post.hand_over(message))) for proof, message in made]
    finally:
        post.close()


def _made(project: Project, composer: Composer, proof: Proof, profile: Mapping[str, Any], now: datetime) -> Any:
    row = unsent_row(proof.arm, proof.to, now, message_id=new_message_id(project))
    return compose_copy(composer, row, profile, header=(HEADER, proof.name), before_subject=f"[Test: {proof.name}]")


def _trouble(answer: Answer) -> str:
    if answer.outcome is Outcome.ACCEPTED:
        return ""
    said = " ".join(str(part) for part in (answer.code, answer.text) if part) or answer.stage
    unsure = answer.outcome is Outcome.UNCERTAIN
    return f"the server went silent after taking it ({said}), so it may have" if unsure else said


# ---------------------------------------------------------------- print


def _printed(
    project: Project, settings: Settings, campaign: Campaign, arm: str, profile: Mapping[str, Any], out: Path | None
) -> Proof:
    """The piece as a PDF, with a word across every page that no printer overlooks."""
    folder = out or settings.work_dir / "proofs" / campaign.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{arm}.pdf"
    path.write_bytes(watermarked(piece_for(project, campaign, arm, profile)))
    return Proof(arm, "direct_mail", str(path))
