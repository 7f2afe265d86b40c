"""Which way out a project's e-mail takes: the explicit list of providers, and what is said when one cannot be used.

A vendor is loaded where it is declared: with their libraries they take a tenth of a second, Amazon's two more, and
every process that helps to send would wait for all of them. What signs is loaded where there is a key.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import parseaddr
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from handbill.channels.contract import Answer, Provider
from handbill.channels.file import Maildir
from handbill.channels.smtp import SmtpServer, is_loopback
from handbill.definitions.policy import EmailChannel
from handbill.definitions.project import Project
from handbill.definitions.secret import resolve_path, resolve_secret
from handbill.errors import ChannelUnavailable, Problem, SetupIncomplete
from handbill.rendering.headers import wire_address

if TYPE_CHECKING:
    from handbill.channels.http_line import Vendor
    from handbill.rendering.dkim import SigningKey

FILE = "campaigns.yaml"
DEFAULT_MAILDIR = "outbox"


def email_channel(project: Project) -> EmailChannel:
    """The declared e-mail channel; raises ChannelUnavailable when there is none."""
    if project.channels.email is None:
        raise ChannelUnavailable(
            Problem(FILE, what="no e-mail channel is declared.", mend="Add channels: {email: {provider: …, from: …}}.")
        )
    return project.channels.email


def email_provider(project: Project) -> Provider:
    """The provider that campaigns.yaml names, with its secrets.

    Raises:
        ChannelUnavailable: no e-mail channel is declared.
        SetupIncomplete: a secret is not in the environment.
    """
    channel = email_channel(project)
    return PROVIDERS[channel.provider](project, channel)


def signing_key(project: Project) -> "SigningKey | None":
    """The key that e-mails are signed with; None where the project declares no `dkim`.

    Raises:
        SetupIncomplete: the file cannot be read, or holds no key.
    """
    dkim = email_channel(project).dkim
    if dkim is None:
        return None
    from handbill.rendering.dkim import read_signing_key  # noqa: PLC0415 - see the top of the module

    path = project.root / resolve_path(dkim.key_file)
    try:
        return read_signing_key(dkim.domain, dkim.selector, path.read_bytes())
    except OSError as error:
        what = f"the signing key in {path} cannot be read ({(error.strerror or str(error)).lower()})."
        raise SetupIncomplete(Problem(what=what, mend="Correct channels.email.dkim.key_file.")) from None
    except ValueError as error:
        mend = "Make one with `openssl genrsa -out FILE 2048`."
        raise SetupIncomplete(Problem(what=f"{path}: {error}.", mend=mend)) from None


def require_answering(project: Project) -> None:
    """Opens a line to the provider and closes it again, so that a run begins only where it can go on.

    Raises:
        ChannelUnavailable: nobody is there, or the sender is refused.
    """
    line = email_provider(project).open()
    if isinstance(line, Answer):
        raise unavailable(project, line)
    line.close()


def unavailable(project: Project, answer: Answer) -> ChannelUnavailable:
    """What an answer that concerns the provider means for whoever has to mend it."""
    channel = email_channel(project)
    said = " ".join(str(part) for part in (answer.code, answer.text) if part)
    where = f"{channel.host}:{channel.port}" if channel.provider == "smtp" else channel.provider
    if answer.stage == "connect":
        what = f"the mail server {where} cannot be reached ({said})."
        return ChannelUnavailable(Problem(what=what, mend="Start it, or correct channels.email in campaigns.yaml."))
    what = f"{where} does not take our mail, at {answer.stage}: {said}."
    return ChannelUnavailable(Problem(what=what, mend="Correct channels.email in campaigns.yaml, or try again later."))


def stays_here(project: Project) -> bool:
    """Whether e-mail goes to this machine only: a maildir, or a server on the loopback interface."""
    channel = email_channel(project)
    host = channel.host if channel.provider == "smtp" else urlsplit(channel.endpoint or "").hostname
    return channel.provider == "file" or is_loopback(host or "")


def sending_domain(channel: EmailChannel) -> str:
    """The domain of the sender's address, as DNS writes it."""
    return wire_address(parseaddr(channel.from_)[1]).rpartition("@")[2].lower()


def _smtp(_project: Project, channel: EmailChannel) -> Provider:
    return SmtpServer(
        host=channel.host or "",
        port=channel.port,
        starttls=channel.security == "starttls",
        user=resolve_secret(channel.user) if channel.user else None,
        password=resolve_secret(channel.password) if channel.password else None,
        connections=channel.connections,
    )


def _maildir(project: Project, channel: EmailChannel) -> Provider:
    return Maildir(project.root / (channel.directory or DEFAULT_MAILDIR))


def _over_http(vendor: "Callable[[EmailChannel, str], Vendor]") -> Callable[[Project, EmailChannel], Provider]:
    """A vendor that is made from what the channel declares, and its key."""

    def provider(_project: Project, channel: EmailChannel) -> Provider:
        from handbill.channels.http_line import HttpProvider  # noqa: PLC0415 - see the top of the module

        made = vendor(channel, resolve_secret(channel.api_key or ""))
        return HttpProvider(made, connections=channel.connections)

    return provider


def _ses(channel: EmailChannel, key: str) -> "Vendor":
    from handbill.channels.ses import Ses  # noqa: PLC0415 - see the top of the module

    return Ses(resolve_secret(channel.key_id or ""), key, channel.region or "", channel.stream, channel.endpoint)


def _sendgrid(channel: EmailChannel, key: str) -> "Vendor":
    from handbill.channels.sendgrid import SendGrid  # noqa: PLC0415 - see the top of the module

    return SendGrid(key, channel.endpoint) if channel.endpoint else SendGrid(key)


def _mailgun(channel: EmailChannel, key: str) -> "Vendor":
    from handbill.channels.mailgun import ENDPOINTS, Mailgun  # noqa: PLC0415 - see the top of the module

    return Mailgun(key, channel.domain or "", channel.endpoint or ENDPOINTS[channel.region or "us"])


def _postmark(channel: EmailChannel, key: str) -> "Vendor":
    from handbill.channels.postmark import Postmark  # noqa: PLC0415 - see the top of the module

    vendor = Postmark(key, channel.stream) if channel.stream else Postmark(key)
    return replace(vendor, endpoint=channel.endpoint) if channel.endpoint else vendor


def _resend(channel: EmailChannel, key: str) -> "Vendor":
    from handbill.channels.resend import Resend  # noqa: PLC0415 - see the top of the module

    return Resend(key, channel.endpoint) if channel.endpoint else Resend(key)


PROVIDERS: Mapping[str, Callable[[Project, EmailChannel], Provider]] = {
    "smtp": _smtp,
    "file": _maildir,
    "ses": _over_http(_ses),
    "sendgrid": _over_http(_sendgrid),
    "mailgun": _over_http(_mailgun),
    "postmark": _over_http(_postmark),
    "resend": _over_http(_resend),
}
