"""Where what a cache said enters the product: without secrets, and no longer or greater than a column holds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from invalidation.exceptions import DeliveryError
from invalidation.providers.answers.reply import Reply
from invalidation.providers.answers.secrets import Secrets

Result = TypeVar("Result")

#: Every way in which a provider tells what a cache said.
VERBS = ("purge_urls", "purge_tags", "purge_prefixes", "purge_keys", "purge_everything", "poll", "fetch", "learn")
#: As Delivery's columns have it.
MAX_EXTERNAL_ID_CHARACTERS = 255
MAX_REMOVED = 2**31 - 1
MAX_ERROR_CHARACTERS = 2_000


class Guarded(Protocol):
    """A provider, as far as it is known here."""

    @property
    def secrets(self) -> Secrets:
        """What its words must not hold."""


def guard(provider_class: type[Guarded]) -> None:
    """Let every verb that the class defines pass through here."""
    for name in VERBS:
        if verb := provider_class.__dict__.get(name):
            setattr(provider_class, name, _guarded(verb))


def _guarded(verb: Callable[..., Result]) -> Callable[..., Result]:
    @functools.wraps(verb)
    def guarded(self: Guarded, *arguments: Any, **named: Any) -> Result:
        try:
            return _cleaned(verb(self, *arguments, **named), self.secrets)
        except Exception as error:
            _clean(error, self.secrets)
            raise

    return guarded


def _cleaned(result: Result, secrets: Secrets) -> Result:
    """A Reply without secrets; anything else as it is, for only a purge is sent with one."""
    if not isinstance(result, Reply):
        return result
    removed = None if result.removed is None else min(max(result.removed, 0), MAX_REMOVED)
    external_id = _text(result.external_id, secrets)[:MAX_EXTERNAL_ID_CHARACTERS]
    return replace(result, removed=removed, external_id=external_id, raw=_text(result.raw, secrets))


def _clean(error: Exception, secrets: Secrets) -> None:
    """The words of an error, and what it says of the reply; whoever logs or stores it shows both."""
    for one in _chain(error):
        one.args = tuple(_text(part, secrets) if isinstance(part, str) else part for part in one.args)
        if isinstance(one, DeliveryError):
            one.reply = _text(one.reply, secrets)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, as a traceback shows them."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        yield following
        following = following.__cause__ or following.__context__


def _text(text: str, secrets: Secrets) -> str:
    return secrets.conceal(text.replace("\0", " ")[:MAX_ERROR_CHARACTERS])
