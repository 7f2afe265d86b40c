"""What a failed delivery says about the address: that it is dead, full for now, or that we were not wanted."""

import re
from collections.abc import Sequence

from handbill.channels.contract import BounceKind

HARD = frozenset({"1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""Status codes (RFC 3463, without the class) that say: this mailbox does not exist or was closed."""
BLOCKED = frozenset({"1.7", "1.8", "2.3"})
"""The sender or the message was refused; everything of subject 6 (content) and 7 (policy) was, too."""
VAGUE = frozenset({"0.0", "1.0", "4.1", "5.0"})
"""Status codes that servers give for anything: their own words count first."""

_STATUS = re.compile(r"(?<![\d.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?:^|[;\s])([245])[0-9]{2}(?=[\s-]|$)")
_WORDS: Sequence[tuple[BounceKind, re.Pattern[str]]] = (
    (
        BounceKind.SOFT,
        re.compile(
            r"quota|(mailbox|inbox|user|storage) (is )?(over|too )?full|insufficient (system )?storage"
            r"|try (again )?later",
            re.IGNORECASE,
        ),
    ),
    (
        BounceKind.HARD,
        re.compile(
            r"(user|mailbox|recipient|account|address) (is )?(unknown|unavailable|disabled|inactive|not found)"
            r"|(unknown|invalid|no such) (local )?(user|mailbox|recipient|address|account)"
            r"|does not exist|doesn't exist|no mailbox here|not a valid (mailbox|recipient|user)"
            r"|recipient rejected|recipient address rejected: access denied|account (has been )?closed",
            re.IGNORECASE,
        ),
    ),
    (
        BounceKind.BLOCKED,
        re.compile(
            r"\bspam\b|black ?list|block ?list|\bblocked\b|reputation|\bpolicy\b|\b(spf|dkim|dmarc)\b|unsolicited"
            r"|banned",
            re.IGNORECASE,
        ),
    ),
)
"""What servers write when their code says nothing; a full mailbox goes before a dead one, which cannot be undone."""


def bounce_kind(status: str, said: str = "") -> BounceKind:
    """What a failure says about the address.

    A failure of class 4 is final for the message and passing for the address. Where the status is vague (5.0.0), the
    server's own words count.

    >>> bounce_kind("5.1.1"), bounce_kind("4.4.7"), bounce_kind("5.7.1"), bounce_kind("5.0.0", "550 no such user")
    (<BounceKind.HARD: 'hard'>, <BounceKind.SOFT: 'soft'>, <BounceKind.BLOCKED: 'blocked'>, <BounceKind.HARD: 'hard'>)
    """
    match = _STATUS.search(status)
    if not match or match[1] == "2":
        return BounceKind.UNKNOWN
    severity, subject, detail = match.groups()
    if severity == "4":
        return BounceKind.SOFT
    code = f"{int(subject)}.{int(detail)}"
    if code in VAGUE and (told := kind_in_words(said)) is not None:
        return told
    if code in HARD:
        return BounceKind.HARD
    if code in BLOCKED or int(subject) in {6, 7}:
        return BounceKind.BLOCKED
    return BounceKind.SOFT if int(subject) in {2, 3, 4} else BounceKind.UNKNOWN


def best_status(written: str, said: str) -> str:
    """The status of a report: what it writes, or the server's own code where that is missing or says less.

    >>> best_status("5.0.0", "smtp; 550 5.1.1 no such user"), best_status("", "smtp; 550 nobody"), best_status("", "")
    ('5.1.1', '5.0.0', '')
    """
    match, told = _STATUS.search(written), _STATUS.search(said)
    if match and not (told and match[0].endswith(".0.0") and told[1] == match[1]):
        return match[0]
    if told:
        return told[0]
    reply = _REPLY_CODE.search(said)
    return f"{reply[1]}.0.0" if reply else ""


def kind_in_words(said: str) -> BounceKind | None:
    """What a server's words say about the address, as far as they are known ones."""
    return next((kind for kind, words in _WORDS if words.search(said)), None)
