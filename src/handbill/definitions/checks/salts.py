"""Whether every draw has a salt of its own: two draws by one salt put the same people into the same arms."""

from collections.abc import Iterator, Mapping

from handbill.definitions.checks.draft import Draft
from handbill.definitions.findings import Finding
from handbill.definitions.policy import Layer
from handbill.definitions.words import quoted


def check_salts(
    drafts: Mapping[str, Draft], holdout_salt: str | None, layers: Mapping[str, Layer], sampled: Mapping[str, str]
) -> Iterator[Finding]:
    """Salts of experiments and layers, of the global holdout, and those of samples (salt → segment)."""
    users = {salt: f"segment {quoted(segment)}" for salt, segment in sampled.items()}
    if holdout_salt:
        users[holdout_salt] = "the global holdout"
    for name, layer in layers.items():
        if layer.salt in users:
            what = f"salt {quoted(layer.salt)} is used by {users[layer.salt]} too."
            yield Finding(
                ("layers", name, "salt"), what, "Give this layer a salt of its own, such as its name and year."
            )
        users.setdefault(layer.salt, f"layer {quoted(name)}")
    for name, draft in drafts.items():
        salt = draft.text("experiment", "salt")
        if salt is None:
            continue
        if salt in users:
            what = f"salt {quoted(salt)} is used by {users[salt]} too."
            mend = "Give this experiment a salt of its own, such as its name and year."
            yield Finding(("campaigns", name, "experiment", "salt"), what, mend)
        users.setdefault(salt, f"campaign {quoted(name)}")
