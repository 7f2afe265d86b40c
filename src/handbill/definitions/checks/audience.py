"""Whether a campaign names whom it may reach: its segments and the topic that they agreed to."""

from collections.abc import Collection, Iterator

from handbill.definitions.checks.draft import Draft
from handbill.definitions.findings import Finding
from handbill.definitions.words import either, quoted, unknown


def check_audience(draft: Draft, segments: Collection[str]) -> Iterator[Finding]:
    """Every segment exists, and none is both included and excluded."""
    included = draft.texts("audience", "include")
    for side in ("include", "exclude"):
        for index, name in enumerate(draft.texts("audience", side)):
            path = ("audience", side, index)
            if name and name not in segments:
                yield Finding(path, *unknown("segment", name, sorted(segments)))
            elif side == "exclude" and name in included:
                yield Finding(path, f"segment {quoted(name)} is both included and excluded.", "Remove one of the two.")


def check_topic(draft: Draft, topics: Collection[str]) -> Iterator[Finding]:
    """The topic is declared; marketing has one, because consent is given to topics."""
    topic = draft.text("topic")
    if topic and topic not in topics:
        yield Finding(("topic",), *unknown("topic", topic, topics))
    elif not draft.has("topic") and (draft.text("kind") or "marketing") == "marketing":
        choice = f"Add topic: {either(topics)}." if topics else "Declare topics, and add topic."
        what = f"{quoted(draft.name)} is marketing without a topic that people could have consented to."
        yield Finding((), what, choice, at_key=True)
