"""Which telephone a number means, however it is spelled: its international form (E.164), where that is certain."""

import re
from functools import lru_cache

# Calling code, and after a slash what people dial before a number at home when that is no 0 ("-" for nothing).
_CODES = {
    "AE": "971", "AR": "54", "AT": "43", "AU": "61", "BE": "32", "BG": "359", "BR": "55", "CA": "1/1", "CH": "41",
    "CL": "56/-", "CN": "86", "CO": "57/-", "CY": "357/-", "CZ": "420/-", "DE": "49", "DK": "45/-", "EE": "372/-",
    "ES": "34/-", "FI": "358", "FR": "33", "GB": "44", "GR": "30/-", "HK": "852/-", "HR": "385", "HU": "36/06",
    "IE": "353", "IL": "972", "IN": "91", "IS": "354/-", "IT": "39/-", "JP": "81", "KR": "82", "LU": "352/-",
    "LV": "371/-", "MT": "356/-", "MX": "52/-", "MY": "60", "NL": "31", "NO": "47/-", "NZ": "64", "PH": "63",
    "PL": "48/-", "PT": "351/-", "RO": "40", "RS": "381", "SE": "46", "SG": "65/-", "SI": "386", "SK": "421",
    "TH": "66", "TR": "90", "TW": "886", "UA": "380", "US": "1/1", "ZA": "27",
}  # fmt: skip
_SPACING = re.compile(r"[\s().\-/\u2010-\u2015]+")
_ABROAD = re.compile(r"[1-9][0-9]{7,14}")
_AT_HOME = re.compile(r"[0-9]{6,12}")
_NORTH_AMERICAN = re.compile(r"[2-9][0-9]{9}")
_REMEMBERED = 16_384


@lru_cache(_REMEMBERED)
def phone_key(text: str, country: str | None = None) -> str | None:
    """The number in its international form; None where that cannot be told.

    A number without its country's code is taken to be of `country`, two letters. The form is checked, not whether
    such a number is in use.

    >>> phone_key("020 7946 0018", "GB"), phone_key("+44 (0)20 7946 0018"), phone_key("020 7946 0018")
    ('+442079460018', '+442079460018', None)
    """
    international = text.strip().startswith("+")
    digits = _SPACING.sub("", text.replace("(0)", "") if international else text)
    code, _, dialled = _CODES.get(country or "", "").partition("/")
    if international:
        digits = digits[1:]
    elif code == "1" and digits.startswith("011"):
        digits = digits[3:]
    elif digits.startswith("00") and code != "1":
        digits = digits[2:]
    else:
        digits = _from_home(digits, code, dialled)
    return f"+{digits}" if _ABROAD.fullmatch(digits) else None


def _from_home(digits: str, code: str, dialled: str) -> str:
    """A number as it is dialled in its country, with the country's code; empty when it cannot be one."""
    if dialled != "-" and digits.startswith(dialled or "0"):
        digits = digits.removeprefix(dialled or "0")
    right = _NORTH_AMERICAN if code == "1" else _AT_HOME
    return code + digits if code and right.fullmatch(digits) else ""
