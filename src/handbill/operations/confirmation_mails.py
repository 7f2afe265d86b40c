"""How the mails leave in which people confirm what they asked for on a page: by the project's own provider."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from sqlalchemy import ColumnElement, Engine, and_, or_, select, update

from handbill.channels.contract import Answer, Outcome, Outgoing, Scope
from handbill.definitions.policy import EmailChannel
from handbill.definitions.project import Project
from handbill.delivery.copies import NOBODY, Post, new_message_id
from handbill.delivery.links import bounce_address
from handbill.delivery.providers import email_channel, email_provider, sending_domain, signing_key, unavailable
from handbill.errors import ChannelUnavailable, NotRenderable, Problem
from handbill.operations.confirmations import Asked, Purpose, asked_with, confirmation_token
from handbill.operations.page_words import words_in
from handbill.rendering.dkim import SigningKey, sign
from handbill.rendering.email import RenderedEmail
from handbill.rendering.headers import wire_address
from handbill.rendering.mime import Envelope, build_message
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import confirmation

GIVEN_UP_AFTER = timedelta(hours=1)
"""Whoever waits longer has asked again, or does not wait any more."""
_BEGUN_AGAIN_AFTER = timedelta(minutes=10)
"""A mail that a killed process had begun may have left; a second one does no harm."""
_AT_A_TIME = 100


def send_confirmations(engine: Engine, project: Project, settings: Settings, *, now: datetime) -> int:
    """Sends the mails that wait, those that another process left behind too; answers how many were accepted.

    Any number may do it at a time, and nobody gets a mail twice unless a process is killed while it sends.

    Raises:
        ChannelUnavailable: the provider cannot be reached, or the project has no public address; the mails wait.
    """
    waiting = _waiting(engine, now)
    if not waiting:
        return 0
    desk = _Desk(project, settings, email_channel(project), signing_key(project), Post(email_provider(project)))
    if not desk.channel.links:
        mend = "Add channels: {email: {links: https://…}}."
        raise ChannelUnavailable(Problem("campaigns.yaml", what="the pages have no public address.", mend=mend))
    try:
        return sum(_send_one(engine, desk, number, now) for number in waiting)
    finally:
        desk.post.close()


def confirmation_address(channel: EmailChannel, purpose: Purpose, token: str) -> str:
    """The web address of the page on which something is confirmed."""
    return f"{(channel.links or '').rstrip('/')}/{purpose}/{token}"


@dataclass(frozen=True)
class _Desk:
    """What all mails of one go share."""

    project: Project
    settings: Settings
    channel: EmailChannel
    key: SigningKey | None
    post: Post


def _may_begin(now: datetime) -> ColumnElement[bool]:
    begun = confirmation.c.mail_begun_at
    return and_(
        confirmation.c.mailed_at.is_(None),
        confirmation.c.problem.is_(None),
        confirmation.c.email.is_not(None),
        confirmation.c.requested_at > now - GIVEN_UP_AFTER,
        or_(begun.is_(None), begun < now - _BEGUN_AGAIN_AFTER),
    )


def _waiting(engine: Engine, now: datetime) -> list[int]:
    rows = select(confirmation.c.id).where(_may_begin(now))
    with reading(engine) as connection:
        return list(connection.scalars(rows.order_by(confirmation.c.id).limit(_AT_A_TIME)))


def _send_one(engine: Engine, desk: _Desk, number: int, now: datetime) -> bool:
    with writing(engine) as connection:
        mine = update(confirmation).where(confirmation.c.id == number, _may_begin(now))
        if not connection.execute(mine.values(mail_begun_at=now)).rowcount:
            return False
        request = asked_with(connection, number)
    if request is None:
        return False
    try:
        answer = desk.post.hand_over(_mail(desk, request, now))
        changes = _outcome(answer, now)
    except NotRenderable:
        answer, changes = None, {"problem": "not an address"}
    with writing(engine) as connection:
        connection.execute(update(confirmation).where(confirmation.c.id == number).values(changes))
    if answer is not None and (answer.scope is Scope.PROVIDER or answer.outcome is Outcome.SENDER_REFUSED):
        raise unavailable(desk.project, answer)
    return answer is not None and answer.outcome is Outcome.ACCEPTED


def _outcome(answer: Answer, now: datetime) -> Mapping[str, object]:
    match answer.outcome:
        case Outcome.ACCEPTED:
            return {"mailed_at": now}
        case Outcome.RETRY | Outcome.SENDER_REFUSED:
            return {"mail_begun_at": None}
        case _:
            return {"problem": str(answer.outcome)}


# ---------------------------------------------------------------- the mail itself


def _mail(desk: _Desk, request: Asked, now: datetime) -> Outgoing:
    domain, message_id = sending_domain(desk.channel), new_message_id(desk.project)
    envelope = Envelope(
        from_=desk.channel.from_,
        to=wire_address(request.email),
        message_id=f"<{message_id}>",
        sent_at=now,
        reply_to=desk.channel.reply_to,
        bulk=False,
    )
    message = build_message(_rendered(desk, request), envelope)
    return Outgoing(
        sender=bounce_address(desk.settings.keys, domain, NOBODY),
        recipient=envelope.to,
        pieces=(sign(message, desk.key, now) if desk.key else message,),
        key=message_id,
    )


def _rendered(desk: _Desk, request: Asked) -> RenderedEmail:
    words, brand = words_in(request.language), desk.project.brand
    token = confirmation_token(desk.settings.keys, request.purpose, request.id)
    address = confirmation_address(desk.channel, request.purpose, token)
    known = {"brand": brand.name}
    if request.purpose is Purpose.SUBSCRIBE:
        known["topics"] = words.listed([desk.project.topics.get(topic, topic) for topic in request.topics])
    text = words.say(f"mail.{request.purpose}.text", **known)
    button = words.say(f"mail.{request.purpose}.button")
    until = words.say("mail.until", day=words.day(request.until, desk.project.timezone))
    html = _letter().render(words=words, brand=brand, text=text, button=button, until=until, address=address)
    sender = f"{brand.name}\n{brand.postal_address}"
    parts = (words.say("mail.hello"), text, f"{button}:\n{address}", until, words.say("mail.ignore"), sender)
    subject = words.say(f"mail.{request.purpose}.subject", brand=brand.name)
    plain = "\n\n".join(parts) + "\n"
    return RenderedEmail(subject, "", plain, pieces=(html,), ready={}, language=words.language)


@cache
def _letter() -> Template:
    text = files("handbill.operations").joinpath("words", "confirmation.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text)
