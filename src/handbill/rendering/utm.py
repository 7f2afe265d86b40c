"""What is added to links, so that the shop's own analytics tell campaigns and arms apart."""

import re
from html import unescape
from urllib.parse import quote

from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import escape

from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project

_HTTP = re.compile(r"https?://", re.IGNORECASE)


def utm_words(project: Project, campaign: Campaign, arm_name: str) -> str:
    """What the links of an arm's e-mail get, such as `utm_source=handbill&utm_medium=email`; "" where none is set."""
    channel = project.channels.email
    if channel is None or channel.utm is None:
        return ""
    words = {"source": channel.utm.source, "medium": channel.utm.medium, "campaign": campaign.name, "content": arm_name}
    return "&".join(f"utm_{name}={quote(value, safe='')}" for name, value in words.items())


def with_words(address: str, words: str) -> str:
    """An address with the words in its query. Any of them that it has already stays as it is; so does its fragment.

    >>> with_words("https://shop.example/spring?page=2#top", "utm_source=handbill&utm_medium=email")
    'https://shop.example/spring?page=2&utm_source=handbill&utm_medium=email#top'
    """
    if not words or not _HTTP.match(address):
        return address
    rest, mark, fragment = address.partition("#")
    path, asks, query = rest.partition("?")
    present = {each.partition("=")[0].lower() for each in query.split("&")}
    new = [word for word in words.split("&") if word.partition("=")[0] not in present]
    whole = "&".join([*([query] if query else []), *new])
    return f"{path}{'?' if asks or whole else ''}{whole}{mark}{fragment}"


@pass_eval_context
def tag_address(context: EvalContext, address: str, words: str) -> str:
    """The filter `utm`, for links that are whole only when their recipient is known."""
    if not context.autoescape:
        return with_words(address, words)
    return escape(with_words(unescape(str(address)).strip(), words))
