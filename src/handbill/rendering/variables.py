"""Which names a template can use, and what they stand for."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from handbill.definitions.campaign import Campaign, email_of
from handbill.definitions.project import Project
from handbill.rendering.environment import missing

Values = dict[str, Any]
Purchases = Literal["orders", "products"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "brand": ("name", "postal_address", "website"),
    "campaign": ("name", "kind", "topic"),
    "arm": ("name",),
    "offer": ("discount",),
}
"""Groups of values that stay the same for all recipients of an arm, beside `contact` and what the channel adds."""

PLAIN_TYPES = frozenset({str, int, float, bool, Decimal, date, datetime})
"""What a template may see. Whatever else got in could carry methods that reach further than a message should."""


def fixed_values(project: Project, campaign: Campaign, arm_name: str, given: Mapping[str, str]) -> Values:
    """What is the same for all recipients of an arm: brand, campaign, arm, offer, and the `with:` values by name.

    A `with:` value that only others give is known here too, as one that is missing.
    """
    brand, offer = project.brand, campaign.arms[arm_name].offer
    values: Values = {name: missing(name) for name in given_names(project, campaign)}
    values |= given
    values |= {
        "brand": {"name": brand.name, "postal_address": brand.postal_address, "website": brand.website},
        "campaign": {"name": campaign.name, "kind": campaign.kind, "topic": _topic(project, campaign)},
        "arm": {"name": arm_name},
        "offer": {"discount": offer.discount} if offer else missing("offer"),
    }
    return values


def given_names(project: Project, campaign: Campaign) -> frozenset[str]:
    """Names of the `with:` values that any arm gives: of the campaign, or of another one that uses its templates."""
    others = (project.given_to.get(template, frozenset()) for template in campaign.templates)
    return campaign.given_names.union(*others)


class ContactValues:
    """Makes `contact` out of a profile; what is always the same is prepared once."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._missing = {name: missing(f"contact.{name}") for name in fields}

    def of(self, profile: Mapping[str, Any]) -> Values:
        """The declared fields by name. None and blank text are missing: nobody wants to read "Dear ,"."""
        values: Values = dict(self._missing)
        for name, value in profile.items():
            if name not in self._missing or value is None or (type(value) is str and not value.strip()):
                continue
            if type(value) not in PLAIN_TYPES:
                raise TypeError(f"contact.{name} is a {type(value).__name__}, which no template may see")
            values[name] = value
        return values


def _topic(project: Project, campaign: Campaign) -> Any:
    if campaign.topic is None:
        return missing("campaign.topic")
    return project.topics.get(campaign.topic, campaign.topic)


def purchases_of(campaign: Campaign) -> frozenset[Purchases]:
    """The lists that any e-mail of a campaign shows."""
    contents = (email_of(campaign, arm) for arm in campaign.arms.values())
    return frozenset(name for content in contents if content for name in content.uses)


def purchases_in(profile: Mapping[str, Any], uses: Iterable[str]) -> Values:
    """`orders` and `products` as a template sees them, out of what `add_purchases` put into a profile."""
    return {name: [_told(name[:-1], entry) for entry in profile.get(f"uses:{name}", ())] for name in uses}


def _told(called: str, entry: Mapping[str, Any]) -> Values:
    """An order, a line or a product: what was not imported is missing."""
    told = {name: missing(f"{called}.{name}") if value is None else value for name, value in entry.items()}
    if "lines" in told:
        told["lines"] = [_told("line", line) for line in told["lines"]]
    return told
