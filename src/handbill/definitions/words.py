"""Which word was meant, and how a list of words is said in a sentence."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

LONGEST_LIST = 16
"""A message lists the known words up to this many; where one of them is near, up to `SHORT_LIST`."""

SHORT_LIST = 10
_SOME = 5
_LONGEST_QUOTE = 60


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None when none is near."""
    by_folded = {each.casefold(): each for each in known}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def quoted(text: object) -> str:
    """The text between quotation marks, cut where it is long."""
    written = str(text)
    return f'"{written}"' if len(written) <= _LONGEST_QUOTE else f'"{written[:_LONGEST_QUOTE]}…"'


def unknown(noun: str, word: str, known: Iterable[str], reserved: Collection[str] = ()) -> tuple[str, str]:
    """What is wrong and how to mend it: `channel "emial" is not known.`, `Use email or direct_mail. Did you mean…`.

    Of the words that are `reserved` for later, one may have been meant, but none is offered.
    """
    everything = list(known)
    words = [each for each in everything if each not in reserved]
    near = nearest(word, [*everything, *reserved])
    mend = []
    if not words:
        mend.append("There is none yet.")
    elif len(words) <= (SHORT_LIST if near else LONGEST_LIST):
        mend.append(f"Use {either(words)}.")
    elif not near:
        mend.append(f"Known are {', '.join(words[:_SOME])} and {len(words) - _SOME} more.")
    if near:
        mend.append(f"Did you mean {quoted(near)}?")
    return f"{noun} {quoted(word)} is not known.", " ".join(mend)
