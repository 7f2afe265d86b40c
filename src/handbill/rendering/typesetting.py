"""Whether this machine can set type: WeasyPrint's system libraries, and the command that installs them."""

import contextlib
import io
import sys
import warnings
from functools import cache
from typing import Any

from handbill.errors import SetupIncomplete

DEBIAN_PACKAGES = (
    "libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0",
    "fonts-dejavu-core", "fonts-crosextra-carlito", "fonts-ebgaramond", "fonts-droid-fallback",
)  # fmt: skip
"""What letters and postcards need on Debian and Ubuntu: three libraries, and the fonts of the starter templates."""


def require_typesetting() -> None:
    """Loads WeasyPrint.

    Raises:
        SetupIncomplete: a library is missing; the message holds the command that installs it.
    """
    ffi = _load()
    if ffi is None:
        raise SetupIncomplete(f"letters and postcards need the library Pango, which is not here. Run: {install()}")
    if ffi.harfbuzz_subset is None:
        # Without it fonts are cut by fontTools: a piece takes eight times as long, and nothing says so.
        raise SetupIncomplete(
            f"letters and postcards need the library harfbuzz-subset, which is not here. Run: {install()}"
        )


def install(platform: str = sys.platform) -> str:
    """The command that installs what is needed."""
    if platform == "darwin":
        return "brew install pango"
    return f"sudo apt-get install {' '.join(DEBIAN_PACKAGES)}"


@cache
def _load() -> Any:
    # WeasyPrint prints its own advice when a library is missing, and warns when harfbuzz-subset is; ours is shorter.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from weasyprint.text import ffi  # noqa: PLC0415 - half a second that other commands need not wait for
        except OSError:
            return None
    return ffi
