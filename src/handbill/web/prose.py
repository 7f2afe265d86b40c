"""How sentences that name commands stand on pages."""

from markupsafe import Markup, escape


def marked(text: str) -> Markup:
    """What stands between backticks is code.

    >>> marked("Run `handbill plan <name>`.")
    Markup('Run <code>handbill plan &lt;name&gt;</code>.')
    """
    code = Markup("<code>{}</code>")
    parts = (code.format(each) if place % 2 else escape(each) for place, each in enumerate(text.split("`")))
    return Markup("").join(parts)
