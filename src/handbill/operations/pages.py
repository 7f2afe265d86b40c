"""How what the commands show is laid out: the layout of plans, for every command that shows a page."""

from handbill.planning.layout import Page, as_markdown, as_text, lines_of

__all__ = ["Page", "as_markdown", "as_text", "lines_of"]
