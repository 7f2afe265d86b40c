"""Whether names that marketers choose can stand in file names, addresses and formulas."""

import re
from collections.abc import Iterable, Iterator

from handbill.definitions.fields import BUILTIN_FIELDS
from handbill.definitions.findings import Finding
from handbill.definitions.words import quoted

# The comparison "discount - plain" is two names with a minus between blanks; a batch's file name is campaign and arm.
_NAME = r"[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?"
_FIELD = r"[a-z][a-z0-9_]{0,59}"

NAME_PATTERN, FIELD_PATTERN = f"^{_NAME}$", f"^{_FIELD}$"
"""The same two as regular expressions for editors."""


def is_name(text: str) -> bool:
    """Whether the text can name a campaign, an arm, a topic or a segment."""
    return re.fullmatch(_NAME, text) is not None


def is_field_name(text: str) -> bool:
    """Whether the text can name a contact field; templates write it as `contact.name`."""
    return re.fullmatch(_FIELD, text) is not None


def badly_named(noun: str, name: str) -> tuple[str, str]:
    """What is wrong with a name that `is_name` refuses, and how to mend it."""
    rule = 'Use up to 60 small letters, digits, "-" and "_"'
    better = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")[:60]
    return f"{quoted(name)} cannot be the name of {noun}.", f'{rule}, such as "{better}".' if is_name(
        better
    ) else f"{rule}."


def check_names(noun: str, names: Iterable[str]) -> Iterator[Finding]:
    """Names of campaigns, arms and topics, each a key."""
    return (Finding((name,), *badly_named(noun, name), at_key=True) for name in names if not is_name(name))


def check_field_names(names: Iterable[str]) -> Iterator[Finding]:
    """Names of declared contact fields."""
    for name in names:
        if name in BUILTIN_FIELDS:
            yield Finding((name,), f"{quoted(name)} is a field that every contact has.", "Remove it.", at_key=True)
        elif not is_field_name(name):
            mend = 'Start with a small letter, then small letters, digits and "_".'
            yield Finding((name,), f"{quoted(name)} cannot be the name of a field.", mend, at_key=True)
