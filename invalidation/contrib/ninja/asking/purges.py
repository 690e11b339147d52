"""May this token purge that, or take it back? Complaints name the place of what they are about, and repeat nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from invalidation import conf
from invalidation.contrib.ninja.asking import sight
from invalidation.contrib.ninja.asking.bearer import missing_scope
from invalidation.contrib.ninja.asking.scopes import PERMISSIONS, Scope
from invalidation.contrib.ninja.asking.wanted import PreviewRequest, PurgeRequest
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.problems import Complaint, Problem
from invalidation.exceptions import InvalidTarget
from invalidation.models import Event
from invalidation.status import gate
from invalidation.status.scheduled import FARTHEST
from invalidation.targets import sites
from invalidation.targets.values import CacheKey, Targets, checked_prefix, checked_tag, checked_url

CHECKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "tags": (checked_tag, "Write 1 to 128 characters of a-z, 0-9, '_', '.', ':' and '-', such as 'blog.post:42'."),
    "urls": (checked_url, "Write a path such as '/blog/', or an absolute URL; percent-encode what is not ASCII."),
    "prefixes": (checked_prefix, "Write a path such as '/blog/', or an absolute URL, without '*' and '?'."),
    "keys": (CacheKey.of, "Write the name of a key of the default cache."),
}
ADDRESSES = ("urls", "prefixes")


def targets(purge: PreviewRequest, token: Token) -> Targets:
    """What is asked for, if it is something, can be purged, and is this token's to purge.

    Raises:
        Problem: 422 names what can't be read; 403 what is not the token's, or no site's: it is not told which.
    """
    asked: dict[str, Sequence[str]] = {kind: getattr(purge, kind) for kind in CHECKS}
    if not purge.everything and not any(asked.values()):
        raise Problem(422, "Nothing is named to be purged.", "Give tags, urls, prefixes, keys, or everything.").at(
            "body"
        )
    _check_places(asked, token)
    if wrong := [*_wrong(asked), *_unknown_tiers(purge.tiers), *_contradictions(purge)]:
        raise Problem(422, "The request names what can't be purged.", "Mend the fields that are named.", wrong)
    _check_kinds(asked["keys"], purge.everything, token)
    return Targets.of(**asked, everything=purge.everything)


def check_withdrawal(event: Event, token: Token) -> None:
    """Is it this token's to take back? It is where it has asked for it, and still may.

    Raises:
        Problem: 403.
    """
    if not sight.is_own(event, token):
        raise Problem(403, "This token did not ask for that purge.", "Whoever asked for it withdraws it.")
    try:
        asked = Targets.from_document(event.targets)
    except InvalidTarget:  # another version has written it, and its sender is rid of it best
        asked = Targets(everything=token.is_restricted)  # which is no restricted token's
    _check_places({kind: sorted(getattr(asked, kind)) for kind in (*ADDRESSES, "tags")}, token)
    _check_kinds(asked.keys, asked.everything, token)


def _check_places(asked: Mapping[str, Sequence[str]], token: Token) -> None:
    if foreign := list(_foreign(asked, token)):
        raise Problem(403, "This token may not purge that.", "Leave it out, or ask for another token.", foreign)


def _foreign(asked: Mapping[str, Sequence[str]], token: Token) -> Iterator[Complaint]:
    """Addresses of hosts, and tags, beyond the token's."""
    hosts = {urlsplit(site).netloc for site in conf.settings().sites}
    allowed = hosts & set(token.hosts) if token.is_restricted else hosts
    for kind in ADDRESSES:
        for place, url in enumerate(asked[kind]):
            if not _is_on(url, allowed):
                yield Complaint(
                    f"{kind}[{place}]", "is on no host of this token", "Name an absolute URL on one of its own."
                )
    if token.is_restricted:
        for place, tag in enumerate(asked["tags"]):
            if not any(_covers(pattern, tag) for pattern in token.tags):
                yield Complaint(f"tags[{place}]", "is no tag of this token", "Name one of its own.")


def _is_on(url: str, hosts: set[str]) -> bool:
    """Is everything that it stands for on these?"""
    try:
        return all(urlsplit(one).netloc in hosts for one in sites.expand(url, conf.settings().sites))
    except InvalidTarget:
        return False


def _covers(pattern: str, tag: str) -> bool:
    return tag.startswith(pattern[:-1]) if pattern.endswith("*") else tag == pattern


def _wrong(asked: Mapping[str, Sequence[str]]) -> Iterator[Complaint]:
    for kind, (check, fix) in CHECKS.items():
        for place, value in enumerate(asked[kind]):
            try:
                check(value)
            except InvalidTarget:
                yield Complaint(f"{kind}[{place}]", "can't be purged", fix)


def _unknown_tiers(tiers: Sequence[str]) -> Iterator[Complaint]:
    for place, tier in enumerate(tiers):
        if tier not in conf.settings().tiers:
            yield Complaint(f"tiers[{place}]", "is no tier", "Name one that `GET tiers` lists.")


def _contradictions(purge: PreviewRequest) -> Iterator[Complaint]:
    if not isinstance(purge, PurgeRequest):
        return
    if purge.at and purge.at - timezone.now() > FARTHEST:
        yield Complaint("at", "is more than ten years away", "Name a nearer instant.")
    try:
        conf.settings().manner(purge.lane, purge.mode).check()
    except InvalidTarget:
        yield Complaint("mode", "would show a takedown's old copy once more", "Leave it out.")


def _check_kinds(keys: Collection[Any], everything: bool, token: Token) -> None:
    """Keys and everything belong to no host and no tag."""
    for is_asked, scope in ((keys, Scope.PURGE_KEYS), (everything, Scope.PURGE_EVERYTHING)):
        if is_asked and (scope not in token.scopes or token.is_restricted):
            raise missing_scope(scope)


def check_width(purge: PurgeRequest, wanted: Targets, token: Token) -> None:
    """The gate before whatever is started by hand: what is wide needs a scope of its own, and to be confirmed.

    Raises:
        Problem: 403 without the scope, 409 without the confirmation.
    """
    wide = gate.judge(wanted, purge.tiers or None)
    if wide is None:
        return
    scopes = [scope for scope in Scope if scope.startswith("purge_") and PERMISSIONS[scope] in wide.permissions]
    if not set(scopes) & set(token.scopes):
        raise missing_scope(*scopes)
    if not purge.confirm_wide:
        raise Problem(409, f"This reaches {wide}.", "Set `confirm_wide` to true if that is meant.").at("confirm_wide")
