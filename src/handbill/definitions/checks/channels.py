"""Whether the channels can send: server, sender, security, and secrets that stand elsewhere."""

from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import PurePosixPath

from handbill.definitions.findings import Finding, Path
from handbill.definitions.policy import DirectMailChannel, EmailChannel
from handbill.definitions.secret import is_reference
from handbill.definitions.words import quoted
from handbill.definitions.yaml import Text, Tree, at

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


def check_email_channel(written: Tree | None, channel: EmailChannel | None) -> Iterator[Finding]:
    """The e-mail channel; the secret is looked at even where the rest cannot be read."""
    password = at(written, "password")
    if isinstance(password, Text) and not is_reference(password.text):
        # The text is never repeated: messages end in logs.
        mend = (
            "Write ${SMTP_PASSWORD}, and set that variable where Handbill runs. Change the password: files are copied."
        )
        yield Finding(("password",), "a password stands here in plain text.", mend)
    if channel is None:
        return
    if channel.provider == "smtp" and channel.host is None:
        yield Finding((), "provider smtp needs a host.", "Add host, the name of the mail server.", at_key=True)
    if channel.security == "none" and channel.host and channel.host not in _THIS_MACHINE:
        what = f"security none would send passwords and mail readable to {quoted(channel.host)}."
        yield Finding(("security",), what, "Use starttls; none is for localhost only.")
    for key, address in (("from", channel.from_), ("reply_to", channel.reply_to)):
        if address is not None and not _is_sender(address):
            what = f"{quoted(address)} is not an e-mail address."
            yield Finding((key,), what, "Write it like Northwind <news@northwind.example>.")
    yield from _check_directory(channel.directory)


def check_mail_channel(channel: DirectMailChannel | None) -> Iterator[Finding]:
    """The direct mail channel."""
    if channel:
        yield from _check_directory(channel.directory)


def _is_sender(address: str) -> bool:
    if address.startswith("${"):
        return is_reference(address)
    name, mailbox = parseaddr(address)
    local, at_sign, domain = mailbox.rpartition("@")
    is_whole = address in (mailbox, f"<{mailbox}>") or bool(name)
    return bool(local and at_sign and domain and is_whole and " " not in mailbox)


def _check_directory(directory: str | None) -> Iterator[Finding]:
    path: Path = ("directory",)
    if directory and (PurePosixPath(directory).is_absolute() or ".." in PurePosixPath(directory).parts):
        yield Finding(path, f"{quoted(directory)} lies outside the project.", "Name a folder in the project.")
