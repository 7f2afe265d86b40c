"""Verdicts on all opens, clicks and scans, given again when the rules have improved."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from handbill.operations.audit import Action, Doer, note
from handbill.operations.tracking import take_waiting_hits
from handbill.responses.reclassify import Reclassified, reclassify
from handbill.responses.scanners import scanner_networks
from handbill.settings import Settings
from handbill.store.connection import writing


@dataclass(frozen=True)
class JudgedAgain:
    """Hits that had waited on the disk, and what was judged again."""

    taken: int
    verdicts: Reclassified

    @property
    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        return {"waiting_hits": self.taken, "hits": self.verdicts.hits, "changed": self.verdicts.changed}


def judge_again(engine: Engine, settings: Settings, *, now: datetime, doer: Doer) -> JudgedAgain:
    """Takes over what waits on the disk, and judges every hit by the rules of this version; notes who wanted it."""
    taken = take_waiting_hits(engine, settings)
    judged = JudgedAgain(taken, reclassify(engine, scanner_networks(settings.secret)))
    with writing(engine) as connection:
        note(connection, doer, Action.RECLASSIFY, None, at=now, **judged.counts)
    return judged


def sentences(judged: JudgedAgain) -> Iterator[str]:
    """The same in words."""
    if judged.taken:
        yield f"Took over {judged.taken:,} {'hit' if judged.taken == 1 else 'hits'} that waited on the disk."
    hits, changed = judged.verdicts.hits, judged.verdicts.changed
    yield f"Judged {hits:,} {'open, click or scan' if hits == 1 else 'opens, clicks and scans'} again."
    yield f"{changed:,} {'has' if changed == 1 else 'have'} another verdict now."
