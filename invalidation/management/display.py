"""Shows status documents and plans in the format that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.management.base import OutputWrapper

from invalidation.management.output import print_fields, print_json, print_table
from invalidation.status.documents import EventDocument, Overview
from invalidation.status.previews import PlannedTier

TABLES = ("batch", "deliveries", "verifications")
DELIVERY_COLUMNS = ("tier", "node", "pass", "status", "attempts", "calls", "removed", "milliseconds", "error")
PROOF_COLUMNS = ("tier", "node", "url", "status_code", "cache_status", "sequence", "stale", "error")


def show_event(stream: OutputWrapper, document: EventDocument, style: str) -> None:
    """One event, its batch and deliveries."""
    if style == "json":
        print_json(stream, document)
        return
    fields: dict[str, Any] = {name: value for name, value in document.items() if name not in TABLES}
    batch = document["batch"]
    print_fields(stream, fields | {"targets": targets_line(document["targets"]), "batch": batch and batch["id"]})
    rows = [[dict(delivery)[name] for name in DELIVERY_COLUMNS] for delivery in document["deliveries"]]
    if rows:
        print_table(stream, "Deliveries", DELIVERY_COLUMNS, rows)
    if document["verifications"]:
        proofs = [[dict(proof)[name] for name in PROOF_COLUMNS] for proof in document["verifications"]]
        print_table(stream, "Verification", PROOF_COLUMNS, proofs)
    else:
        stream.write("No deliveries yet." if batch is None else "No deliveries: no tier is concerned.")


def targets_line(targets: Mapping[str, Any]) -> str:
    """`tags: blog.post:42; everything`."""
    return "; ".join(
        kind if values is True else f"{kind}: {' '.join(map(str, values))}" for kind, values in targets.items()
    )


def show_overview(stream: OutputWrapper, overview: Overview, style: str) -> None:
    """Backlog, lag, batches, tiers."""
    if style == "json":
        print_json(stream, overview)
        return
    backlog = ", ".join(f"{lane} {number}" for lane, number in overview["backlog"].items())
    fields = {name: overview[name] for name in ("lag_seconds", "running_batches", "dead_letters")}
    print_fields(stream, {"backlog": backlog, **fields})
    print_table(stream, "Tiers", ("tier", "fills from", "nodes", "deliveries"), map(_tier_row, overview["tiers"]))
    if overview["rules"]:
        rows = [[row["rule"], row["model"], row["count"], row["error"]] for row in overview["rules"]]
        print_table(stream, "Rules that fail", ("rule", "model", "times", "newest"), rows)


def _tier_row(tier: Mapping[str, Any]) -> Sequence[str]:
    deliveries = ", ".join(f"{status} {number}" for status, number in tier["deliveries"].items())
    return tier["tier"], ", ".join(tier["fills_from"]), "\n".join(tier["nodes"]), deliveries


def show_plan(stream: OutputWrapper, plan: Iterable[PlannedTier], style: str) -> None:
    """What would be purged where, in how many calls; inside-out."""
    documents = [plan_document(planned) for planned in plan]
    if style == "json":
        print_json(stream, {"dry_run": True, "tiers": documents})
        return
    columns = ("tier", "node", "calls", "price at most", "decisions")
    rows = [[*_calls(document), "\n".join(document["decisions"])] for document in documents]
    print_table(stream, "Plan (dry run: nothing is purged)", columns, rows)


def _calls(document: Mapping[str, Any]) -> Sequence[Any]:
    price = f"${document['price_usd']:.3f}" if document["price_usd"] else ""
    return document["tier"], document["node"], document["calls"], price


def plan_document(planned: PlannedTier) -> dict[str, Any]:
    """JSON form of the plan for one tier node."""
    named = {"tier": planned.tier, "node": planned.node, "calls": planned.requests}
    return named | {"price_usd": round(planned.price_usd, 3), "decisions": list(planned.decisions)}
