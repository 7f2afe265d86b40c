"""The file that somebody gets with all that is held about them: a page to read, and the same for programs."""

import io
import json
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from handbill.definitions.policy import Brand
from handbill.operations.page_words import Words

READABLE, FOR_PROGRAMS = "my-data.html", "my-data.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest moment that an archive can hold: when the data was taken stands in it."""


def as_archive(data: Mapping[str, Any], words: Words, brand: Brand) -> bytes:
    """A ZIP file with both. The page is in the reader's language; the names of the parts are those of the program."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(READABLE, _EPOCH), _page().render(data=data, words=words, brand=brand))
        text = json.dumps(data, ensure_ascii=False, indent=2)
        archive.writestr(zipfile.ZipInfo(FOR_PROGRAMS, _EPOCH), text + "\n")
    return made.getvalue()


@cache
def _page() -> Template:
    text = files("handbill.operations").joinpath("words", "data.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["named"] = lambda name: str(name).replace("_", " ").capitalize()
    return environment.from_string(text)
