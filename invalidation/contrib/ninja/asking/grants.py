"""Making a token: what it may be given is checked, and its text leaves this module once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from django.db import IntegrityError
from django.utils import timezone

from invalidation import conf
from invalidation.contrib.ninja import secrets
from invalidation.contrib.ninja.asking.scopes import Scope
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.rows import tokens
from invalidation.targets.values import is_tag

#: Of a name.
MOST_CHARACTERS = 100


class BadGrant(ValueError):
    """A token can't be made so; the message names the fix."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A new token and its text."""

    token: Token
    text: str = field(repr=False)


def grant(
    name: str,
    *,
    scopes: Collection[str],
    hosts: Collection[str] = (),
    tags: Collection[str] = (),
    expires_at: datetime | None = None,
    by: str = "",
) -> Granted:
    """Make a token and store its hash.

    Raises:
        BadGrant: it would be of no use, or there is one of that name.
    """
    if not name or name != name.strip() or not name.isprintable() or len(name) > MOST_CHARACTERS:
        raise BadGrant(f"A token needs a name of at most {MOST_CHARACTERS} characters; it is the actor of its purges.")
    rights = {"scopes": checked_scopes(scopes), "hosts": checked_hosts(hosts), "tags": checked_tags(tags)}
    minted = secrets.mint()
    made = Token(name=name, identifier=minted.identifier, digest=minted.digest, created_by=by[:150], **rights)
    made.expires_at = checked_end(expires_at)
    try:
        return Granted(tokens.insert(made), minted.text)
    except IntegrityError as error:
        taken = f"There is or was a token named {name!r}; choose another name, so that history stays clear."
        raise BadGrant(taken) from error


def checked_scopes(scopes: Collection[str]) -> list[str]:
    """At least one, all known."""
    if not scopes or not set(scopes) <= set(Scope.values):
        raise BadGrant(f"A token needs at least one scope of {', '.join(Scope.values)}.")
    return sorted(set(scopes))


def checked_hosts(hosts: Collection[str]) -> list[str]:
    """Each of a site that is configured."""
    known = sorted({urlsplit(site).netloc for site in conf.settings().sites})
    if foreign := sorted({host for host in hosts if host.lower() not in known}):
        raise BadGrant(f"{foreign} are hosts of no site of INVALIDATION['SITES']; these are {known}.")
    return sorted({host.lower() for host in hosts})


def checked_tags(tags: Collection[str]) -> list[str]:
    """Tags, or beginnings of tags with a `*` behind."""
    if wrong := sorted(tag for tag in tags if tag != "*" and not is_tag(tag.removesuffix("*"))):
        raise BadGrant(f"{wrong} are no tags; write 'blog.post:42', or 'blog.post:*' for all that begin so.")
    return sorted(set(tags))


def checked_end(expires_at: datetime | None) -> datetime | None:
    """An instant to come."""
    if expires_at and expires_at <= timezone.now():
        raise BadGrant("A token that has expired already is of no use; give an instant to come.")
    return expires_at
