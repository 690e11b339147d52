"""Idempotency keys: who asks again under one is told the first answer, and nothing is done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from invalidation.contrib.ninja.conf import database
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.problems import Problem
from invalidation.contrib.ninja.rows import answers


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A request that may come again: whose it is, under which key, and what it asks for. Without a key it is new."""

    token: Token
    key: str
    fingerprint: str

    @classmethod
    def of(cls, token: Token, key: str | None, asked: Mapping[str, Any]) -> Repeatable:
        """The same request, however its JSON was written."""
        return cls(token, _digest(key) if key else "", _digest(json.dumps(asked, sort_keys=True)))

    @classmethod
    def withdrawal(cls, token: Token, uid: UUID) -> Repeatable:
        """Its address is its key; callers' own have no space."""
        return cls.of(token, f"withdraw {uid}", {})


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def first_answer(request: Repeatable) -> str | None:
    """What was answered when it came first.

    Raises:
        Problem: then it asked for something else.
    """
    known = answers.first(request.token, request.key) if request.key else None
    if known and known.fingerprint != request.fingerprint:
        raise Problem(
            422,
            "This idempotency key was used for another request.",
            "Send a new key for a new request, and the same body with the same key.",
        ).at("Idempotency-Key")
    return known.body if known else None


def once(request: Repeatable, act: Callable[[], str]) -> tuple[str, bool]:
    """What `act` answers, and whether it was this call that acted: of several at once, one does.

    Act and answer are one transaction, so that neither is ever there without the other. Who comes second waits at the
    unique constraint until that has ended, and its own act is rolled back.
    """
    try:
        with transaction.atomic(using=database()):
            body = act()
            if request.key:
                answers.insert(request.token, request.key, request.fingerprint, body)
    except IntegrityError:
        known = first_answer(request)
        if known is None:
            raise
        return known, False
    return body, True
