"""What is kept: every table of the store, in the order in which a campaign fills them."""

from handbill.store.tables.access import api_answer, api_key
from handbill.store.tables.base import Json, metadata
from handbill.store.tables.behaviour import event, order_line, orders, product, source_watermark
from handbill.store.tables.decisions import assignment, assignment_member, enrollment, exclusion
from handbill.store.tables.declarations import definition, experiment, plan_record, run
from handbill.store.tables.departures import (
    OUTBOX_STATES,
    attempt,
    budget_use,
    outbox,
    print_batch,
    print_piece,
    rate_bucket,
    seed_copy,
)
from handbill.store.tables.links import LINK_KINDS, link
from handbill.store.tables.logins import login, report_share, web_session
from handbill.store.tables.people import (
    attribute_history,
    consent,
    contact,
    contact_merge,
    suppressed_digest,
    suppression,
)
from handbill.store.tables.privacy import audit_entry, chore, erasure
from handbill.store.tables.results import experiment_result, rollout_decision, simulated_truth
from handbill.store.tables.webhooks import stray_event, webhook, webhook_count
from handbill.store.tables.wishes import confirmation, preference

__all__ = [
    "LINK_KINDS",
    "OUTBOX_STATES",
    "Json",
    "api_answer",
    "api_key",
    "assignment",
    "assignment_member",
    "attempt",
    "attribute_history",
    "audit_entry",
    "budget_use",
    "chore",
    "confirmation",
    "consent",
    "contact",
    "contact_merge",
    "definition",
    "enrollment",
    "erasure",
    "event",
    "exclusion",
    "experiment",
    "experiment_result",
    "link",
    "login",
    "metadata",
    "order_line",
    "orders",
    "outbox",
    "plan_record",
    "preference",
    "print_batch",
    "print_piece",
    "product",
    "rate_bucket",
    "report_share",
    "rollout_decision",
    "run",
    "seed_copy",
    "simulated_truth",
    "source_watermark",
    "stray_event",
    "suppressed_digest",
    "suppression",
    "web_session",
    "webhook",
    "webhook_count",
]
