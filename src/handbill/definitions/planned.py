"""Which words of the campaign language are reserved for later, so that files that use them today are told so."""

from collections.abc import Mapping

from handbill.definitions.campaign import Campaign, MailContent, Offer, Schedule
from handbill.definitions.definition import Definition
from handbill.definitions.policy import DirectMailChannel
from handbill.definitions.words import quoted

PLANNED_KEYS: Mapping[type[Definition], frozenset[str]] = {
    DirectMailChannel: frozenset({"return_address", "seeds"}),
    Campaign: frozenset({"trigger", "steps", "reenter", "check_at_send", "exit_on", "follows", "issues"}),
    Schedule: frozenset({"every"}),
    Offer: frozenset({"next_best_product"}),
}
"""Keys that nothing acts on yet, by the part of the file that has them.

Where the part's model declares the key, what stands under it is read and checked like everything else first; the other
keys are reserved words.
"""

PLANNED_VALUES: Mapping[tuple[type[Definition], str], frozenset[str]] = {
    (DirectMailChannel, "provider"): frozenset({"lob", "postgrid"}),
    (MailContent, "format"): frozenset({"4x6", "6x9", "6x11"}),
}
"""Words of known keys that nothing acts on yet."""


def planned(word: str) -> tuple[str, str]:
    """What is wrong and how to mend it."""
    return f"{quoted(word)} is planned, not available yet.", "Remove it for now."
