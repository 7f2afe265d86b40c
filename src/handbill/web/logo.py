"""The brand's logo, written into the pages that show it."""

import base64
import logging
from functools import cache
from pathlib import Path

from handbill.definitions.logo import UnfitLogo, read_logo
from handbill.definitions.project import Project

LOGGER = logging.getLogger("handbill.web")


def logo_of(project: Project) -> str:
    """The picture as the address of an `<img>`; empty where the brand has none, so that its name stands there."""
    return _written(project.root, project.brand.logo) if project.brand.logo else ""


@cache
def _written(root: Path, name: str) -> str:
    try:
        logo = read_logo(root, name)
    except UnfitLogo as unfit:  # it was there when the service started; nobody's wish waits for a picture
        LOGGER.warning("the logo is not shown: %s", unfit.args[0])
        return ""
    return f"data:{logo.kind};base64,{base64.b64encode(logo.content).decode()}"
