"""How values become header lines of a mail that nobody can smuggle another header into."""

import base64
import re
import unicodedata
from functools import lru_cache

import idna

from handbill.errors import NotRenderable, Problem

LONGEST_LINE = 76
"""Characters a header line has where it can be folded (RFC 5322 recommends 78, RFC 2047 demands 76)."""

_SEPARATORS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ENCODED_WORD = re.compile(r"=\?")
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff.-]+")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_USUAL_LOCAL = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:\.[A-Za-z0-9_+-]{1,30})?")
"""What nearly all local parts are like; nothing else about them needs to be looked at."""
_NAMED = re.compile(r"(.*)<([^<>]*)>", re.DOTALL)
_WORD_BYTES = 39
"""Bytes of UTF-8 in one encoded word: 39 become 52 letters of base64, which with frame and "Subject: " fit a line."""


def one_line(text: str) -> str:
    """The text with everything that could end a line, or hide, turned into single spaces.

    >>> one_line("Sale\\r\\nBcc: everybody@shop.example")
    'Sale Bcc: everybody@shop.example'
    """
    return _SEPARATORS.sub(" ", text).strip()


def unstructured(name: str, text: str) -> bytes:
    """A header of free words, such as Subject: folded, and encoded (RFC 2047) where it is not plain ASCII."""
    line = one_line(text)
    return _folded(name, line.split(" ") if _is_plain(line) else _encoded_words(line))


@lru_cache(maxsize=256)  # most headers of a campaign are the same in every message
def raw(name: str, *values: str) -> bytes:
    """A header that programs read, such as List-Unsubscribe: never encoded, folded only between its values.

    Raises:
        ValueError: a value is not printable ASCII, or too long for a line.
    """
    for value in values:
        if not value.isascii() or not value.isprintable() or len(value) > 900:
            raise ValueError(f"{name} takes printable ASCII of at most 900 characters in each value")
    return _folded(name, [*(f"{value}," for value in values[:-1]), values[-1]])


@lru_cache(maxsize=256)
def mailbox(name: str, text: str) -> bytes:
    """A header that holds one mailbox: `Northwind <news@northwind.example>` or `news@northwind.example`."""
    return _folded(name, list(_mailbox_words(text)))


@lru_cache(maxsize=256)  # the envelope and a header both ask for it
def wire_address(address: str) -> str:
    """The address as servers take it: its domain in A-labels. Its local part may still need SMTPUTF8.

    Raises:
        NotRenderable: it is no address, or carries what could end a line.
    """
    local, at, domain = address.rpartition("@")
    if not at or not _is_local(local):
        raise NotRenderable(Problem(what="this is no e-mail address.", mend="Correct the contact's e-mail."))
    try:
        encoded = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        encoded = ""
    if not _DOMAIN.fullmatch(encoded):
        raise NotRenderable(Problem(what="this e-mail address has no domain.", mend="Correct the contact's e-mail."))
    return f"{local}@{encoded}"


def needs_smtputf8(address: str) -> bool:
    """Whether the address can only go to a server that offers SMTPUTF8: its local part is not ASCII."""
    return not address.rpartition("@")[0].isascii()


def _is_local(local: str) -> bool:
    if _USUAL_LOCAL.fullmatch(local):
        return True
    if not local or len(local.encode()) > 64 or any(unicodedata.category(each)[0] in "CZ" for each in local):
        return False
    quoted = re.fullmatch(r'"(?:[^"\\]|\\.)*"', local)
    return bool(quoted or (_ATOM.fullmatch(local) and ".." not in local and local[0] != "." != local[-1]))


def _mailbox_words(text: str) -> tuple[str, ...]:
    named = _NAMED.fullmatch(text.strip())
    if not named:
        return (wire_address(text.strip()),)
    display = one_line(named[1]).strip('"').strip()
    address = f"<{wire_address(named[2].strip())}>"
    if not display:
        return (address,)
    if not _is_plain(display):
        return (*_encoded_words(display), address)
    if _PHRASE.fullmatch(display):
        return (*display.split(" "), address)
    escaped = display.replace("\\", "\\\\").replace('"', '\\"')
    return (*f'"{escaped}"'.split(" "), address)


def _is_plain(line: str) -> bool:
    """Whether a line can stand in a header as it is: nothing beyond ASCII, and places enough to fold it."""
    return line.isascii() and not _ENCODED_WORD.search(line) and max(map(len, line.split(" "))) < LONGEST_LINE


def _encoded_words(text: str) -> list[str]:
    """RFC 2047, in base64; no character is cut in two."""
    words: list[str] = []
    left = text.encode()
    while len(left) > (end := _WORD_BYTES):
        while left[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        words.append(_encoded_word(left[:end]))
        left = left[end:]
    return [*words, _encoded_word(left)]


def _encoded_word(part: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(part).decode()}?="


def _folded(name: str, words: list[str]) -> bytes:
    """Words on lines that are no longer than need be; a word that is too long gets a line of its own."""
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > LONGEST_LINE and lines[-1] != f"{name}:":
            lines.append(f" {word}")
        else:
            lines[-1] += f" {word}"
    return "\r\n".join(lines).encode() + b"\r\n"
