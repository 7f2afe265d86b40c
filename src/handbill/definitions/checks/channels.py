"""Whether the channels can send: server or vendor, sender, security, and secrets that stand elsewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parseaddr
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from handbill.definitions.checks.mailbox import THIS_MACHINE, check_mailbox
from handbill.definitions.findings import Finding, Path, under
from handbill.definitions.policy import DirectMailChannel, EmailChannel
from handbill.definitions.secret import is_reference
from handbill.definitions.sending import Dkim, WarmUp
from handbill.definitions.words import quoted, unknown
from handbill.definitions.yaml import Text, Tree, at

_TOPIC = re.compile(r"arn:aws(-cn|-us-gov)?:sns:[a-z]{2}(-[a-z]+)+-[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_SECRETS = {
    "password": ("a password", "SMTP_PASSWORD"),
    "api_key": ("an API key", "MAIL_API_KEY"),
    "signing_key": ("a signing key", "MAIL_SIGNING_KEY"),
}
"""Keys that only refer to their value: what that is called, and an example of a variable."""

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "ses": ("key_id", "api_key", "region"),
    "sendgrid": ("api_key",),
    "mailgun": ("api_key", "domain"),
    "postmark": ("api_key",),
    "resend": ("api_key",),
    "lob": ("api_key",),
    "postgrid": ("api_key",),
}
"""What a vendor cannot be reached without."""

_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "ses": ("stream", "sns_topic", "sns_signatures", "endpoint"),
    "mailgun": ("region", "signing_key", "endpoint"),
    "postmark": ("stream", "signing_key", "endpoint"),
    **dict.fromkeys(("sendgrid", "resend"), ("signing_key", "endpoint")),
    **dict.fromkeys(("lob", "postgrid"), ("signing_key",)),
}
_REGIONS_OF_MAILGUN = ("us", "eu")
_VENDOR_KEYS = tuple(dict.fromkeys(key for keys in (*_NEEDED.values(), *_ALLOWED.values()) for key in keys))


def check_email_channel(written: Tree | None, channel: EmailChannel | None) -> Iterator[Finding]:
    """The e-mail channel; secrets are looked at even where the rest cannot be read."""
    yield from _check_secrets(written)
    yield from under(("mailbox",), check_mailbox(at(written, "mailbox"), channel.mailbox if channel else None))
    if channel is None:
        return
    if channel.provider == "smtp" and channel.host is None:
        yield Finding((), "provider smtp needs a host.", "Add host, the name of the mail server.", at_key=True)
    if channel.security == "none" and channel.host and channel.host not in THIS_MACHINE:
        what = f"security none would send passwords and mail readable to {quoted(channel.host)}."
        yield Finding(("security",), what, "Use starttls; none is for localhost only.")
    yield from _check_vendor(channel)
    for key, address in (("from", channel.from_), ("reply_to", channel.reply_to)):
        if address is not None and not is_sender(address):
            yield Finding((key,), *_no_address(address, "Northwind <news@northwind.example>"))
    yield from _check_seeds(channel.seeds)
    yield from _check_links(channel)
    if channel.dkim:
        yield from under(("dkim",), _check_dkim(channel.dkim, channel.from_))
    if channel.warm_up:
        yield from under(("warm_up",), _check_warm_up(channel.warm_up))
    yield from _check_directory(channel.directory)


def check_mail_channel(written: Tree | None, channel: DirectMailChannel | None) -> Iterator[Finding]:
    """The direct mail channel."""
    yield from _check_secrets(written)
    if channel:
        yield from _check_vendor(channel)
        yield from _check_links(channel)
        yield from _check_directory(channel.directory)


def check_webhooks(written: Iterable[tuple[str, Tree]]) -> Iterator[Finding]:
    """Other systems that report: their secrets, and names that no vendor has."""
    for name, each in written:
        yield from under((name,), _check_secrets(each))
        if name in _NEEDED:
            what = f"{quoted(name)} is a vendor, whose webhook has this name."
            yield Finding((name,), what, "Choose another name, or write signing_key under its channel.", at_key=True)


def is_sender(address: str) -> bool:
    """Whether it is one mailbox, with or without a name before it."""
    name, mailbox = parseaddr(address)
    local, at_sign, domain = mailbox.rpartition("@")
    is_whole = address in (mailbox, f"<{mailbox}>") or bool(name)
    return bool(local and at_sign and domain and is_whole and " " not in mailbox)


def _no_address(address: str, example: str) -> tuple[str, str]:
    return f"{quoted(address)} is not an e-mail address.", f"Write it like {example}."


def _check_secrets(written: Tree | None) -> Iterator[Finding]:
    """The texts are never repeated: messages end in logs."""
    for key, (noun, variable) in _SECRETS.items():
        secret = at(written, key)
        if isinstance(secret, Text) and not is_reference(secret.text):
            mend = f"Write ${{{variable}}}, and set that variable where Handbill runs. Change it: files are copied."
            yield Finding((key,), f"{noun} stands here in plain text.", mend)


def _check_vendor(channel: EmailChannel | DirectMailChannel) -> Iterator[Finding]:
    needed, allowed = _NEEDED.get(channel.provider, ()), _ALLOWED.get(channel.provider, ())
    for key in needed:
        if getattr(channel, key) is None:
            yield Finding((), f"provider {channel.provider} needs {key}.", f"Add {key}.", at_key=True)
    for key in _VENDOR_KEYS:
        if key not in (*needed, *allowed) and getattr(channel, key, None) is not None:
            what = f"provider {channel.provider} has no {key}."
            yield Finding((key,), what, "Remove it, or name the vendor that it belongs to.", at_key=True)
    topic = getattr(channel, "sns_topic", None)
    if topic is not None and not _TOPIC.fullmatch(topic):
        mend = "Copy it from Amazon, such as arn:aws:sns:eu-west-1:123456789012:mail."
        yield Finding(("sns_topic",), f"{quoted(topic)} is not the ARN of a topic.", mend)
    if getattr(channel, "sns_signatures", None) is not None and topic is None and channel.provider == "ses":
        yield Finding(
            ("sns_signatures",), "sns_signatures says nothing without sns_topic.", "Add sns_topic.", at_key=True
        )
    region = getattr(channel, "region", None)
    if channel.provider == "mailgun" and region not in (None, *_REGIONS_OF_MAILGUN):
        yield Finding(("region",), *unknown("region", str(region), _REGIONS_OF_MAILGUN))


def _check_links(channel: EmailChannel | DirectMailChannel) -> Iterator[Finding]:
    if channel.links and ("?" in channel.links or "#" in channel.links):
        what = f"{quoted(channel.links)} has more behind its path, and our links are put there."
        yield Finding(("links",), what, "Write it without ? and #.")
    host = urlsplit(channel.links or "").hostname
    if channel.links and channel.links.lower().startswith("http:") and host not in THIS_MACHINE:
        what = "links by http can be read and changed on their way, and mail programs unsubscribe by https only."
        yield Finding(("links",), what, f"Write https://{channel.links[7:]}, and put the service behind TLS.")
    if not channel.links and "tracking" in channel.model_fields_set and channel.tracking != "off":
        what = "without links nothing can be tracked."
        yield Finding(("tracking",), what, "Add links, the public address of `handbill serve`.", at_key=True)


def _check_seeds(seeds: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, seed in enumerate(seeds):
        if not is_sender(seed):
            yield Finding(("seeds", index), *_no_address(seed, "qa@northwind.example"))
        elif seed.casefold() in seen:
            yield Finding(("seeds", index), f"{quoted(seed)} stands here twice.", "Remove one.")
        seen.add(seed.casefold())


def _check_dkim(dkim: Dkim, sender: str) -> Iterator[Finding]:
    if not is_reference(dkim.key_file) and ("-----" in dkim.key_file or len(dkim.key_file) > 500):
        mend = "Write the name of its file, or ${DKIM_KEY_FILE}. Make a new key: files are copied."
        yield Finding(("key_file",), "a private key stands here in plain text.", mend)
    domain, _, _ = parseaddr(sender)[1].rpartition("@")[2].casefold().partition(">")
    signing = dkim.domain.casefold()
    if is_sender(sender) and not (_within(domain, signing) or _within(signing, domain)):
        what = f"{quoted(dkim.domain)} cannot sign for {quoted(domain)}, from which the e-mails come."
        yield Finding(("domain",), what, f"Write {domain}.")


def _within(domain: str, other: str) -> bool:
    return domain == other or domain.endswith(f".{other}")


def _check_warm_up(warm_up: WarmUp) -> Iterator[Finding]:
    if warm_up.start.per.days != 1:
        yield Finding(("start",), "a warm-up is counted by day.", "Write it like 200/day.")


def _check_directory(directory: str | None) -> Iterator[Finding]:
    path: Path = ("directory",)
    if directory and (PurePosixPath(directory).is_absolute() or ".." in PurePosixPath(directory).parts):
        yield Finding(path, f"{quoted(directory)} lies outside the project.", "Name a folder in the project.")
