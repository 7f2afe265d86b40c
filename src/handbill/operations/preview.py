"""What one person would get from a campaign: each arm's e-mail and printed piece, byte for byte, as files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine, select

from handbill.contacts.addresses import normalise_address
from handbill.contacts.naming import has_id
from handbill.contacts.profiles import load_profiles
from handbill.definitions.campaign import CHANNELS, Campaign, Channel, email_of, mail_of
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.definitions.words import unknown
from handbill.delivery.copies import unsent_row
from handbill.delivery.messages import Composer
from handbill.errors import NotRenderable, Problem, RunRefused
from handbill.operations.opening import opened
from handbill.planning.plan import campaign_named
from handbill.rendering.print import PieceInput, compile_mail
from handbill.rendering.samples import sample_profile, sample_purchases
from handbill.rendering.variables import purchases_of
from handbill.settings import Settings, load_settings
from handbill.store.connection import reading
from handbill.store.tables import contact

SAMPLE_CODE = "234567899"
"""A response code that no piece has, and that the check letter allows."""


@dataclass(frozen=True)
class Previewed:
    """One message that was written to files; only an e-mail has a subject."""

    arm: str
    channel: Channel
    subject: str | None
    files: tuple[Path, ...]


def preview(
    project_dir: Path,
    campaign_name: str,
    *,
    contact_id: str | None = None,
    arm: str | None = None,
    language: str | None = None,
    out: Path | None = None,
    now: datetime,
) -> list[Previewed]:
    """Writes what somebody would get from each arm that sends something, or from `arm` alone.

    `contact_id` is the id under which a contact was imported; without it, an invented person has a value in every
    field. `language` is read instead of the contact's own. The files go to `out`, else below `.handbill/preview/`.

    Raises:
        ProjectInvalid: the project or a template has mistakes.
        RunRefused: there is no such campaign or arm, or the arm sends nothing.
        NotRenderable: nobody has this id, or a message cannot be made for this person.
    """
    if contact_id is None:
        project, settings = load_project(project_dir), load_settings(project_dir)
        profile = {**sample_profile(project), **sample_purchases(project)}
    else:
        with opened(project_dir) as (project, settings, engine):
            profile = profile_of(engine, project, contact_id, campaign_named(project, campaign_name))
    if language is not None:
        profile["language"] = language
    return write_preview(project, settings, campaign_name, profile, arm=arm, out=out, now=now)


def write_preview(
    project: Project,
    settings: Settings,
    campaign_name: str,
    profile: Mapping[str, Any],
    *,
    arm: str | None = None,
    out: Path | None = None,
    now: datetime,
) -> list[Previewed]:
    """HTML, text and the whole message of each e-mail, the PDF of each piece, for the contact with these fields.

    Links in them have the right form, and belong to nobody.
    """
    campaign = campaign_named(project, campaign_name)
    messages = list(messages_of(campaign, arm))
    folder = out or settings.work_dir / "preview" / campaign_name
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _email(project, settings, campaign, name, profile, folder, now)
        if channel == "email"
        else _piece(project, campaign, name, profile, folder)
        for name, channel in messages
    ]


def with_pictures(found: Sequence[Previewed]) -> tuple[list[Previewed], str]:
    """The same with PNGs: each page of a piece, and each e-mail as three inboxes show it; what is missing, if anything.

    The pictures stand beside the files.
    """
    # Pictures and PDFs take half a second to load, which who wants neither need not wait for.
    from handbill.operations.preview_pictures import NO_BROWSER, browser, mail_pictures, page_pictures  # noqa: PLC0415

    program, pictured = browser(), []
    for each in found:
        first = each.files[0]
        made: Iterator[Path] = iter(())
        if each.channel == "direct_mail":
            made = page_pictures(first)
        elif program:
            made = mail_pictures(program, first)
        pictured.append(replace(each, files=(*each.files, *made)))
    is_missing = program is None and any(each.channel == "email" for each in found)
    return pictured, NO_BROWSER if is_missing else ""


def profile_of(engine: Engine, project: Project, external_id: str, campaign: Campaign) -> dict[str, Any]:
    """The profile of a contact, by the id under which it was imported, with what the campaign's templates read.

    Raises:
        NotRenderable: nobody has it.
    """
    with reading(engine) as connection:
        contact_id = connection.scalar(select(contact.c.id).where(has_id(external_id)))
        if contact_id is None:
            what = f'no contact has the id "{external_id}".'
            raise NotRenderable(Problem(what=what, mend="Use an id of your import, or leave --contact out."))
        return load_profiles(connection, project, [contact_id], purchases_of(campaign))[contact_id]


def messages_of(campaign: Campaign, wanted: str | None) -> Iterator[tuple[str, Channel]]:
    """The arms and channels that send something, of all arms or of one.

    Raises:
        RunRefused: there is no such arm, or it sends nothing.
    """
    if wanted is not None and wanted not in campaign.arms:
        what, mend = unknown("arm", wanted, campaign.arms)
        raise RunRefused(Problem(what=what, mend=mend))
    for name, arm in campaign.arms.items():
        if wanted in {None, name}:
            channels = {"email": email_of(campaign, arm), "direct_mail": mail_of(campaign, arm)}
            if wanted and not any(channels.values()):
                what = f'arm "{name}" sends nothing.'
                raise RunRefused(Problem(what=what, mend="Choose another, or leave --arm out."))
            yield from ((name, channel) for channel in CHANNELS if channels[channel])


def _email(
    project: Project, settings: Settings, campaign: Campaign, arm: str, profile: Mapping[str, Any], folder: Path,
    now: datetime,
) -> Previewed:  # fmt: skip
    if not profile.get("email"):
        what = "this contact has no e-mail address."
        raise NotRenderable(Problem(what=what, mend="Choose another contact, or leave --contact out."))
    composer = Composer(project, campaign, settings.keys)
    message = composer.compose(unsent_row(arm, str(profile["email"]), now), profile).message
    read = cast("EmailMessage", message_from_bytes(message, policy=cast("Any", default)))
    files = {"html": _body(read, "html"), "txt": _body(read, "plain"), "eml": message}
    return Previewed(arm, "email", str(read["Subject"]), _written(folder, arm, files))


def _body(message: EmailMessage, kind: str) -> bytes:
    part = message.get_body((kind,))
    return str(part.get_content() if part else "").replace("\r\n", "\n").encode()


def _piece(project: Project, campaign: Campaign, arm: str, profile: Mapping[str, Any], folder: Path) -> Previewed:
    pdf = piece_for(project, campaign, arm, profile)
    return Previewed(arm, "direct_mail", None, _written(folder, arm, {"pdf": pdf}))


def piece_for(project: Project, campaign: Campaign, arm: str, profile: Mapping[str, Any]) -> bytes:
    """The PDF of an arm's printed piece for one profile, with a response code that no piece has.

    Raises:
        NotRenderable: it cannot be made for this person.
    """
    names = ("address_line1", "address_line2", "city", "region", "postcode", "country")
    address = normalise_address(*(profile.get(name) for name in names))
    person = " ".join(filter(None, (profile.get("first_name"), profile.get("last_name"))))
    lines = (*filter(None, (person, profile.get("company"))), *address.lines)
    mail = compile_mail(project, campaign, arm).render([PieceInput(profile, lines, SAMPLE_CODE, sequence=1)])
    if mail.rejected:
        raise NotRenderable(*mail.rejected[1])
    return mail.pdf


def _written(folder: Path, arm: str, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    paths = []
    for ending, content in files.items():
        path = folder / f"{arm}.{ending}"
        path.write_bytes(content)
        paths.append(path)
    return tuple(paths)
