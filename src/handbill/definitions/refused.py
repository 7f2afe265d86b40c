"""Which keys people expect from other tools that the language will never have, and what to write instead."""

from collections.abc import Mapping

from handbill.definitions.campaign import Arm, Campaign, EmailContent
from handbill.definitions.definition import Definition
from handbill.definitions.policy import EmailChannel

_NO_ATTACHMENTS = (
    "e-mails carry no attachments: spam filters distrust them in bulk mail, and nobody can count who read them.",
    "Put the file on a page, and link to it from the template.",
)

REFUSED_KEYS: Mapping[type[Definition], Mapping[str, tuple[str, str]]] = {
    part: {"attachments": _NO_ATTACHMENTS, "attachment": _NO_ATTACHMENTS}
    for part in (EmailContent, EmailChannel, Campaign, Arm)
}
"""By the part of the file: what is wrong with the key, and how to mend it."""
