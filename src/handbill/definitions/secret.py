"""Where secrets come from: the environment or a file, by the name that stands in campaigns.yaml."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from handbill.definitions.values import parse_line
from handbill.errors import SetupIncomplete

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


_FILE = "file:"


class SecretText(str):
    """A text that is looked up when something is about to be sent, and never printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


def parse_secret(text: Any) -> SecretText:
    """`${SMTP_PASSWORD}` or `file:/run/secrets/smtp`; that it is one of the two is told by the checks."""
    return SecretText(parse_line(text))


Secret = Annotated[SecretText, BeforeValidator(parse_secret)]


def is_reference(text: str) -> bool:
    """Whether the text is nothing but `${NAME}`, or names a file."""
    return _REFERENCE.fullmatch(text) is not None or bool(text.startswith(_FILE) and text[len(_FILE) :].strip())


def resolve_secret(text: str) -> str:
    """`${NAME}` → the value of that variable; `file:PATH` → what the file holds; any other text → itself.

    Called when something is about to be sent and not before, so that `check` and `plan` need no secrets.

    Raises:
        SetupIncomplete: the variable is not set, the file cannot be read, or either is empty.
    """
    if text.startswith(_FILE):
        return _read(text[len(_FILE) :].strip())
    match = _REFERENCE.fullmatch(text)
    if not match:
        return text
    value = os.environ.get(match[1])
    if not value:
        raise SetupIncomplete(
            f"the environment variable {match[1]}, which campaigns.yaml refers to, is not set. "
            f"Set it before sending: export {match[1]}=…"
        )
    return value


def resolve_path(text: str) -> str:
    """Where a file is whose path stands under a key: `keys/dkim.pem`, `file:keys/dkim.pem` or `${DKIM_KEY_FILE}`.

    Raises:
        SetupIncomplete: the variable is not set.
    """
    return text[len(_FILE) :].strip() if text.startswith(_FILE) else resolve_secret(text)


def _read(path: str) -> str:
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        value = ""
    if not value:
        raise SetupIncomplete(
            f"the secret file {path}, which campaigns.yaml refers to, cannot be read or is empty. Put the secret there."
        )
    return value
