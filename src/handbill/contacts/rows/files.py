"""Which kind of file it is that somebody wants to import."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from handbill.contacts.rows.batches import Source
from handbill.contacts.rows.csv_file import CsvFile
from handbill.contacts.rows.json_file import JsonLinesFile
from handbill.contacts.rows.packed import PACKED, unpacked
from handbill.contacts.rows.query import Query, asked
from handbill.errors import ImportRefused, Problem


@contextmanager
def opened_source(origin: Path | Query, work_dir: Path) -> Iterator[Source]:
    """A file, packed or not, or the answer of a query, ready to be read; what is temporary stays in `work_dir`.

    Raises:
        ImportRefused: see `open_source`, `unpacked` and `asked`.
    """
    if isinstance(origin, Query):
        with asked(origin, work_dir) as rows:
            yield rows
    elif origin.suffix.lower() in PACKED and origin.is_file():
        with unpacked(origin, work_dir) as inside:
            yield open_source(inside)
    else:
        yield open_source(origin)


def open_source(path: Path) -> Source:
    """The file, ready to be read in batches; its name's ending says how.

    Raises:
        ImportRefused: there is no such file, or it is not what its ending says.
    """
    if path.is_dir():
        raise ImportRefused(Problem(str(path), what="this is a folder.", mend="Name one file."))
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None and path.suffix.lower() in PACKED:
        opener = _OPENERS.get(Path(path.stem).suffix.lower())
    if opener is None:
        mend = "Use .csv, .tsv, .jsonl or .parquet."
        ending = path.suffix or "no ending"
        raise ImportRefused(Problem(str(path), what=f"files with {ending} are not known.", mend=mend))
    try:
        if path.stat().st_size == 0:
            raise ImportRefused(Problem(str(path), what="the file is empty.", mend="Export it again."))
        return opener(path)
    except FileNotFoundError:
        raise ImportRefused(Problem(str(path), what="there is no such file.", mend="Check its name.")) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImportRefused(Problem(str(path), what=f"the file cannot be read: {reason}.", mend="")) from None


def _parquet(path: Path) -> Source:
    from handbill.contacts.rows.parquet_file import ParquetFile  # noqa: PLC0415 - pyarrow loads slowly, and CSV needs none of it

    return ParquetFile(path)


_OPENERS: Mapping[str, Callable[[Path], Source]] = {
    ".csv": CsvFile,
    ".tsv": CsvFile,
    ".txt": CsvFile,
    ".jsonl": JsonLinesFile,
    ".ndjson": JsonLinesFile,
    ".parquet": _parquet,
    ".pq": _parquet,
}
