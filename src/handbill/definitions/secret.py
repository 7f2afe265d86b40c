"""Where secrets come from: the environment, by the name that stands in campaigns.yaml."""

import os
import re

from handbill.errors import SetupIncomplete

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def is_reference(text: str) -> bool:
    """Whether the text is nothing but `${NAME}`."""
    return _REFERENCE.fullmatch(text) is not None


def resolve_secret(text: str) -> str:
    """`${NAME}` → the value of that environment variable; any other text → itself.

    Called when something is about to be sent and not before, so that `check` and `plan` need no secrets.

    Raises:
        SetupIncomplete: the variable is not set, or empty.
    """
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
