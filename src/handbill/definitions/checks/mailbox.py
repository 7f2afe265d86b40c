"""Whether the mailbox for mail that comes back can be read: its password stands elsewhere, its folders are three."""

from collections.abc import Iterator

from handbill.definitions.findings import Finding
from handbill.definitions.secret import is_reference
from handbill.definitions.sending import Mailbox
from handbill.definitions.words import quoted
from handbill.definitions.yaml import Text, Tree, at

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

_FOLDERS = ("folder", "done", "quarantine")


def check_mailbox(written: Tree | None, mailbox: Mailbox | None) -> Iterator[Finding]:
    """What stands under `mailbox`; the password is looked at even where the rest cannot be read, and never repeated."""
    password = at(written, "password")
    if isinstance(password, Text) and not is_reference(password.text):
        mend = "Write ${IMAP_PASSWORD}, and set that variable where Handbill runs. Change it: files are copied."
        yield Finding(("password",), "a password stands here in plain text.", mend)
    if mailbox is None:
        return
    if mailbox.security == "none" and mailbox.host not in THIS_MACHINE:
        what = f"security none would send the password readable to {quoted(mailbox.host)}."
        yield Finding(("security",), what, "Use tls or starttls; none is for localhost only.")
    seen: set[str] = set()
    for key in _FOLDERS:
        name: str = getattr(mailbox, key)
        if not name.isascii():
            yield Finding((key,), f"{quoted(name)} is no name for a folder here.", "Use letters without accents.")
        if name.casefold() in seen:
            yield Finding((key,), f"{quoted(name)} is another of the three folders.", "Give each its own.")
        seen.add(name.casefold())
