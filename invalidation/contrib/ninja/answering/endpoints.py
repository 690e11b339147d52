"""The API itself: seven requests, each a few lines that call the app."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any, TypedDict, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Header, NinjaAPI, Query

import invalidation
from invalidation.contrib.ninja.answering import errors, pagination
from invalidation.contrib.ninja.answering.narrowing import narrowed
from invalidation.contrib.ninja.answering.schemas import ProblemSchema, described
from invalidation.contrib.ninja.asking import idempotency, purges, sight
from invalidation.contrib.ninja.asking.bearer import Bearer
from invalidation.contrib.ninja.asking.scopes import Scope
from invalidation.contrib.ninja.asking.wanted import Filters, PreviewRequest, PurgeRequest
from invalidation.contrib.ninja.conf import database
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.problems import Problem, not_found
from invalidation.emission.api import stored
from invalidation.models import Event
from invalidation.pipeline.withdrawal import NotWithdrawn, withdraw
from invalidation.status import documents, listing, scheduled
from invalidation.status.documents import EventDocument, Overview, TierDocument
from invalidation.status.forecast import ForecastDocument, forecast, only_on
from invalidation.targets.values import Source, Targets

api = NinjaAPI(
    title="django-invalidation",
    description="Purges, and what became of them.",
    openapi_url=None,
    docs_url=None,
    urls_namespace="invalidation_api",
)


IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", pattern="^[!-~]+$", min_length=1, max_length=255)
]


class PurgePage(TypedDict):
    """Some purges, the newest first."""

    purges: list[EventDocument]
    next: str | None
    """Cursor of the page behind this one; null where there is none."""


class TierList(TypedDict):
    """Every configured tier."""

    tiers: list[TierDocument]


def _may_answer(*statuses: int, **good: Any) -> dict[Any, Any]:
    """Whatever may be answered; these beside what every request may meet."""
    refusals = dict.fromkeys((401, 403, *statuses, 429, 500, 503), ProblemSchema)
    return {int(name.removeprefix("_")): described(document) for name, document in good.items()} | refusals


@api.post(
    "purges",
    auth=Bearer(Scope.PURGE),
    response=_may_answer(400, 409, 413, 415, 422, _202=EventDocument),
    operation_id="enqueuePurge",
)
def enqueue(
    request: HttpRequest,
    purge: PurgeRequest,
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", pattern="^[!-~]+$", min_length=1, max_length=255)
    ] = None,
) -> HttpResponse:
    """Enqueue a purge. Repeated with the same `Idempotency-Key`, it does nothing and answers what it answered first."""
    token = _token(request)
    again = idempotency.Repeatable.of(token, idempotency_key, purge.model_dump(mode="json", exclude_none=True))
    targets = purges.targets(purge, token)
    if first := idempotency.first_answer(again):
        return _accepted(first, is_new=False)
    purges.check_width(purge, targets, token)
    body, is_new = idempotency.once(again, lambda: _purge(purge, targets, token))
    return _accepted(body, is_new=is_new)


def _purge(purge: PurgeRequest, targets: Targets, token: Token) -> str:
    """Store the event; its document."""
    how: dict[str, Any] = {name: getattr(purge, name) for name in ("tiers", "lane", "mode", "at", "reason")}
    who: dict[str, Any] = {"source": Source.API, "actor": token.name, "using": database()}
    event = stored(invalidation.invalidate(**targets.arguments(), **how, **who))
    return _text(documents.document(documents.find(event.uid) if purge.at else event))


@api.post(
    "previews",
    auth=Bearer(Scope.PURGE),
    response=_may_answer(400, 413, 415, 422, _200=ForecastDocument),
    operation_id="previewPurge",
)
def preview(request: HttpRequest, purge: PreviewRequest) -> HttpResponse:
    """What such a purge would do now, node by node; nothing is stored."""
    token = _token(request)
    seen = forecast(purges.targets(purge, token), purge.tiers or None).document()
    return _answer(only_on(seen, token.hosts) if token.is_restricted else seen)


@api.get(
    "purges", auth=Bearer(Scope.READ, Scope.PURGE), response=_may_answer(422, _200=PurgePage), operation_id="listPurges"
)
def list_purges(request: HttpRequest, filters: Query[Filters]) -> HttpResponse:
    """Purges, scheduled ones among them, the newest first: with the scope `read` all of them, else the token's own."""
    _check_names(request)
    after = pagination.place(filters.cursor) if filters.cursor else None
    chosen = sight.within(filters.chosen(), token := _token(request))
    found = [] if chosen is None else listing.page(chosen, after, filters.limit + 1)
    wanted = found[: filters.limit]
    documents_wanted = (_shown(one, token) for one in listing.documents_of(wanted))
    shown, text = pagination.filled(wanted, documents_wanted)
    following = pagination.cursor(shown[-1]) if len(found) > len(shown) else None
    return _json(f'{{"purges": {text}, "next": {_text(following)}}}')


