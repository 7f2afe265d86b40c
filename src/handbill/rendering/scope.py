"""What the texts of an arm can name, and which of it every recipient of the arm has."""

from collections.abc import Mapping

from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.rendering.guards import Key
from handbill.rendering.presence import proven_fields
from handbill.rendering.references import Scope
from handbill.rendering.variables import GROUPS, given_names

RESERVED = frozenset({"contact", *GROUPS, "links", "subject", "preheader", "piece", "sequence", "orders", "products"})
"""Names that a `with:` value cannot take."""


def scope_of(
    project: Project,
    campaign: Campaign,
    arm_name: str,
    channel: Channel,
    given: Mapping[str, str],
    more: Mapping[Key, bool],
) -> Scope:
    """The scope of an arm's texts on a channel.

    `given` are the arm's `with:` values, `more` the keys that the channel adds.
    """
    arm = campaign.arms[arm_name]
    sure = proven_fields(project, campaign, channel)
    names = given_names(project, campaign)
    known: dict[Key, bool] = {(name,): name in given for name in names}
    known |= {("contact",): True} | {("contact", name): name in sure for name in project.fields}
    known |= {(group,): True for group in GROUPS} | {(group, name): True for group in GROUPS for name in GROUPS[group]}
    known |= {("offer",): arm.offer is not None, ("campaign", "topic"): campaign.topic is not None}
    known |= more
    reasons = {name: _not_given(arm_name, name) for name in names if name not in given}
    reasons |= {"offer": (f'arm "{arm_name}" has no offer.', "Give it one")}
    reasons |= {"preheader": (f'the e-mail of arm "{arm_name}" has no preheader.', "Add it")}
    return Scope(known, project.fields, reasons, campaign.name)


def _not_given(arm_name: str, name: str) -> tuple[str, str]:
    return f'arm "{arm_name}" gives no value for {name}.', "Add it under with:"
