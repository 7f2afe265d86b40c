"""What a message carries so that its provider's events name it: our number, signed, so that nobody else's fits ours."""

from collections.abc import Mapping

from handbill.tokens import Keys, read_numbers, sign_numbers

OUTBOX = "outbox"
"""The label's name at the provider, and the purpose of its token."""


def labels_of(keys: Keys, outbox_id: int) -> Mapping[str, str]:
    """The labels of a message. Two projects with one account at a provider may both have a message with this number."""
    return {OUTBOX: sign_numbers(keys, OUTBOX, outbox_id)}


def read_label(keys: Keys, label: str) -> int | None:
    """The message that a label names; None for a label that is not ours.

    >>> read_label(b"secret", labels_of(b"secret", 42)["outbox"])
    42
    >>> read_label(b"secret", "42"), read_label(b"another", labels_of(b"secret", 42)["outbox"])
    (None, None)
    """
    numbers = read_numbers(keys, OUTBOX, label, 1)
    return numbers[0] if numbers else None
