"""What previewed messages look like: pages of printed pieces, and e-mails on a desk, on a phone and in the dark."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
from PIL import Image, ImageChops

DPI = 144
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = (
    "There are no pictures of the e-mails, because this machine has no Chromium. "
    "Install it, such as by `apt-get install chromium`."
)
VIEWS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("desk", 700, ()),
    ("phone", 390, ()),
    ("dark", 700, ("--force-dark-mode",)),
)
"""Name of each picture of an e-mail, how many pixels it is wide, and what the browser is told besides."""
_HEIGHT = 4_000
_SECONDS = 60


def page_pictures(pdf: Path) -> Iterator[Path]:
    """Writes a PNG beside the PDF for each of its pages."""
    with pypdfium2.PdfDocument(pdf) as document:
        for number in range(len(document)):
            path = pdf.with_name(f"{pdf.stem}-{number + 1}.png")
            document[number].render(scale=DPI / 72).to_pil().save(path)
            yield path


def browser() -> str | None:
    """A Chromium of this machine; None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def mail_pictures(program: str, html: Path) -> Iterator[Path]:
    """Writes a PNG of the e-mail for each of the views; none where the browser does not get it done."""
    for name, width, options in VIEWS:
        path = html.with_name(f"{html.stem}-{name}.png")
        with tempfile.TemporaryDirectory() as profile:
            command = [
                program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *options,
                f"--user-data-dir={profile}", f"--window-size={width},{_HEIGHT}", f"--screenshot={path}",
                html.resolve().as_uri(),
            ]  # fmt: skip
            try:
                subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)  # noqa: S603 - our own words
            except (subprocess.SubprocessError, OSError):
                return
        _crop(path)
        yield path


def _crop(path: Path) -> None:
    """Cuts off the empty part below the e-mail."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    ground = Image.new("RGB", picture.size, picture.getpixel((picture.width - 1, picture.height - 1)))
    written = ImageChops.difference(picture, ground).getbbox()
    if written:
        picture.crop((0, 0, picture.width, min(written[3] + 24, picture.height))).save(path)
