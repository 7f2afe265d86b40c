"""Whether every text has one place in each language."""

from collections.abc import Iterator

from handbill.definitions.checks.draft import Draft
from handbill.definitions.findings import Finding
from handbill.definitions.languages import DEFAULT, Languages
from handbill.definitions.words import quoted
from handbill.definitions.yaml import Keys, at

_TEXTS = ("subject", "preheader")


def check_languages(languages: Languages) -> Iterator[Finding]:
    """What stands in for a language is another one."""
    for language, other in languages.fallback.items():
        if language == other:
            yield Finding(("fallback", language), f"{quoted(language)} stands in for itself.", "Name another language.")


def check_texts(draft: Draft, languages: Languages) -> Iterator[Finding]:
    """A text in the default language is the default text, so that one of two would never be read."""
    paths = [(), *(draft.path_of(arm) for arm in draft.arm_names)] if draft.is_experiment else [()]
    for path in paths:
        for key in _TEXTS:
            written = at(draft.written, *path, "email", key)
            if isinstance(written, Keys) and {DEFAULT, languages.default} <= written.places.keys():
                what = f"{key} is given twice for {quoted(languages.default)}, the language that default stands for."
                yield Finding((*path, "email", key, languages.default), what, "Remove one of the two.", at_key=True)
