"""Which links of an e-mail are counted: found once a template, so that only a token differs from one mail to the next.

In their places stand names that no template can write; what they are for a recipient is given to `render`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any, Literal
from urllib.parse import urlsplit

from jinja2 import TemplateError
from jinja2.meta import find_undeclared_variables
from markupsafe import escape

from handbill.definitions.project import Project
from handbill.errors import NotRenderable
from handbill.rendering.compiled import compile_text
from handbill.rendering.environment import TemplateEnvironment
from handbill.rendering.following import TAIL, Kind, Target, name_of
from handbill.rendering.jinja_tags import Tag
from handbill.rendering.mjml import Carried, JinjaText, carrier, carriers
from handbill.rendering.utm_links import AFTER_A_LINK, HREF, IN_TEXT

_HTTP = re.compile(r"https?://", re.IGNORECASE)
_WEBSITE = re.compile(r"\{\{[-+]?\s*brand\.website\s*[-+]?\}\}")
_OPENINGS = re.compile(r"(?:\s*\{%.*?%\})*\s*", re.DOTALL)
"""What may stand before an address: the filter of the analytics' words, or a condition."""
_HOST = re.compile(r"(https?://[^/?#\s{}<>\"']+)[/?#]", re.IGNORECASE)
_NAMES_NAMES = re.compile(r"\{%[-+]?\s*(?:set|for|macro|call|with|import|from)\b")
_WORD = re.compile(r"[A-Za-z_]\w*")


Link = tuple[Kind, str]
"""What stood where a link was: its kind, and its text with Jinja."""
FIXED = ("brand", "campaign", "arm", "offer")
"""Names whose values are the same for everybody who gets an arm, besides those that it gives itself."""


@dataclass(frozen=True)
class Found:
    """A text with names where its links were, and what stood there."""

    carried: Carried
    links: tuple[Link, ...] = ()


def tracking_of(project: Project) -> Literal["individual", "aggregate"] | None:
    """What is kept of opens and clicks; None where nothing is, or where no web service would hear of them."""
    channel = project.channels.email
    if channel is None or channel.links is None or channel.tracking == "off":
        return None
    return channel.tracking


def track_html(html: Carried, environment: TemplateEnvironment, fixed: Iterable[str]) -> Found:
    """The links of an HTML. `fixed` are the names whose values are the same for everybody who gets an arm."""
    finding = _Finding(html, environment, frozenset(fixed), 0)
    return finding.found(HREF.sub(finding.in_attribute, html.text))


def track_text(text: Carried, environment: TemplateEnvironment, first: int) -> Found:
    """The links of a plain text that somebody wrote, which are the same for everybody; numbered from `first`."""
    finding = _Finding(text, environment, frozenset({"brand"}), first)
    return finding.found(IN_TEXT.sub(finding.in_text, text.text))


def with_tail(html: Carried) -> Carried:
    """The HTML with a place for what the end of the mail holds."""
    word, tags = carrier(len(html.tags)), (*html.tags, Tag(0, 0, "expression", f"{{{{ {TAIL} }}}}"))
    before, body, after = html.text.rpartition("</body>")
    return Carried(f"{before}{word}{body}{after}" if body else after + word, html.front, tags)


def targets_of(links: Iterable[Link], environment: TemplateEnvironment, base: Mapping[str, Any]) -> tuple[Target, ...]:
    """Where the links lead for an arm, whose fixed values are in `base`."""
    return tuple(
        Target("personal", text) if kind == "personal" else _target(text, environment, base) for kind, text in links
    )


def hosts_of(targets: Iterable[Target], website: str) -> frozenset[str]:
    """The hosts to which a personal link may lead: those that the template, and not a recipient's value, decides."""
    written = [_WEBSITE.sub(website, _OPENINGS.sub("", each.address, count=1)) for each in targets]
    # Without Jinja in it, an address may end with its host.
    heads = [_HOST.match(address if "{" in address else f"{address}/") for address in written]
    hosts = {urlsplit(found[1]).netloc.lower() for found in heads if found}
    return frozenset({urlsplit(website).netloc.lower(), *hosts})


def _target(text: str, environment: TemplateEnvironment, base: Mapping[str, Any]) -> Target:
    try:
        written = compile_text(environment, "link.html", JinjaText(text, {})).with_base(base).render({})
    except NotRenderable:  # a value that this arm does not give; where it is asked for all the same, that is an error
        return Target("fixed", "", counted=False)
    address = unescape(written).strip()
    return Target("fixed", address, counted=bool(_HTTP.match(address)))


class _Finding:
    """Goes through one text, and puts names in place of links."""

    def __init__(self, before: Carried, environment: TemplateEnvironment, fixed: frozenset[str], first: int) -> None:
        self.before = before
        self.environment = environment
        self.first = first
        self.tags = list(before.tags)
        self.links: list[Link] = []
        naming = " ".join(tag.text for tag in before.tags if _NAMES_NAMES.match(tag.text))
        # A name that the template gives to something else is not what it is called any more.
        self.fixed = fixed - set(_WORD.findall(naming))

    def found(self, text: str) -> Found:
        return Found(Carried(text, self.before.front, tuple(self.tags)), tuple(self.links))

    def in_attribute(self, found: re.Match[str]) -> str:
        value, quote = found[2][1:-1], found[2][0]
        return f"{found[1]}{quote}{self._instead(value, value)}{quote}"

    def in_text(self, found: re.Match[str]) -> str:
        value = found[0].rstrip(AFTER_A_LINK)
        standing = carriers(value)
        is_link = _HTTP.match(value) or (standing and _WEBSITE.fullmatch(self.tags[standing[0][1]].text))
        # What a text writes is no HTML; an address with & in it is looked at as if it were.
        made = self._instead(value, str(escape(value)), fixed_only=True) if is_link else value
        return made + found[0][len(value) :]

    def _instead(self, value: str, as_html: str, *, fixed_only: bool = False) -> str:
        standing = [number for _, number in carriers(value)]
        whole = self._restored(as_html)
        kind = self._kind(whole, value, standing)
        if kind is None or (fixed_only and kind == "personal"):
            return value
        number = self.first + len(self.links)
        self.links.append((kind, whole))
        start, end = (self.tags[standing[0]].start, self.tags[standing[0]].end) if standing else (0, 0)
        if kind == "fixed":
            return self._new(Tag(start, end, "expression", f"{{{{ {name_of(number)} }}}}"))
        opening = self._new(Tag(start, end, "statement", f"{{% filter tracked({number}) %}}"))
        return f"{opening}{value}{self._new(Tag(start, end, 'statement', '{% endfilter %}'))}"

    def _kind(self, whole: str, value: str, standing: Sequence[int]) -> Kind | None:
        if not standing:
            return "fixed" if _HTTP.match(value.strip()) else None
        try:
            names = find_undeclared_variables(self.environment.parse(whole))
        except TemplateError:
            return None
        if "links" in names:
            return None
        if names <= self.fixed:
            return "fixed"
        head = value.strip()
        is_closed = not head.startswith(carrier(standing[0])) and not _HTTP.match(head)
        return None if is_closed else "personal"

    def _restored(self, text: str) -> str:
        for word, number in carriers(text):
            text = text.replace(word, self.tags[number].text)
        return text

    def _new(self, tag: Tag) -> str:
        self.tags.append(tag)
        return carrier(len(self.tags) - 1)
