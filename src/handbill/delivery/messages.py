"""How a claimed message and its contact's profile become bytes that are ready to leave."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from handbill.channels.contract import Outgoing
from handbill.definitions.campaign import Campaign, email_of
from handbill.definitions.project import Project
from handbill.delivery.labels import labels_of
from handbill.delivery.links import (
    Bearer,
    Page,
    Unsubscribe,
    bounce_address,
    envelope_id,
    preferences_token,
    public_address,
    unsubscribe_mailto,
    unsubscribe_token,
    view_token,
)
from handbill.delivery.outbox import Claimed
from handbill.delivery.providers import email_channel, sending_domain
from handbill.delivery.published import Counting, Publish, links_of
from handbill.errors import NotRenderable, Problem
from handbill.rendering.email import EmailTemplate, Links, RenderedEmail, compile_email
from handbill.rendering.headers import wire_address
from handbill.rendering.library import open_library
from handbill.rendering.mime import Envelope, build_parts
from handbill.rendering.tracked_links import tracking_of
from handbill.tokens import Keys

if TYPE_CHECKING:
    from handbill.rendering.dkim import SigningKey

EVERYTHING = "*"
_LONGEST_SENDER_ID = 15  # of Feedback-ID's last field, by which mailbox providers tell senders apart


def compile_emails(project: Project, campaign: Campaign) -> dict[str, EmailTemplate]:
    """The e-mail of each arm that sends one.

    Raises:
        ProjectInvalid: a template or its words have mistakes; all of them are listed.
    """
    with_email = [name for name, arm in campaign.arms.items() if email_of(campaign, arm)]
    library = open_library(project)
    return {name: compile_email(project, campaign, name, library) for name in with_email}


class Composer:
    """The e-mails of one campaign, compiled once for any number of recipients; signed where a key is given.

    Clicks are counted where `publish` numbers the links; elsewhere, as in proofs, links lead where they lead.

    Raises:
        ProjectInvalid: a template or its words have mistakes; all of them are listed.
    """

    def __init__(
        self,
        project: Project,
        campaign: Campaign,
        keys: Keys,
        signing_key: "SigningKey | None" = None,
        publish: Publish | None = None,
    ) -> None:
        self._signing_key = signing_key
        self._channel = email_channel(project)
        self._domain = sending_domain(self._channel)
        self._campaign = campaign
        self._keys = keys
        self._templates = compile_emails(project, campaign)
        self._replies = {name: self._reply_to(name) for name in self._templates}
        self._counting = self._counted(project, publish) if publish else None

    def compose(self, row: Claimed, profile: Mapping[str, Any], *, before_subject: str = "") -> Outgoing:
        """The message of a row, byte for byte the same at every try. `before_subject` marks proofs.

        Raises:
            NotRenderable: it cannot be made for this recipient.
        """
        rendered = self.render(row, profile)
        if before_subject:
            rendered = replace(rendered, subject=f"{before_subject} {rendered.subject}")
        return self.address(row, rendered)

    def address(self, row: Claimed, rendered: RenderedEmail) -> Outgoing:
        """The message that carries what was rendered for a row.

        Raises:
            NotRenderable: the address is none, or a value cannot stand in a message.
        """
        recipient = wire_address(row.address)
        wish = self._wish(row)
        envelope = Envelope(
            from_=self._channel.from_,
            to=recipient,
            message_id=f"<{row.message_id}>",
            sent_at=row.message_at,
            reply_to=self._replies[row.arm],
            list_unsubscribe=self._list_unsubscribe(wish) if wish else (),
            list_id=f"{self._campaign.topic or self._campaign.name}.{self._domain}",
            feedback_id=self._feedback_id(row),
            bulk=self._campaign.kind != "transactional",
        )
        sender = bounce_address(self._keys, self._domain, row.id)
        return Outgoing(
            sender=sender,
            recipient=recipient,
            pieces=self._pieces(rendered, envelope),
            key=row.idempotency_key,
            labels=labels_of(self._keys, row.id),
            envelope_id=envelope_id(sender),
        )

    def render(self, row: Claimed, profile: Mapping[str, Any]) -> RenderedEmail:
        """What the recipient of a row reads.

        Raises:
            NotRenderable: it cannot be made for this recipient.
        """
        follower = self._counting.of(row.arm, row.id) if self._counting else None
        return self.template(row.arm).render(profile, self._links(row), follower)

    def _counted(self, project: Project, publish: Publish) -> Counting | None:
        """What counts the clicks; None where the project does not."""
        tracking, links = tracking_of(project), self._channel.links
        if tracking is None or links is None:
            return None
        by_person = tracking == "individual"
        trap = project.brand.website if by_person else None
        numbers = publish(list(links_of(self._templates, trap=trap)))
        return Counting(self._keys, links, numbers, by_person=by_person)

    def _pieces(self, rendered: RenderedEmail, envelope: Envelope) -> tuple[bytes, ...]:
        head, body = build_parts(rendered, envelope)
        if self._signing_key is None:
            return head, *body
        from handbill.rendering.dkim import signature_of  # noqa: PLC0415 - loads cryptography, which few need to send

        return signature_of(head, body, self._signing_key, envelope.sent_at), head, *body

    def _reply_to(self, arm_name: str) -> str | None:
        content = email_of(self._campaign, self._campaign.arms[arm_name])
        return (content.reply_to if content else None) or self._channel.reply_to

    def template(self, arm: str) -> EmailTemplate:
        """The e-mail of an arm.

        Raises:
            NotRenderable: it sends none any more.
        """
        if arm not in self._templates:
            what = f"the arm {arm} of {self._campaign.name} has no e-mail any more."
            raise NotRenderable(Problem("campaigns.yaml", what=what, mend="Restore it, or cancel the run."))
        return self._templates[arm]

    def _wish(self, row: Claimed) -> Unsubscribe | None:
        """What the recipient of marketing can say at any time: no more of this."""
        if self._campaign.kind != "marketing":
            return None
        return Unsubscribe(row.contact_id, row.id, self._campaign.topic or EVERYTHING)

    def _list_unsubscribe(self, wish: Unsubscribe) -> tuple[str, ...]:
        mailto = unsubscribe_mailto(self._keys, self._domain, wish)
        return (mailto,) if self._channel.links is None else (self._page_of(wish, self._channel.links), mailto)

    def _page_of(self, wish: Unsubscribe, links: str) -> str:
        return public_address(links, Page.UNSUBSCRIBE, unsubscribe_token(self._keys, wish))

    def _links(self, row: Claimed) -> Links:
        """The recipient's own pages; without a web service, a mail that unsubscribes."""
        wish, links = self._wish(row), self._channel.links
        if links is None:
            return Links(unsubscribe_mailto(self._keys, self._domain, wish) if wish else None)
        bearer = Bearer(row.contact_id, row.id)
        return Links(
            unsubscribe=self._page_of(wish, links) if wish else None,
            preferences=public_address(links, Page.PREFERENCES, preferences_token(self._keys, bearer)),
            view_online=public_address(links, Page.VIEW, view_token(self._keys, bearer)),
        )

    def _feedback_id(self, row: Claimed) -> str:
        """Campaign, arm and topic, nothing about the person."""
        sender = self._domain.replace(".", "-")[-_LONGEST_SENDER_ID:]
        return f"{self._campaign.name}:{row.arm}:{self._campaign.topic or self._campaign.kind}:{sender}"
