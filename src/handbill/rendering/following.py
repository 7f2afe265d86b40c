"""What stands in an e-mail where its links were, and what that becomes for one recipient."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

Kind = Literal["fixed", "personal"]
TAIL = "hbtail"
"""What stands at the end of an HTML: the picture that is fetched when the mail is shown, and the link for machines."""

_FOLLOW = "hbfollow"
_CLICK = "hbclick"
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_UNFIT = re.compile(r"[\s\x00-\x20\x7f<>\"\\]")
"""What no address holds; whoever puts it there wants it to be read in two ways."""


@dataclass(frozen=True)
class Target:
    """Where a link leads. A personal one is whole only for a recipient: its address is what the template says.

    One that is not `counted` leads elsewhere than to a web page, or is not there in this arm.
    """

    kind: Kind
    address: str
    counted: bool = True


class Follower(Protocol):
    """The addresses by which one recipient's clicks are counted, by the language of the template."""

    def addresses(self, language: str) -> Sequence[str]:
        """One for each target of the template, in their order; those of personal ones are not used."""

    def personal(self, language: str, number: int, target: str) -> str:
        """The address that leads to a target which is whole now."""

    def tail(self, language: str) -> str:
        """HTML for the end of the mail."""


@dataclass(frozen=True)
class Tracked:
    """The links of one template for an arm, and the hosts to which its personal ones may lead."""

    targets: tuple[Target, ...] = ()
    hosts: frozenset[str] = frozenset()


def untracked_values(tracked: Tracked, missing: Callable[[str], Any]) -> dict[str, Any]:
    """What the names stand for where nothing is counted: the targets themselves."""
    shown = {name_of(at): each.address or missing("this link") for at, each in enumerate(tracked.targets)}
    return {**shown, TAIL: "", _FOLLOW: None}


def tracked_values(tracked: Tracked, follower: Follower, language: str) -> dict[str, Any]:
    """What they stand for in one recipient's mail."""
    addresses = follower.addresses(language)
    values: dict[str, Any] = {
        name_of(at): addresses[at] for at, each in enumerate(tracked.targets) if each.counted and each.kind == "fixed"
    }

    def personal(number: int, target: str) -> str:
        return follower.personal(language, number, target) if _may_follow(target, tracked.hosts) else target

    return {**values, TAIL: Markup(follower.tail(language)), _FOLLOW: personal}  # noqa: S704 - made of our own tokens


def name_of(number: int) -> str:
    """The name that stands in the place of a link."""
    return f"{_CLICK}{number}"


@pass_context
def follow(context: Context, address: Any, number: int) -> Any:
    """The filter `tracked`, for links that are whole only when their recipient is known."""
    is_html = context.eval_ctx.autoescape
    target = (unescape(str(address)) if is_html else str(address)).strip()
    made: Callable[[int, str], str] | None = context.parent.get(_FOLLOW)
    if made is not None and _HTTP.match(target) and not _UNFIT.search(target):
        target = made(number, target)
    return escape(target) if is_html else target


def _may_follow(target: str, hosts: frozenset[str]) -> bool:
    """Whether the host is one that the template decides: or else whoever fills a field of theirs would lead others."""
    return urlsplit(target).netloc.lower() in hosts
