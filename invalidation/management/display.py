"""Shows status documents and plans in the format that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import OutputWrapper
from django.utils import timezone

from invalidation.management.output import print_fields, print_json, print_notes, print_table
from invalidation.status import scheduled
from invalidation.status.documents import DeliveryDocument, EventDocument, Overview, VerificationDocument
from invalidation.status.forecast import ForecastDocument, PlannedDocument
from invalidation.targets.values import Source

TABLES = ("batch", "deliveries", "verifications")
#: Narrow enough for 80 columns, one node beside the other; what is long stands below, a line for each.
DELIVERY_COLUMNS = ("tier and node", "pass", "status", "tries", "calls", "removed", "ms")
PROOF_COLUMNS = ("tier and node", "found", "answer", "sequence")
SCHEDULED_COLUMNS = ("id", "due at", "mode", "who")
#: As many characters of an id as lists show.
ID_CHARACTERS = 8


def show_event(stream: OutputWrapper, document: EventDocument, style: str) -> None:
    """One event, its batch and deliveries."""
    if style == "json":
        print_json(stream, document)
        return
    fields: dict[str, Any] = {name: value for name, value in document.items() if name not in TABLES}
    batch = document["batch"]
    print_fields(stream, fields | {"targets": targets_line(document["targets"]), "batch": batch and batch["id"]})
    if document["deliveries"]:
        print_table(stream, "Deliveries", DELIVERY_COLUMNS, map(_delivery_row, document["deliveries"]))
        print_notes(stream, {_place(row): row["error"] for row in document["deliveries"] if row["error"]})
    else:
        stream.write(_without_deliveries(document))
    if document["verifications"]:
        print_table(stream, "Verification", PROOF_COLUMNS, map(_proof_row, document["verifications"]))
        print_notes(stream, {f"{_place(row)} {row['url']}": _found(row) for row in document["verifications"]})


def _without_deliveries(document: EventDocument) -> str:
    if document["status"] == scheduled.WITHDRAWN:
        return "Withdrawn: nothing of it is purged."
    if document["status"] == scheduled.SCHEDULED:
        by_itself = document["source"] == Source.TIME
        withdrawal = f"until then `manage.py purge --withdraw {document['id'][:ID_CHARACTERS]}` takes it back"
        return f"Scheduled; {'it moves or goes with its row' if by_itself else withdrawal}."
    return "No deliveries yet." if document["batch"] is None else "No deliveries: no tier is concerned."


def show_scheduled(stream: OutputWrapper, purges: Iterable[EventDocument], style: str) -> None:
    """Purges to come, the next first."""
    listed = list(purges)
    if style == "json":
        print_json(stream, listed)
    elif not listed:
        stream.write("Nothing is scheduled.")
    else:
        print_table(stream, "Scheduled purges", SCHEDULED_COLUMNS, map(_scheduled_row, listed))
        print_notes(stream, {purge["id"][:ID_CHARACTERS]: _asked_for(purge) for purge in listed})


def _scheduled_row(purge: EventDocument) -> Sequence[Any]:
    who = ", ".join(filter(None, (purge["source"], purge["actor"])))
    due_at = timezone.localtime(datetime.fromisoformat(purge["due_at"] or ""))
    return purge["id"][:ID_CHARACTERS], due_at.isoformat(timespec="seconds"), purge["mode"], who


def _asked_for(purge: EventDocument) -> str:
    return f"{targets_line(purge['targets'])}{f' ({reason})' if (reason := purge['reason']) else ''}"


def _delivery_row(delivery: DeliveryDocument) -> Sequence[Any]:
    counted = (delivery["attempts"], delivery["calls"], delivery["removed"], delivery["milliseconds"])
    return _place(delivery), delivery["pass"], delivery["status"], *counted


def _proof_row(proof: VerificationDocument) -> Sequence[Any]:
    answer = f"{proof['status_code'] or ''} {proof['cache_status']}".strip()
    return _place(proof), _verdict(proof), answer, proof["sequence"]


def _found(proof: VerificationDocument) -> str:
    return proof["error"] or _verdict(proof)


def _verdict(proof: VerificationDocument) -> str:
    if proof["error"]:
        return "not asked"
    return "stale" if proof["stale"] else "not stale"


def _place(row: DeliveryDocument | VerificationDocument) -> str:
    """`varnish 127.0.0.1:6081`: the scheme is the same for all."""
    return f"{row['tier']} {row['node'].partition('://')[2] or row['node']}".strip()


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


def show_plan(stream: OutputWrapper, document: ForecastDocument, style: str) -> None:
    """What would be purged where, in how many calls; inside-out."""
    if style == "json":
        print_json(stream, {"dry_run": True, **document})
        return
    columns = ("tier", "node", "calls", "pages", "price at most", "waits", "decisions")
    rows = [_planned_row(row) for row in document["tiers"]]
    print_table(stream, "Plan (dry run: nothing is purged)", columns, rows)
    reached = {"known pages": _reached(document), "wide": document["wide"]}
    print_fields(stream, {name: value for name, value in reached.items() if value})


def _planned_row(row: PlannedDocument) -> Sequence[Any]:
    price, wait = row["price_usd"], row["seconds"]
    costs = (f"${price:.3f}" if price else "", f"{wait:g} s" if wait else "")
    return row["tier"], row["node"], row["calls"], row["url_count"] or "", *costs, "\n".join(row["decisions"])


def _reached(document: ForecastDocument) -> str:
    if document["url_count"] is None:
        return "can't be counted while Redis is away"
    share = "" if document["share"] is None else f", {100 * document['share']:.3g} %"
    return f"at most {document['url_count']} of {document['known_urls']}{share}"