@api.get(
    "purges/{purge_id}",
    auth=Bearer(Scope.READ, Scope.PURGE),
    response=_may_answer(404, _200=EventDocument),
    operation_id="getPurge",
)
def get_purge(request: HttpRequest, purge_id: str) -> HttpResponse:
    """One purge and how far it is, the same document that `invalidation_status` prints."""
    token = _token(request)
    return _answer(_shown(documents.document(sight.found(purge_id, token)), token))


@api.delete(
    "purges/{purge_id}",
    auth=Bearer(Scope.PURGE),
    response=_may_answer(404, 409, _200=EventDocument),
    operation_id="withdrawPurge",
)
def withdraw_purge(request: HttpRequest, purge_id: str) -> HttpResponse:
    """Withdraw a purge of this token that is scheduled and not yet due. Repeated, it answers what it answered first."""
    token, uid = _token(request), _uid(purge_id)
    again = idempotency.Repeatable.withdrawal(token, uid)
    try:
        purges.check_withdrawal(event := sight.found(uid, token), token)
        return _known(*idempotency.once(again, lambda: _withdraw(event, token)), status=HTTPStatus.OK)
    except Problem:
        if first := idempotency.first_answer(again):  # it may have come a moment ago
            return _known(first, False, status=HTTPStatus.OK)
        raise


def _withdraw(event: Event, token: Token) -> str:
    """Remove it; what it was."""
    try:
        withdraw(event._state.db or database(), event.uid, actor=token.name)
    except NotWithdrawn as error:
        raise Problem(409, str(error), "Follow it at its address.") from error
    event.status = scheduled.WITHDRAWN
    return _text(_shown(documents.document(event), token))


def _uid(purge_id: str) -> UUID:
    """A whole one: what is to go is not named by its beginning."""
    try:
        return UUID(purge_id)
    except ValueError as error:
        raise not_found() from error


@api.get("tiers", auth=Bearer(Scope.STATUS), response=_may_answer(_200=TierList), operation_id="listTiers")
def list_tiers(request: HttpRequest) -> HttpResponse:
    """Every tier, its nodes, and how its deliveries stand."""
    return _answer({"tiers": documents.tiers()})


@api.get("health", auth=Bearer(Scope.STATUS), response=_may_answer(_200=Overview), operation_id="getHealth")
def get_health(request: HttpRequest) -> HttpResponse:
    """Backlog, lag, dead letters and tiers, as `invalidation_status` prints them; 503 where no database answers."""
    return _answer(documents.overview())


def _check_names(request: HttpRequest) -> None:
    """A misspelt filter would list every purge."""
    if set(request.GET) - set(Filters.model_fields):
        known = ", ".join(Filters.model_fields)
        raise Problem(422, "There is no such query parameter.", f"Use {known}.").at("query")


def _token(request: HttpRequest) -> Token:
    return cast("Token", getattr(request, "auth", None))


def _shown(document: EventDocument, token: Token) -> EventDocument:
    return document if sight.sees_all(token) else narrowed(document, token)


def _text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)


def _answer(document: Any) -> HttpResponse:
    return _json(_text(document))


def _json(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="application/json")


def _accepted(body: str, *, is_new: bool) -> HttpResponse:
    """With the address at which to follow it."""
    response = _known(body, is_new, status=HTTPStatus.ACCEPTED)
    response.headers["Location"] = f"purges/{json.loads(body)['id']}"
    return response


def _known(body: str, is_new: bool, *, status: HTTPStatus) -> HttpResponse:
    """What was done now, or what was answered when it was done."""
    response = HttpResponse(body, status=status, content_type="application/json")
    if not is_new:
        response.headers["Idempotency-Replayed"] = "true"
    return response


errors.connect(api)
