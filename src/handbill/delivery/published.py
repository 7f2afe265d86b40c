"""Where the links of a campaign lead, fixed before its first message leaves, and the addresses that count clicks."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select

from handbill.definitions.campaign import Campaign, mail_of
from handbill.definitions.project import Project
from handbill.delivery.links import Page, public_address
from handbill.rendering.email import EmailTemplate
from handbill.rendering.qr import CODE_PATH
from handbill.store.inserts import insert_into
from handbill.store.tables import link
from handbill.tokens import Keys, packed, signer


@dataclass(frozen=True)
class Listed:
    """One link of a campaign: where it stands, and where it leads. In a target, `{code}` stands for a piece's code."""

    arm: str
    language: str
    position: int
    kind: Literal["fixed", "personal", "trap", "code"]
    target: str


Publish = Callable[[Sequence[Listed]], Mapping[Listed, int]]
"""Answers the number of each link."""

_LONGEST_NUMBER = 9_999_999


def publish(connection: Connection, campaign: str, links: Sequence[Listed], *, now: datetime) -> dict[Listed, int]:
    """Numbers for links, which lead there for good; a link that was published before keeps its number."""
    if not links:
        return {}
    digests = {_digest(campaign, each): each for each in links}
    rows = [{"digest": digest, "campaign": campaign, "made_at": now, **vars(each)} for digest, each in digests.items()]
    connection.execute(insert_into(connection, link).values(rows).on_conflict_do_nothing())
    found = connection.execute(select(link.c.digest, link.c.id).where(link.c.digest.in_(sorted(digests))))
    return {digests[digest]: number for digest, number in found.tuples()}


def unpublished(links: Sequence[Listed]) -> dict[Listed, int]:
    """Numbers as long as any will be, for messages that never leave."""
    return dict.fromkeys(links, _LONGEST_NUMBER)


def links_of(templates: Mapping[str, EmailTemplate], *, trap: str | None) -> Iterator[Listed]:
    """All links that are counted in the e-mails of some arms; `trap` is where the link leads that no person sees."""
    for arm, template in templates.items():
        for language in template.languages:
            targets = template.tracked(language).targets
            for at, each in enumerate(targets):
                if each.counted:
                    yield Listed(arm, language, at, each.kind, each.address)
            if trap is not None:
                yield Listed(arm, language, len(targets), "trap", trap)


def codes_of(project: Project, campaign: Campaign) -> Iterator[Listed]:
    """Where the printed codes of each arm that sends post lead."""
    for name, arm in campaign.arms.items():
        content = mail_of(campaign, arm)
        if content:
            yield Listed(name, "", 0, "code", _landing(project, content.landing))


def _landing(project: Project, page: str | None) -> str:
    if page is None:
        return f"{project.brand.website.rstrip('/')}{CODE_PATH}{{code}}"
    address, mark, fragment = page.partition("#")
    return f"{address}{'&' if '?' in address else '?'}code={{code}}{mark}{fragment}"


class Counting:
    """Makes the addresses that count a campaign's clicks. Without `by_person` they are the same for everybody."""

    def __init__(self, keys: Keys, links: str, numbers: Mapping[Listed, int], *, by_person: bool) -> None:
        self._sign, self._sign_open = signer(keys, Page.CLICK), signer(keys, Page.OPEN)
        self._links = links
        self._before = public_address(links, Page.CLICK, "")
        self._by_person = by_person
        self._packed: dict[tuple[str, str], list[bytes]] = {}
        self._traps: dict[tuple[str, str], bytes] = {}
        for each, number in numbers.items():
            place = each.arm, each.language
            if each.kind == "trap":
                self._traps[place] = packed((number,))
            else:
                listed = self._packed.setdefault(place, [])
                listed += [b""] * (each.position + 1 - len(listed))
                listed[each.position] = packed((number,))
        self._of_everybody: dict[tuple[str, str], list[str]] = {}

    def of(self, arm: str, outbox_id: int) -> "MessageLinks":
        """Those of one message."""
        return MessageLinks(self, arm, outbox_id if self._by_person else 0)

    def addresses(self, arm: str, language: str, outbox_id: int) -> list[str]:
        """One for each link of a template that is counted, in their order; "" for the others."""
        place = arm, language
        if not outbox_id and place in self._of_everybody:
            return self._of_everybody[place]
        message, sign, before = packed((outbox_id,)), self._sign, self._before
        made = [before + sign(number + message) if number else "" for number in self._packed.get(place, ())]
        if not outbox_id:
            self._of_everybody[place] = made
        return made

    def personal(self, arm: str, language: str, number: int, target: str, outbox_id: int) -> str:
        """The address that leads to a target which stands in its token."""
        link_number = self._packed[arm, language][number]
        return self._before + self._sign(link_number + packed((outbox_id,)) + target.encode())

    def tail(self, arm: str, language: str, outbox_id: int) -> str:
        """A picture of one dot, and a link that only machines find: hidden from eyes, keyboards and screen readers.

        Nothing where nobody is to be known: one picture for all would count whoever looks twice as two.
        """
        if not self._by_person:
            return ""
        message = packed((outbox_id,))
        dot = public_address(self._links, Page.OPEN, self._sign_open(message))
        trap = self._before + self._sign(self._traps[arm, language] + message)
        return (
            f'<img src="{dot}" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px">'
            f'<a href="{trap}" aria-hidden="true" tabindex="-1" style="display:none"></a>'
        )


@dataclass(frozen=True)
class MessageLinks:
    """The addresses in one message, by the language of its template."""

    counting: Counting
    arm: str
    outbox_id: int

    def addresses(self, language: str) -> Sequence[str]:
        """One for each link that is counted."""
        return self.counting.addresses(self.arm, language, self.outbox_id)

    def personal(self, language: str, number: int, target: str) -> str:
        """The address that leads to a target which is whole now."""
        return self.counting.personal(self.arm, language, number, target, self.outbox_id)

    def tail(self, language: str) -> str:
        """HTML for the end of the mail."""
        return self.counting.tail(self.arm, language, self.outbox_id)


def _digest(campaign: str, each: Listed) -> str:
    parts: Iterable[object] = (campaign, *astuple(each))
    return hashlib.sha256(json.dumps([*parts]).encode()).hexdigest()
