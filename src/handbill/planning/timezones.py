"""Which time zone somebody lives in, whatever a source wrote down for it."""

import re
from datetime import timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from handbill.definitions.values import parse_timezone, zone

_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*([0-9]{1,2})(?::?([0-9]{2}))?", re.IGNORECASE)
_UTC = frozenset({"UTC", "GMT", "Z"})
_PARTS_OF_AN_HOUR = {
    "+03:30": "Asia/Tehran", "+04:30": "Asia/Kabul", "+05:30": "Asia/Kolkata", "+05:45": "Asia/Kathmandu",
    "+06:30": "Asia/Yangon", "+08:45": "Australia/Eucla", "+09:30": "Australia/Darwin", "-09:30": "Pacific/Marquesas",
}  # fmt: skip
"""Zones that keep an offset all year which is no whole number of hours: such an offset has no name of its own."""
_EAST, _WEST = timedelta(hours=14), timedelta(hours=-12)


@lru_cache(maxsize=4096)
def zone_of(name: str | None, otherwise: ZoneInfo) -> ZoneInfo:
    """A recipient's time zone; `otherwise` where it is missing or unknown.

    Takes IANA names in any case, and offsets such as `+02:00` or `UTC-5`, which know no summer time.
    """
    written = (name or "").strip()
    try:
        return zone(parse_timezone(written))
    except ValueError:
        return _by_offset(written) or _in_any_case(written) or otherwise


def _by_offset(written: str) -> ZoneInfo | None:
    if written.upper() in _UTC:
        return zone("UTC")
    match = _OFFSET.fullmatch(written)
    if match is None:
        return None
    sign, hours, minutes = match[1], int(match[2]), int(match[3] or 0)
    if minutes:
        known = _PARTS_OF_AN_HOUR.get(f"{sign}{hours:02}:{minutes:02}")
        return zone(known) if known else None
    offset = timedelta(hours=hours if sign == "+" else -hours)
    # POSIX names carry the opposite sign.
    return zone(f"Etc/GMT{'-' if sign == '+' else '+'}{hours}") if _WEST <= offset <= _EAST else None


def _in_any_case(written: str) -> ZoneInfo | None:
    known = _by_lower_case().get(written.lower().replace(" ", "_"))
    return zone(known) if known else None


@cache
def _by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}
