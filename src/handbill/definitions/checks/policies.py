"""Whether the rules over all campaigns can be kept: caps that count something, quiet hours that end."""

from collections.abc import Iterator

from handbill.definitions.findings import Finding
from handbill.definitions.policy import QuietHours
from handbill.definitions.validation import part
from handbill.definitions.yaml import Items, Keys, Text, Tree, at


def check_policies(written: Tree | None) -> Iterator[Finding]:
    """Everything under `policies`, right in each value, that makes no sense together."""
    caps = at(written, "caps")
    for index, cap in enumerate(caps.items if isinstance(caps, Items) else ()):
        if isinstance(cap, Keys):
            yield from _check_cap(cap, index)
    quiet = part(QuietHours, at(written, "quiet_hours"))
    if quiet and quiet.from_ == quiet.to:
        what = f"the quiet hours begin and end at {quiet.to:%H:%M}."
        yield Finding(("quiet_hours", "to"), what, "Write two different times.")


def _check_cap(cap: Keys, index: int) -> Iterator[Finding]:
    most = cap.values.get("max")
    in_points = isinstance(most, Text) and "point" in most.text
    if in_points and "points" not in cap.places:
        what = "max counts points, but nothing says what a message counts."
        yield Finding(("caps", index, "max"), what, "Add points: {email: 1, direct_mail: 5}.")
    elif "points" in cap.places and most and not in_points:
        what = "points are given, but max counts messages."
        yield Finding(("caps", index, "points"), what, "Write max: 10 points, or remove points.", at_key=True)
    elif "points" in cap.places and "channel" in cap.places:
        what = "points are counted over all channels, and this cap names one."
        yield Finding(("caps", index, "channel"), what, "Remove channel, or points.", at_key=True)
