"""Whether every arm says something that can be sent: its channels, templates, subject and format."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path as FilePath

from handbill.definitions.campaign import CHANNELS, Channel
from handbill.definitions.checks.channels import is_sender
from handbill.definitions.checks.draft import Draft
from handbill.definitions.findings import Finding
from handbill.definitions.words import quoted, unknown

Templates = Mapping[Channel, Collection[str]]
"""Names of the templates of each channel."""

TEMPLATE_FILES: Mapping[Channel, tuple[str, str]] = {"email": ("email", ".mjml"), "direct_mail": ("mail", ".html")}
"""Folder in templates/ and ending of the files of a channel."""

_SENDS: Mapping[Channel, str] = {"email": "e-mail", "direct_mail": "post"}
_MESSAGE: Mapping[Channel, str] = {"email": "e-mail", "direct_mail": "piece"}
_NEEDED: Mapping[Channel, Mapping[str, str]] = {
    "email": {"template": "template: spring", "subject": "subject: Spring is here"},
    "direct_mail": {"template": "template: postcard", "format": "format: postcard"},
}
"""Keys that a message cannot go without, each with an example."""


def template_names(templates_dir: FilePath) -> Templates:
    """The templates that exist."""
    return {
        channel: sorted(path.name.removesuffix(ending) for path in (templates_dir / folder).glob(f"*{ending}"))
        for channel, (folder, ending) in TEMPLATE_FILES.items()
    }


def check_content(draft: Draft, templates: Templates, channels: Collection[str]) -> Iterator[Finding]:
    """Every arm sends something or is declared to send nothing, with words that exist, by a channel that is set up.

    `channels` are those that the project configures.
    """
    for name in draft.arms:
        yield from _check_holdout(draft, name) if draft.is_experiment else _check_whole(draft)
        for channel in CHANNELS:
            if name in draft.arms_on(channel):
                yield from _check_channel(draft, name, channel, channels)
        yield from _check_words(draft, name)
    yield from _check_answers(draft)
    yield from _check_templates(draft, templates)
    yield from _check_shared(draft)


def _check_whole(draft: Draft) -> Iterator[Finding]:
    if not (draft.has("email") or draft.has("direct_mail")):
        yield Finding((), f"{quoted(draft.name)} sends nothing.", "Add email, direct_mail or experiment.", at_key=True)


def _check_holdout(draft: Draft, name: str) -> Iterator[Finding]:
    arm, path = draft.arms[name], draft.path_of(name)
    sent = [channel for channel in CHANNELS if getattr(arm, channel)]
    if not arm.holdout and not sent:
        shared = [channel for channel in CHANNELS if draft.has(channel)]
        give = f"{shared[0]}: {{}} to get what all arms share" if shared else "email or direct_mail"
        yield Finding(path, f"arm {quoted(name)} sends nothing.", f"Give it {give}, or say holdout: true.", at_key=True)
    for key in (*sent, *(["offer"] if arm.offer else [])):
        if arm.holdout:
            what = f"arm {quoted(name)} is a holdout, yet it has {key}."
            yield Finding((*path, key), what, f"Remove {key}, or holdout: true.", at_key=True)


def _check_channel(draft: Draft, name: str, channel: Channel, channels: Collection[str]) -> Iterator[Finding]:
    if channel not in channels:
        arm = f"arm {quoted(name)}" if draft.is_experiment else quoted(draft.name)
        what = f"{arm} sends {_SENDS[channel]}, but channels has no {channel}."
        yield Finding((*draft.path_of(name), channel), what, f"Add {channel} under channels.", at_key=True)


def _check_words(draft: Draft, name: str) -> Iterator[Finding]:
    contents = {"email": draft.email_of(name), "direct_mail": draft.mail_of(name)}
    of_arm = f" of arm {quoted(name)}" if draft.is_experiment else ""
    for channel in CHANNELS:
        path = (*draft.path_of(name), channel)
        for key, example in _NEEDED[channel].items():
            # A key that is written without a value is reported by the reader of the file.
            if contents[channel] and getattr(contents[channel], key) is None and not draft.has(*path, key):
                what = f"the {_MESSAGE[channel]}{of_arm} has no {key}."
                yield Finding(path, what, f"Add it, such as {example}.", at_key=True)


def _check_answers(draft: Draft) -> Iterator[Finding]:
    arms = draft.arm_names if draft.is_experiment else ()
    for path in [(), *(draft.path_of(arm) for arm in arms)]:
        address = draft.text(*path, "email", "reply_to")
        if address and not is_sender(address.strip()):
            what, mend = f"{quoted(address)} is not an e-mail address.", "Write it like help@northwind.example."
            yield Finding((*path, "email", "reply_to"), what, mend)


def _check_templates(draft: Draft, templates: Templates) -> Iterator[Finding]:
    arms = draft.arm_names if draft.is_experiment else ()
    for path in [(), *(draft.path_of(arm) for arm in arms)]:
        for channel in CHANNELS:
            name = draft.text(*path, channel, "template")
            if name and name.strip() not in templates[channel]:
                noun = f"{'e-mail' if channel == 'email' else 'mail'} template"
                yield Finding((*path, channel, "template"), *unknown(noun, name, templates[channel]))


def _check_shared(draft: Draft) -> Iterator[Finding]:
    for channel in CHANNELS:
        if draft.is_experiment and draft.every_arm_is_read and draft.has(channel) and not draft.arms_on(channel):
            what = f"{channel} is shared by all arms, but no arm sends {_SENDS[channel]}."
            yield Finding((channel,), what, f"Write {channel}: {{}} in the arms that get it.", at_key=True)
