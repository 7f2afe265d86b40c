import os
import subprocess
import sys
from pathlib import Path

import pytest

from handbill.rendering.typesetting import DEBIAN_PACKAGES, install, require_typesetting

COMMAND = "from handbill.rendering.typesetting import require_typesetting; require_typesetting()"


def require_without(folder: Path, library: str) -> str:
    """What is said where the library cannot be loaded: a broken file of its name is found first."""
    (folder / library).write_bytes(b"not a library")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMMAND],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return done.stderr.strip().rpartition("\n")[2]


def test_this_machine_can_set_type() -> None:
    require_typesetting()


@pytest.mark.parametrize(("library", "name"), [("libpango-1.0.so.0", "Pango"),
                                               ("libharfbuzz-subset.so.0", "harfbuzz-subset")])  # fmt: skip
def test_a_missing_library_is_named_with_the_command_that_installs_it(tmp_path: Path, library: str, name: str) -> None:
    assert require_without(tmp_path, library) == (
        f"handbill.errors.SetupIncomplete: letters and postcards need the library {name}, which is not here. "
        "Run: sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core "
        "fonts-crosextra-carlito fonts-ebgaramond fonts-droid-fallback"
    )


def test_other_systems_have_other_commands() -> None:
    assert install("darwin") == "brew install pango"
    assert install("linux") == f"sudo apt-get install {' '.join(DEBIAN_PACKAGES)}"


def test_nothing_is_loaded_before_a_piece_is_laid_out() -> None:
    command = "import sys, handbill.delivery.print_batch; print({'weasyprint', 'pypdfium2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
