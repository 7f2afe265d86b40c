"""What is missing on this machine, at the mail server, in the sender's DNS and in the messages before all is well."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path

from handbill.channels.sender_dns import (
    Diagnosis,
    Mark,
    Names,
    Unanswered,
    examine_dkim,
    examine_dmarc,
    examine_host,
    examine_return_path,
    examine_spf,
)
from handbill.channels.smtp import is_loopback
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.delivery.copies import unsent_row
from handbill.delivery.messages import Composer
from handbill.delivery.providers import email_channel, require_answering, sending_domain, signing_key
from handbill.errors import Mendable, Problem, SetupIncomplete
from handbill.operations.bulk_rules import examine_message
from handbill.operations.opening import opened_store
from handbill.rendering.samples import sample_profile, sample_purchases
from handbill.rendering.typesetting import require_typesetting
from handbill.responses.imap import count_mails, declared_mailbox
from handbill.settings import Settings, load_settings

Steps = Iterator[Diagnosis]
"""Things that were examined, one after the other."""


def examine(project_dir: Path, *, now: datetime, name_server: str | None = None) -> Steps:
    """Examines everything, the quick things first; nothing is sent and nothing is changed.

    `name_server` is the address of the one to ask in place of this machine's own, with `:port` if it is not 53.

    Raises:
        ProjectInvalid: the declarations have mistakes; all of them are listed.
        SetupIncomplete: the name server is no address.
    """
    names = _names(name_server)
    project, settings = load_project(project_dir), load_settings(project_dir)
    yield from _store(settings)
    if project.channels.direct_mail:
        yield from _tried("printing", "letters and postcards can be set here.", require_typesetting)
    if project.channels.email:
        yield from _tried("mail server", _reached(project), lambda: require_answering(project))
        yield from _mailbox(project)
        yield from _messages(project, settings, now)
        if email_channel(project).provider != "file":
            yield from _dns(project, names)


def _names(server: str | None) -> Names:
    if server is None:
        return Names()
    address, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "53")
    try:
        return Names(address, int(port))
    except ValueError:
        what = f"{server} is not the address of a name server."
        raise SetupIncomplete(Problem(what=what, mend="Write it like 192.0.2.53 or 127.0.0.1:5353.")) from None


def _tried(topic: str, good: str, step: Callable[[], object]) -> Steps:
    """One step that raises when something is missing."""
    try:
        step()
    except Mendable as error:
        for problem in error.problems:
            yield Diagnosis(topic, Mark.WRONG, problem.what, problem.mend)
    else:
        yield Diagnosis(topic, Mark.GOOD, good)


def _store(settings: Settings) -> Steps:
    def open_and_close() -> None:
        with opened_store(settings):
            pass

    kind = "PostgreSQL" if settings.database_url.startswith("postgres") else "SQLite"
    yield from _tried("database", f"{kind}, with the tables of this version.", open_and_close)


def _reached(project: Project) -> str:
    channel = email_channel(project)
    if channel.provider == "smtp":
        secured = "encrypted, with a certificate that holds" if channel.security == "starttls" else "not encrypted"
        return f"{channel.host}:{channel.port} takes mail from us, {secured}."
    if channel.provider == "file":
        return "messages go into a folder on this machine, and to nobody."
    return f"{channel.provider} is declared; its key is known to be right when the first message has left."


def _mailbox(project: Project) -> Steps:
    """Whether mail that comes back can be read from the mailbox, where one is declared."""
    try:
        server = declared_mailbox(project)
        if server is None:
            return
        number = count_mails(server)
    except Mendable as error:
        yield from (Diagnosis("mailbox", Mark.WRONG, problem.what, problem.mend) for problem in error.problems)
        return
    secured = "not encrypted" if server.security == "none" else "encrypted, with a certificate that holds"
    mails = f"{number:,} {'mail waits' if number == 1 else 'mails wait'} there"
    yield Diagnosis("mailbox", Mark.GOOD, f"{server.host}:{server.port} can be read, {secured}; {mails}.")


def _messages(project: Project, settings: Settings, now: datetime) -> Steps:
    """The e-mails of every campaign, made for an invented person."""
    profile = {**sample_profile(project), **sample_purchases(project)}
    for campaign in project.campaigns.values():
        if "email" not in campaign.channels:
            continue
        try:
            composer = Composer(project, campaign, settings.keys, signing_key(project))
            arms = [name for name, arm in campaign.arms.items() if arm.email]
            made = {arm: composer.compose(unsent_row(arm, "ann@recipient.example", now), profile) for arm in arms}
        except Mendable as error:
            for problem in error.problems:
                yield Diagnosis(campaign.name, Mark.WRONG, str(problem), "")
            continue
        arms_of: dict[Diagnosis, list[str]] = {}
        for arm, outgoing in made.items():
            for each in examine_message(
                outgoing.message,
                campaign.name,
                is_marketing=campaign.kind == "marketing",
                postal_address=project.brand.postal_address,
            ):
                arms_of.setdefault(each, []).append(arm)
        for each, concerned in arms_of.items():
            whole = len(concerned) == len(made)
            yield each if whole else replace(each, topic=f"{campaign.name} ({', '.join(concerned)})")


def _dns(project: Project, names: Names) -> Steps:
    channel = email_channel(project)
    sender = parseaddr(channel.from_)[1].rpartition("@")[2]
    steps: list[Callable[[], Steps]] = [
        lambda: iter((examine_spf(names, sending_domain(channel)),)),
        lambda: _signature(project, names),
        lambda: iter((examine_dmarc(names, sender),)),
        lambda: iter((examine_return_path(names, sending_domain(channel)),)),
    ]
    if channel.provider == "smtp" and channel.host and not is_loopback(channel.host):
        host = channel.host
        steps.append(lambda: examine_host(names, host))
    for step in steps:
        try:
            yield from step()
        except Unanswered as error:
            mend = "Ask again later, or from a machine that may ask name servers."
            yield Diagnosis("DNS", Mark.UNKNOWN, f"the name servers do not answer ({error}).", mend)
            return


def _signature(project: Project, names: Names) -> Steps:
    dkim = email_channel(project).dkim
    if dkim is None:
        what = "nothing here signs the messages; your mail server or vendor must."
        yield Diagnosis("DKIM", Mark.ADVICE, what, "Ask whoever runs it, or declare channels.email.dkim.")
        return
    try:
        key = signing_key(project)
    except Mendable as error:
        yield from (Diagnosis("DKIM", Mark.WRONG, problem.what, problem.mend) for problem in error.problems)
        return
    if key is not None:
        yield examine_dkim(names, dkim.domain, dkim.selector, key.key.public_key())
