"""Which spellings of a street, house and unit mean the same door."""

import re
import unicodedata

from handbill.contacts.identity import without_accents

# USPS Publication 28, appendices B and C2, cut to what is frequent, and what British and German addresses add.
_SHORT = {
    "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se",
    "southwest": "sw", "street": "st", "saint": "st", "str": "st", "avenue": "ave", "av": "ave", "road": "rd",
    "boulevard": "blvd", "drive": "dr", "lane": "ln", "court": "ct", "place": "pl", "plaza": "plz", "square": "sq",
    "terrace": "ter", "highway": "hwy", "parkway": "pkwy", "circle": "cir", "close": "cl", "gardens": "gdns",
    "crescent": "cres", "grove": "gr", "mount": "mt", "mountain": "mtn", "heights": "hts", "building": "bldg",
    "trail": "trl", "route": "rte", "strasse": "st", "platz": "pl",
}  # fmt: skip
_UNIT_WORDS = frozenset({"apt", "apartment", "unit", "ste", "suite", "flat", "rm", "room", "wohnung", "whg"})
_UNIT = "unit"
_BOX = re.compile(r"\b(?:p\s?o\s?b(?:ox)?|post office box|postfach|apartado(?: de correos)?)\b(?=\s*[0-9a-z])")
_RURAL = re.compile(r"\b(?:rural rte|r\s?r)\b(?=\s*\d)")
_SILENT = re.compile(r"[.'’‘`´]")
_PARTING = re.compile(r"[^\w#-]+|_+|(?<!\w)-+|-+(?!\w)")
_ATTACHED_STREET = re.compile(r"(?<=\w{2})str(?:asse)?$")


def street_key(*lines: str | None) -> str:
    """The lines of a street address in one form: case, accents, punctuation, directions, kinds of streets and units.

    The unit stands last, whatever it was called and wherever it stood. The key of a key is the key itself.

    >>> street_key("Flat 4b, 10 North Main Street") == street_key("10 N. Main St", "#4B")
    True
    """
    text = without_accents(" ".join(line for line in lines if line))
    words = _PARTING.sub(" ", _SILENT.sub("", text)).replace("#", f" {_UNIT} ").split()
    short = [_SHORT.get(word, word) for word in (_ATTACHED_STREET.sub("st", word) for word in words)]
    return _RURAL.sub("rr", _BOX.sub("pobox", " ".join(_units_last(short))))


def tidy(text: str | None) -> str | None:
    """One line of an address as it is printed: composed letters, single spaces; None when nothing is left."""
    if not text:
        return None
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    return " ".join(composed.split()).strip(" ,;") or None


def _units_last(words: list[str]) -> list[str]:
    """The words, then the units in their order. At the end, a word for "unit" that names none is dropped."""
    others: list[str] = []
    units: list[str] = []
    waiting = ""
    for word in words:
        if word in _UNIT_WORDS:
            waiting = word
            continue
        if waiting and _names_a_unit(word):
            units += [_UNIT, word]
        else:
            others += [waiting, word] if waiting else [word]
        waiting = ""
    return others + units


def _names_a_unit(word: str) -> bool:
    return word[0].isdigit() or word[-1].isdigit() or len(word) == 1
