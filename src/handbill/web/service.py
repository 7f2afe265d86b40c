"""What every page and endpoint of the web service works with."""

from dataclasses import dataclass

from sqlalchemy import Engine

from handbill.clock import Clock
from handbill.definitions.project import Project
from handbill.settings import Settings


@dataclass(frozen=True)
class Service:
    """An opened project: what was declared, its settings, its store, and the time."""

    project: Project
    settings: Settings
    engine: Engine
    clock: Clock
