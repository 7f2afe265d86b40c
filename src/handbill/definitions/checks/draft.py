"""As much of a campaign as could be read, so that one mistake does not hide the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from handbill.definitions.campaign import (
    Arm,
    Audience,
    Channel,
    EmailContent,
    Goal,
    LayerSlot,
    MailContent,
    Primary,
    Schedule,
    merged,
)
from handbill.definitions.findings import Path
from handbill.definitions.validation import part
from handbill.definitions.yaml import Items, Keys, Text, Tree, at

WHOLE = "all"
"""Name of the one arm of a campaign without an experiment."""


@dataclass(frozen=True)
class Draft:
    """A campaign as written, and those of its parts that are right in themselves; the others are None or left out."""

    name: str
    written: Tree
    audience: Audience | None
    schedule: Schedule | None
    goal: Goal | None
    primary: Primary | None
    layer: LayerSlot | None
    email: EmailContent | None
    direct_mail: MailContent | None
    arms: Mapping[str, Arm]
    arm_names: tuple[str, ...]

    @property
    def is_experiment(self) -> bool:
        """Whether arms are compared."""
        return self.has("experiment")

    @property
    def unit(self) -> str:
        """What is drawn: contact or household."""
        return self.text("experiment", "unit") or "contact"

    @property
    def sending_arms(self) -> list[str]:
        """The readable arms that are sent something."""
        return [name for name, arm in self.arms.items() if not arm.holdout]

    @property
    def every_arm_is_read(self) -> bool:
        """Whether all arms that are written could be read."""
        return tuple(self.arms) == self.arm_names

    def has(self, *path: str | int) -> bool:
        """Whether something stands at the path, right or wrong."""
        above = at(self.written, *path[:-1])
        return isinstance(above, Keys) and path[-1] in above.places

    def text(self, *path: str | int) -> str | None:
        """The single value at the path."""
        found = at(self.written, *path)
        return found.text if isinstance(found, Text) else None

    def texts(self, *path: str | int) -> list[str]:
        """The texts of the list at the path."""
        found = at(self.written, *path)
        return [item.text if isinstance(item, Text) else "" for item in found.items] if isinstance(found, Items) else []

    def path_of(self, arm: str) -> Path:
        """Where the arm stands in the campaign."""
        return ("experiment", "arms", arm) if self.is_experiment else ()

    def arms_on(self, channel: Channel) -> list[str]:
        """The readable arms that use the channel."""
        return [name for name, arm in self.arms.items() if getattr(arm, channel) is not None]

    def email_of(self, arm: str) -> EmailContent | None:
        """What the arm's e-mail says; None when it sends none, or what all arms share cannot be read."""
        unreadable = self.email is None and self.has("email")
        return None if unreadable else merged(self.email, self.arms[arm].email)

    def mail_of(self, arm: str) -> MailContent | None:
        """What the arm's printed piece says; None when it sends none, or what all arms share cannot be read."""
        unreadable = self.direct_mail is None and self.has("direct_mail")
        return None if unreadable else merged(self.direct_mail, self.arms[arm].direct_mail)


def read_draft(name: str, written: Tree) -> Draft:
    """The parts of a campaign, each read by itself."""
    email = part(EmailContent, at(written, "email"))
    direct_mail = part(MailContent, at(written, "direct_mail"))
    arms = _arms(at(written, "experiment", "arms"))
    if not (isinstance(written, Keys) and "experiment" in written.places):
        arms = {WHOLE: Arm(share=Decimal(1), email=email, direct_mail=direct_mail)}
    return Draft(
        name=name,
        written=written,
        audience=part(Audience, at(written, "audience")),
        schedule=part(Schedule, at(written, "schedule")),
        goal=part(Goal, at(written, "goal")),
        primary=part(Primary, at(written, "experiment", "primary")),
        layer=part(LayerSlot, at(written, "experiment", "layer")),
        email=email,
        direct_mail=direct_mail,
        arms={arm: found for arm, found in arms.items() if found is not None},
        arm_names=tuple(arms),
    )


def _arms(written: Tree | None) -> dict[str, Arm | None]:
    return {name: part(Arm, tree) for name, tree in written.values.items()} if isinstance(written, Keys) else {}
