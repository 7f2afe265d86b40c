"""Mail that came back to a mailbox on an IMAP server, read in small pieces and filed only when the store has it."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine

from handbill.definitions.project import Project
from handbill.definitions.secret import resolve_secret
from handbill.responses.imap_folder import LOST, ImapFolder, ImapServer
from handbill.responses.mailbox import MailRead, judge_mail, take_in_mails
from handbill.responses.received import LARGEST
from handbill.store.connection import writing
from handbill.tokens import Keys

_AT_A_TIME = 200
_TRIES = 3
"""So many connections in a row may break before one mail is through."""


def declared_mailbox(project: Project) -> ImapServer | None:
    """The mailbox that campaigns.yaml names, with its secrets; None when there is none.

    Raises:
        SetupIncomplete: a secret is not in the environment.
    """
    declared = project.channels.email.mailbox if project.channels.email else None
    if declared is None:
        return None
    return ImapServer(
        declared.host,
        declared.port,
        declared.security,
        resolve_secret(declared.user),
        resolve_secret(declared.password),
        declared.folder,
        declared.done,
        declared.quarantine,
    )


def read_imap(engine: Engine, server: ImapServer, keys: Keys, *, now: datetime) -> MailRead:
    """Reads all mail that lies in the folder and files it; killed and repeated, it loses and repeats nothing.

    What arrives meanwhile is left to the next time.

    Raises:
        ChannelUnavailable: the mailbox cannot be reached, or refuses us.
    """
    reading = _Reading(engine, server, keys, now)
    tries = 0
    while True:
        before = reading.total
        try:
            with server.opened() as folder:
                for _ in reading.pieces(folder):
                    tries = 0
                return reading.total
        except LOST as error:
            tries = 1 if reading.total != before else tries + 1
            if tries >= _TRIES:
                raise server.unreachable(error) from None


def count_mails(server: ImapServer) -> int:
    """How many mails wait to be read.

    Raises:
        ChannelUnavailable: the mailbox cannot be reached, or refuses us.
    """
    try:
        with server.opened() as folder:
            return folder.count
    except LOST as error:
        raise server.unreachable(error) from None


class _Reading:
    """What was read so far, over any number of connections."""

    def __init__(self, engine: Engine, server: ImapServer, keys: Keys, now: datetime) -> None:
        self._engine, self._server, self._keys, self._now = engine, server, keys, now
        self._validity = self._end = self._last = 0
        self._counted: set[int] = set()
        self.total = MailRead()

    def pieces(self, folder: ImapFolder) -> Iterator[None]:
        """Takes in and files piece after piece."""
        while folder.look():
            if folder.validity != self._validity:  # the folder was made anew: none of its numbers are the old ones
                self._validity, self._end, self._last = folder.validity, folder.next_uid, 0
                self._counted = set()
            sizes = [each for each in folder.sizes(1, _AT_A_TIME) if each[0] < self._end or not self._end]
            if not sizes:
                return
            if sizes[0][0] <= self._last:
                raise self._server.refused("does not let go of mails that were moved", "Ask whoever runs it.")
            for piece in in_pieces(sizes):
                self._take_in(folder, piece)
                self._last = max(self._last, *(uid for uid, _ in piece))
                yield

    def _take_in(self, folder: ImapFolder, piece: list[tuple[int, int]]) -> None:
        small = [uid for uid, size in piece if size <= LARGEST]
        mails = dict(folder.fetch(small)) if small else {}
        mails |= {uid: None for uid, size in piece if size > LARGEST}
        with writing(self._engine) as connection:
            judged = {uid: judge_mail(connection, raw, self._keys, self._now) for uid, raw in sorted(mails.items())}
            read = take_in_mails(connection, judged, now=self._now)
        self.total = sum((each for uid, each in read.items() if uid not in self._counted), self.total)
        self._counted = set(read)  # if the line breaks now, they come up once more
        # Only when the store has it for good does a mail leave the folder.
        folder.move([uid for uid, each in read.items() if not each.quarantined], self._server.done)
        folder.move([uid for uid, each in read.items() if each.quarantined], self._server.quarantine)


def in_pieces(sizes: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The mails in pieces of which each fits into memory: together no more than the largest single one may have."""
    piece: list[tuple[int, int]] = []
    whole = 0
    for uid, size in sizes:
        if piece and whole + size > LARGEST:
            yield piece
            piece, whole = [], 0
        piece.append((uid, size))
        whole += size
    if piece:
        yield piece
