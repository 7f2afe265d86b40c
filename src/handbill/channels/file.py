"""E-mail into a maildir on this machine, to look at while developing."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from handbill.channels.contract import Answer, Outcome, Outgoing, Scope

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Maildir:
    """A folder that mail programs open as a mailbox. Connections cost nothing here; one is enough."""

    directory: Path
    connections: int = 1

    def open(self) -> "MaildirLine | Answer":
        """The maildir, made where it is missing."""
        try:
            for part in ("tmp", "new", "cur"):
                (self.directory / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return _refused("mkdir", error)
        return MaildirLine(self.directory)


class MaildirLine:
    """Messages go to `tmp/` when offered, and from there to `new/` when committed.

    Names come from the message's key, so the same message twice is one file.
    """

    is_open = True

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._offered = Path()

    def offer(self, message: Outgoing) -> Answer | None:
        """Writes the file, under `tmp/`."""
        self._offered = self._directory / "tmp" / _NOT_IN_A_NAME.sub("_", message.key)
        head = f"Return-Path: <{message.sender}>\r\nDelivered-To: {message.recipient}\r\n"
        try:
            self._offered.write_bytes(head.encode() + message.message)
        except OSError as error:
            return _refused("write", error)
        return None

    def commit(self) -> Answer:
        """Moves the file to `new/`."""
        try:
            os.replace(self._offered, self._directory / "new" / self._offered.name)
        except OSError as error:
            return _refused("rename", error)
        return Answer(Outcome.ACCEPTED, "rename", provider_id=self._offered.name)

    def withdraw(self) -> None:
        """Removes the file."""
        self._offered.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is left open."""


def _refused(stage: str, error: OSError) -> Answer:
    why = f"{error.filename}: {(error.strerror or str(error)).lower()}"
    return Answer(Outcome.SENDER_REFUSED, stage, text=why, scope=Scope.PROVIDER)
