"""What the demonstration's campaigns truly do to its customers; the reports know none of it."""

from collections.abc import Mapping
from datetime import timedelta

from handbill.demo.simulate import Effects

TRUE_EFFECTS: Mapping[str, Effects] = {
    "spring-sale": Effects(
        control="nothing",
        window=timedelta(days=14),
        baseline=0.05,
        mean_delay=timedelta(days=3),
        lift={"plain": 0.015, "discount": 0.045},
        discount={"discount": 0.15},
    ),
    "autumn-postcard": Effects(
        control="nothing",
        window=timedelta(days=60),
        baseline=0.35,
        mean_delay=timedelta(days=11),
        lift={"postcard": 0.13},
    ),
    "winback": Effects(
        control="nothing",
        window=timedelta(days=60),
        baseline=0.08,
        mean_delay=timedelta(days=11),
        lift={"email": 0.02, "letter": 0.09, "both": 0.13},
    ),
}
"""Half of a letter's response comes by day nine, as in published series; an e-mail's within three days."""
