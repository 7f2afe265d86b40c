"""Which mailbox, household and person a row means, however it is spelled."""

import re
import unicodedata
from collections.abc import Iterable

from handbill.definitions.words import quoted
from handbill.tokens import keyed_hash, keyed_hashes

LONGEST_ADDRESS = 254
"""Characters of an e-mail address (RFC 5321, 4.5.3.1)."""
_LONGEST_LOCAL_PART = 64

# What nearly every address looks like; others are judged by email-validator, which takes a hundred times as long.
# Not too long, and without a coded label: xn-- and its like must decode.
_ORDINARY = re.compile(
    rf"(?=[^@]{{1,{_LONGEST_LOCAL_PART}}}@)(?!.{{{LONGEST_ADDRESS + 1}}})(?!.*[@.]..--)"
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
_PLAUSIBLE_DOMAIN = re.compile(r"@.+\.(?=[a-z0-9-]*[a-z])[a-z0-9-]+$")  # a dot, and a last label that is no number
_NO_LETTER = re.compile(r"[\W_]+")


def email_key(text: str) -> str:
    """The mailbox that an address names: equal for equal mailboxes. Lower case, the domain as A-label.

    Strictly, a server may tell Ann@ from ann@; none that matters does, and people write both.

    Raises:
        ValueError: the text cannot be an e-mail address; the sentence says so.

    >>> email_key("Ann.Lee@Bücher.example")
    'ann.lee@xn--bcher-kva.example'
    """
    key = text.strip().lower()
    if _ORDINARY.fullmatch(key):
        return key
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - see above: few addresses need it

    try:
        # Names such as .test and .local are somebody's own business: companies and test servers have mailboxes there.
        found = validate_email(key, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise ValueError(_not_an_address(text)) from None
    key = f"{found.local_part.lower()}@{found.ascii_domain.lower()}"
    if not _PLAUSIBLE_DOMAIN.search(key) or len(found.local_part) > _LONGEST_LOCAL_PART:
        raise ValueError(_not_an_address(text))
    return key


def email_hash(secret: bytes, key: str) -> str:
    """What stands for a mailbox on the suppression list and in logs."""
    return keyed_hash(secret, "email", key)


def email_hashes(secret: bytes, keys: Iterable[str]) -> list[str]:
    """The `email_hash` of each key."""
    return keyed_hashes(secret, "email", keys)


def postal_hash(secret: bytes, key: str) -> str:
    """What stands for a postal address on the suppression list and in logs; `key` is an `address_key`."""
    return keyed_hash(secret, "postal", key)


def household_key(secret: bytes, address_key: str, last_name: str | None) -> str:
    """The household of somebody at an address: the people there who share a last name.

    Strangers in a building without unit numbers have one address, and are not one household.
    """
    return "h-" + keyed_hash(secret, "household", f"{address_key}|{fold(last_name or '')}")


def own_household_key(external_id: str) -> str:
    """The household of somebody without an address that post can go to: nobody else belongs to it."""
    return f"c:{external_id}"


def id_from_email(secret: bytes, key: str) -> str:
    """The external id of a contact whom the source knows by e-mail only. Unit ids are published, so it is a hash."""
    return f"e-{email_hash(secret, key)}"


def id_from_address(secret: bytes, address_key: str, first_name: str | None, last_name: str | None) -> str:
    """The external id of a contact whom the source knows by name and address only."""
    name = f"{fold(first_name or '')}|{fold(last_name or '')}"
    return "p-" + keyed_hash(secret, "person", f"{address_key}|{name}")


def fold(text: str) -> str:
    """The letters and digits of a text, without case, accents or punctuation; words stay apart.

    >>> fold("  O’Brien-ŁÉVY ")
    'o brien łevy'
    """
    return _NO_LETTER.sub(" ", without_accents(text)).strip()


def without_accents(text: str) -> str:
    """The text in compatibility form and lower case, without accents.

    Only the marks that Latin, Greek and Cyrillic letters carry go: elsewhere a mark makes another letter.
    """
    if text.isascii():
        return text.lower()
    # Case folding may compose anew or leave what must be decomposed, so it stands between two decompositions.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(letter for letter in apart if not "\u0300" <= letter <= "\u036f")
    return unicodedata.normalize("NFKC", bare)


def _not_an_address(text: str) -> str:
    return f"{quoted(text)} is not an e-mail address. Write it like ann@example.com."
