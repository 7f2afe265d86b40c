"""Which words of the campaign language are reserved for later, so that files that use them today are told so."""

from collections.abc import Mapping

from handbill.definitions.campaign import Campaign, Experiment, Goal, MailContent, Offer, Primary, Schedule
from handbill.definitions.definition import Definition
from handbill.definitions.policy import DirectMailChannel, EmailChannel
from handbill.definitions.project import ProjectFile
from handbill.definitions.words import quoted

PLANNED_KEYS: Mapping[type[Definition], frozenset[str]] = {
    ProjectFile: frozenset({"metrics", "retention", "durability"}),
    EmailChannel: frozenset({"dkim", "links", "warm_up", "tracking"}),
    DirectMailChannel: frozenset({"seeds", "links", "return_address", "tracking"}),
    Campaign: frozenset(
        {
            *("trigger", "steps", "reenter", "check_at_send", "exit_on", "follows", "issues"),
            *("layer", "metrics", "guardrails", "durability", "quiet_hours", "tracking"),
        }
    ),
    Schedule: frozenset({"every"}),
    Goal: frozenset({"metrics"}),
    Offer: frozenset({"next_best_product"}),
    Experiment: frozenset({"rollout", "looks", "metrics", "guardrails"}),
    Primary: frozenset({"looks"}),
}
"""Keys by the part of the file that will have them."""

PLANNED_VALUES: Mapping[tuple[type[Definition], str], frozenset[str]] = {
    (EmailChannel, "provider"): frozenset({"ses", "sendgrid", "mailgun", "postmark", "resend"}),
    (DirectMailChannel, "provider"): frozenset({"lob", "postgrid"}),
    (MailContent, "format"): frozenset({"4x6", "6x9", "6x11"}),
    (Experiment, "analysis"): frozenset({"group_sequential", "always_valid", "bayesian"}),
}
"""Words that a known key will take."""

PLANNED_CLAUSE_KEYS = frozenset(
    {"has_been", "for", "campaign", "arm", "link", "consent", "mailable", "product", "distinct"}
)
"""Keys of a clause in a segment."""

PLANNED_EVENTS = frozenset(
    {"email.converted", "direct_mail.delivered", "direct_mail.returned", "direct_mail.converted"}
)


def planned(word: str) -> tuple[str, str]:
    """What is wrong and how to mend it."""
    return f"{quoted(word)} is planned, not available yet.", "Remove it for now."


def is_planned_value(owner: type[Definition], key: str, value: str) -> bool:
    """Whether `key: value` is reserved."""
    return value in PLANNED_VALUES.get((owner, key), ())
