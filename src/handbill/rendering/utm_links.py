"""Which links of an e-mail get the words of the shop's analytics: once a template, not once a recipient."""

import re
from collections.abc import Callable
from html import escape, unescape

from handbill.rendering.jinja_tags import Tag
from handbill.rendering.mjml import Carried, carrier, carriers
from handbill.rendering.utm import with_words

HREF = re.compile(r"""(<(?:a|area)\b[^>]*?\shref=)("[^"]*"|'[^']*')""", re.IGNORECASE)
"""A link of an HTML: what stands before its address, and the address in its quotes."""
IN_TEXT = re.compile(r"(?:https?://|hbjinja\d{5}z)[^\s<>\"'()\[\]]*", re.IGNORECASE)
"""What may be a link in a plain text."""
AFTER_A_LINK = ".,;:!?"
"""What ends a sentence, and not the link before it."""
_WEBSITE = re.compile(r"\{\{[-+]?\s*brand\.website\s*[-+]?\}\}")
_OWN_PAGE = re.compile(r"\{\{[-+]?\s*links\b")
_HTTP = re.compile(r"\s*https?://", re.IGNORECASE)
_ANY_SCHEME = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def tag_html(html: Carried, words: str, website: str) -> Carried:
    """The links of an HTML, with the words added; those that only a recipient makes whole get a filter.

    The recipient's own pages (`links.…`) and other schemes than http stay as they are.
    """
    if not words:
        return html
    tagging = _Tagging(html, words, website)
    return tagging.carried(HREF.sub(tagging.in_attribute, html.text))


def tag_text(text: Carried, words: str, website: str) -> Carried:
    """The same for a plain text that somebody wrote: for links that are the same for everybody."""
    if not words:
        return text
    tagging = _Tagging(text, words, website)
    return tagging.carried(IN_TEXT.sub(tagging.in_text, text.text))


class _Tagging:
    def __init__(self, carried: Carried, words: str, website: str) -> None:
        self.before = carried
        self.words = words
        self.website = website
        self.tags = list(carried.tags)

    def carried(self, text: str) -> Carried:
        return Carried(text, self.before.front, tuple(self.tags))

    def in_attribute(self, found: re.Match[str]) -> str:
        value = found[2][1:-1]
        made = self._fixed(value, unescape, escape)
        if made is None:
            made = self._filtered(value)
        return f"{found[1]}{found[2][0]}{made}{found[2][0]}"

    def in_text(self, found: re.Match[str]) -> str:
        value = found[0].rstrip(AFTER_A_LINK)
        made = self._fixed(value, str, str)
        return (value if made is None else made) + found[0][len(value) :]

    def _fixed(self, value: str, read: Callable[[str], str], write: Callable[[str], str]) -> str | None:
        """A link that is known now: written out, or behind the brand's website; None for any other."""
        standing = carriers(value)
        if not standing:
            return write(with_words(read(value), self.words))
        word, number = standing[0]
        if len(standing) > 1 or not value.startswith(word) or not _WEBSITE.fullmatch(self.before.tags[number].text):
            return None
        tagged = with_words(self.website + read(value.removeprefix(word)), self.words)
        return word + write(tagged.removeprefix(self.website)) if tagged.startswith(self.website) else None

    def _filtered(self, value: str) -> str:
        standing = carriers(value)
        word, number = standing[0]
        first = self.before.tags[number]
        written = value
        while standing and written.startswith(standing[0][0]):
            written = written.removeprefix(standing.pop(0)[0])
        is_closed = _ANY_SCHEME.match(written) and not _HTTP.match(written)
        if is_closed or (value.startswith(word) and _OWN_PAGE.match(first.text)):
            return value
        opening = self._new(first, f'{{% filter utm("{self.words}") %}}')
        return f"{opening}{value}{self._new(first, '{% endfilter %}')}"

    def _new(self, near: Tag, text: str) -> str:
        self.tags.append(Tag(near.start, near.end, "statement", text))
        return carrier(len(self.tags) - 1)
