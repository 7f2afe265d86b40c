"""A small project with templates, written below a folder of the test's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handbill.definitions.fields import contact_fields
from handbill.definitions.project import Project, ProjectFile
from handbill.definitions.segment import Segment

ARMS = {
    "nothing": {"share": "10%", "holdout": "true"},
    "plain": {"share": "45%", "email": {"subject": "Spring is here"}},
    "discount": {
        "share": "45%",
        "email": {"subject": "15% off, {{ contact.first_name | default('friend') }}", "with": {"code": "SPRING15"}},
        "offer": {"discount": "15%"},
    },
}


def make_project(
    root: Path,
    templates: Mapping[str, str] = {},
    *,
    arms: Mapping[str, Any] = ARMS,
    segments: Mapping[str, Segment] = {},
    channel: Mapping[str, Any] = {},
    email_of_all: Mapping[str, Any] = {},
    languages: Mapping[str, Any] = {},
    **campaign: Any,
) -> Project:
    """A project with one campaign, `spring-sale`; `templates` are files below templates/ by name.

    `channel` is added to how e-mail leaves, `email_of_all` to what its e-mails share, `campaign` to the campaign.
    """
    for name, text in templates.items():
        path = root / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    read = ProjectFile.model_validate(
        {
            "brand": {
                "name": "Northwind & Sons",
                "postal_address": "1 Harbour Street, Whitby YO21 1AA, United Kingdom",
                "website": "https://shop.example",
            },
            "timezone": "Europe/London",
            "currency": "GBP",
            "fields": {"loyalty_points": "integer", "tier": "text", "birthday": "date", "joined": "time"},
            "topics": {"offers": "Offers and news"},
            "channels": {"email": {"from": "Northwind <news@northwind.example>", "host": "127.0.0.1", **channel}},
            "languages": languages,
            "campaigns": {
                "spring-sale": {
                    "name": "spring-sale",
                    "topic": "offers",
                    "audience": {"include": ["everyone"]},
                    "schedule": {"at": "2026-12-01 09:00"},
                    "email": {"template": "spring", **email_of_all},
                    "goal": {"event": "order", "within": "14 days"},
                    "experiment": {
                        "hypothesis": "The discount brings more than it costs.",
                        "salt": "spring",
                        "arms": arms,
                        "control": "nothing",
                        "primary": {"metric": "conversion"},
                    },
                    **campaign,
                }
            },
        }
    )
    return Project(
        root=root,
        brand=read.brand,
        timezone=read.timezone,
        currency=read.currency,
        fields=contact_fields(read.fields),
        topics=read.topics,
        channels=read.channels,
        policies=read.policies,
        campaigns=read.campaigns,
        segments=segments,
        languages=read.languages,
    )


def mjml(body: str, head: str = "") -> str:
    """A whole template around elements of the body."""
    return f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"


def column(content: str) -> str:
    """One section with one column around its content."""
    return f"<mj-section><mj-column>{content}</mj-column></mj-section>"


FOOTER = column('<mj-text><a href="{{ links.unsubscribe }}">Unsubscribe</a> {{ brand.postal_address }}</mj-text>')
"""What every marketing e-mail has to show."""


PREVIEW = "<mj-preview>{{ preheader | default(subject) }}</mj-preview>"


def mail(content: str, head: str = PREVIEW) -> str:
    """A whole marketing e-mail around the content of a column."""
    return mjml(column(content) + FOOTER, head)


def cases(name: str) -> list[tuple[str, list[str]]]:
    """Texts and what is said about each, out of a file: blocks of lines, after a paragraph of explanation."""
    _, *blocks = (Path(__file__).parent / name).read_text(encoding="utf-8").strip().split("\n\n")
    return [(text.replace("\\n", "\n"), expected) for text, *expected in (block.split("\n") for block in blocks)]
