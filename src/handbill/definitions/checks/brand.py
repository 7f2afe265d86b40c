"""Whether pages can show the brand as it is declared: its logo."""

from collections.abc import Iterator
from pathlib import Path

from handbill.definitions.findings import Finding
from handbill.definitions.logo import UnfitLogo, read_logo
from handbill.definitions.policy import Brand


def check_brand(root: Path, brand: Brand | None) -> Iterator[Finding]:
    """What is wrong with the file of the logo."""
    if brand is None or brand.logo is None:
        return
    try:
        read_logo(root, brand.logo)
    except UnfitLogo as unfit:
        yield Finding(("logo",), *unfit.args)
