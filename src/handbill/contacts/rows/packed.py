"""How a file that is packed with gzip or zstd is unpacked, without letting a small file fill the disk."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from handbill.errors import ImportRefused, Problem

PACKED = (".gz", ".zst")
MOST_TIMES = 200
"""How many times its size a file may hold. Tables shrink to a tenth or a fiftieth; bombs to a thousandth."""
_ALWAYS = 16 << 20
_PIECE = 1 << 20


@contextmanager
def unpacked(path: Path, work_dir: Path) -> Iterator[Path]:
    """A temporary file with what is packed in `path`, named with the ending inside: `shop.csv.gz` → `….csv`.

    Only its owner can read it, and it is gone at the end. Problems that name it are raised with the packed file's name.

    Raises:
        ImportRefused: it is damaged, or holds more than `MOST_TIMES` its size.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=work_dir, prefix="unpacked-", suffix=Path(path.stem).suffix, delete=False) as target:
        inside = Path(target.name)
        try:
            _unpack(path, target)
            target.close()
            yield inside
        except ImportRefused as error:
            problems = (replace(each, file=str(path)) if each.file == str(inside) else each for each in error.problems)
            raise ImportRefused(*problems) from None
        finally:
            os.unlink(inside)


def _unpack(path: Path, target: Any) -> None:
    most = max(_ALWAYS, MOST_TIMES * path.stat().st_size)
    written = 0
    try:
        with _reader(path) as packed:
            while piece := packed.read(_PIECE):
                written += len(piece)
                if written > most:
                    what = f"the file unpacks to more than {MOST_TIMES} times its size."
                    raise ImportRefused(Problem(str(path), what=what, mend="Unpack it, and look at what is in it."))
                target.write(piece)
    except (OSError, EOFError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else "it is damaged"
        raise ImportRefused(
            Problem(str(path), what=f"the file cannot be unpacked: {reason}.", mend="Pack it again.")
        ) from None


def _reader(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)
    import pyarrow as pa  # noqa: PLC0415 - it loads slowly, and only zstd needs it

    stream: IO[bytes] = pa.input_stream(str(path), compression="zstd")
    return stream
