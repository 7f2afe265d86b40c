"""Templates for print, small enough to have one fault each, and people to fill them in for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handbill.definitions.project import Project
from handbill.rendering.print import MailTemplate, PieceInput, compile_mail
from tests.rendering.projects import make_project

STARTER = Path(__file__).parents[2] / "templates" / "mail"
ADDRESS = ("Eleanor Whitcombe", "18 Upper Orchard Road", "SHEFFIELD", "S10 2TN")
CSS = """
    body { margin: 0; font-family: "DejaVu Sans" }
    .address { position: absolute; left: 25mm; top: 57mm; width: 75mm; height: 22mm; font: 9pt/3.6mm "DejaVu Sans" }
    .body { position: absolute; left: 25mm; top: 100mm; width: 160mm; font-size: 10pt }
"""
ADDRESS_BLOCK = (
    '<div class="address" data-zone="address">{% for line in piece.address_lines %}{{ line }}<br>{% endfor %}</div>'
)


def letter_html(
    body: str = "", css: str = "", *, address: str = ADDRESS_BLOCK, pages: str = "1", base_css: str = CSS
) -> str:
    """A letter without mistakes, but for what the arguments bring."""
    return f"""<!doctype html>
<html><head>
<meta name="handbill-pages" content="{pages}">
<style>{base_css}{css}</style>
</head><body>
{address}
<div class="body">{body}<p>{{{{ brand.postal_address }}}}</p></div>
</body></html>
"""


def mail_project(
    root: Path, html: str, *, format_: str = "letter", files: Mapping[str, str] = {}, **arm: Any
) -> Project:
    """A project whose arm `post` sends the template."""
    arms = {
        "nothing": {"share": "50%", "holdout": "true"},
        "post": {"share": "50%", "direct_mail": {"template": "piece", "format": format_}, **arm},
    }
    templates = {"mail/piece.html": html, **{f"mail/{name}": text for name, text in files.items()}}
    return make_project(root, templates, arms=arms, email=None)


def compiled(root: Path, html: str, **options: Any) -> MailTemplate:
    """The template, ready to be filled in."""
    project = mail_project(root, html, **options)
    return compile_mail(project, project.campaigns["spring-sale"], "post")


def piece(
    sequence: int = 1,
    *,
    address: tuple[str, ...] = ADDRESS,
    code: str | None = "7KD4MWRVT",
    first_name: str | None = "Eleanor",
    last_name: str = "Whitcombe",
    language: str | None = None,
) -> PieceInput:
    """One recipient, N-1, N-2…"""
    profile = {
        "external_id": f"N-{sequence}", "first_name": first_name, "last_name": last_name, "postcode": "S10 2TN",
        "language": language,
    }  # fmt: skip
    return PieceInput(profile, address, code, sequence)


def starter_files() -> dict[str, str]:
    """What the starter's templates for print consist of."""
    return {path.name: path.read_text(encoding="utf-8") for path in STARTER.iterdir()}
