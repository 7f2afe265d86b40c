"""Which webhooks a project listens to: the explicit list of vendors, and who reads what they say."""

from collections.abc import Callable, Mapping

from handbill.channels import lob, mailgun, postgrid, postmark, resend, sendgrid, signed, sns
from handbill.channels.hooks import Hook, Report, split_keys
from handbill.definitions.policy import DirectMailChannel, EmailChannel
from handbill.definitions.project import Project
from handbill.definitions.secret import resolve_secret
from handbill.errors import Problem, SetupIncomplete

Reader = Callable[[bytes], list[Report]]
MakeHook = Callable[[tuple[str, ...]], Hook]
SHORTEST_KEY = 16
"""Letters of the shortest key: nobody should be able to try them out."""


def hooks_of(project: Project, certificates: sns.Certificates | None = None) -> Mapping[str, Hook]:
    """The hooks of a project by the name in their address.

    Raises:
        SetupIncomplete: a secret is not in the environment, or cannot be one.
    """
    hooks: dict[str, Hook] = {}
    for channel in (project.channels.email, project.channels.direct_mail):
        if isinstance(channel, EmailChannel) and channel.provider == "ses" and channel.sns_topic:
            hooks["ses"] = sns.SnsHook(
                channel.sns_topic, channel.sns_signatures == "sha1", certificates or sns.Certificates()
            )
        elif channel is not None and channel.provider in HOOKS and channel.signing_key:
            hooks[channel.provider] = _made(channel)
    for name, declared in project.webhooks.items():
        hooks[name] = signed.SignedHook(_keys(declared.signing_key, f"webhooks.{name}.signing_key"))
    return hooks


def reader_of(format_: str) -> Reader:
    """Who reads the bodies of a format."""
    if format_ == sns.FORMAT:
        from handbill.channels.ses import read_reports  # noqa: PLC0415 - Amazon's library takes 0.2 s to load, and only SES needs it

        return read_reports
    return _READERS[format_]


HOOKS: Mapping[str, MakeHook] = {
    sendgrid.FORMAT: sendgrid.SendGridHook,
    mailgun.FORMAT: mailgun.MailgunHook,
    postmark.FORMAT: postmark.PostmarkHook,
    resend.FORMAT: resend.ResendHook,
    lob.FORMAT: lob.LobHook,
    postgrid.FORMAT: postgrid.PostGridHook,
}
"""Vendors whose hooks need keys; Amazon's needs a topic instead."""

_READERS: Mapping[str, Reader] = {
    sendgrid.FORMAT: sendgrid.read_reports,
    mailgun.FORMAT: mailgun.read_reports,
    postmark.FORMAT: postmark.read_reports,
    resend.FORMAT: resend.read_reports,
    lob.FORMAT: lob.read_reports,
    postgrid.FORMAT: postgrid.read_reports,
    signed.FORMAT: signed.read_reports,
}
FORMATS = (sns.FORMAT, *_READERS)


def _made(channel: EmailChannel | DirectMailChannel) -> Hook:
    where = f"channels.{'email' if isinstance(channel, EmailChannel) else 'direct_mail'}.signing_key"
    keys = _keys(channel.signing_key or "", where)
    if channel.provider == sendgrid.FORMAT:
        try:
            for key in keys:
                sendgrid.public_key(key)
        except ValueError:
            what = f"{where}: this is not the verification key that SendGrid shows."
            raise SetupIncomplete(Problem(what=what, mend="Copy it from its page Mail Settings.")) from None
    return HOOKS[channel.provider](keys)


def _keys(reference: str, where: str) -> tuple[str, ...]:
    keys = split_keys(resolve_secret(reference))
    if not keys or min(map(len, keys)) < SHORTEST_KEY:
        what = f"{where}: a secret of fewer than {SHORTEST_KEY} letters can be guessed."
        raise SetupIncomplete(Problem(what=what, mend="Make a longer one, such as with: openssl rand -hex 32"))
    return keys
