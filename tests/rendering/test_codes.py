"""A printed code opens the page that counts the scan, or without one the website."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handbill.definitions.policy import Channels, DirectMailChannel
from handbill.rendering.print import compile_mail
from tests.rendering.mail import letter_html, mail_project, piece

LINKS = {"links": "https://go.example/"}


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ({}, "https://shop.example/r/7KD4MWRVT"),
        (LINKS, "https://go.example/s/7KD4MWRVT"),
        ({**LINKS, "tracking": "aggregate"}, "https://go.example/s/7KD4MWRVT"),
        ({**LINKS, "tracking": "off"}, "https://shop.example/r/7KD4MWRVT"),
    ],
)
def test_a_piece_shows_its_address_and_its_code_leads_there(
    tmp_path: Path, channel: dict[str, Any], address: str
) -> None:
    project = mail_project(tmp_path, letter_html("<p class=u>{{ piece.url }}</p>{{ piece.qr }}"))
    post = DirectMailChannel.model_validate(channel)
    project = replace(project, channels=Channels(email=project.channels.email, direct_mail=post))
    html = compile_mail(project, project.campaigns["spring-sale"], "post").write(piece())
    assert f"<p class=u>{address}</p>" in html
