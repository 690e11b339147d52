"""Problems as RFC 9457 wants them: what is wrong, in which field, and what mends it; never what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse

from invalidation.contrib.ninja.secrets import concealed

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One field that can't be used."""

    field: str
    detail: str
    fix: str


class Problem(Exception):
    """Ends a request with an answer of this status."""

    def __init__(
        self,
        status: int,
        detail: str,
        fix: str,
        complaints: Iterable[Complaint] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.fix = status, detail, fix
        self.complaints: Sequence[Complaint] = tuple(complaints)
        self.headers = dict(headers or {})

    def at(self, field: str) -> Problem:
        """The same, which names the one field that it is about."""
        self.complaints = (Complaint(field, self.detail, self.fix),)
        return self

    def document(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "fix": self.fix,
            "errors": [asdict(complaint) for complaint in self.complaints],
        }

    def response(self) -> HttpResponse:
        """The answer."""
        text = concealed(json.dumps(self.document(), ensure_ascii=False))
        return HttpResponse(text, status=self.status, content_type=MEDIA_TYPE, headers=self.headers)


def not_found() -> Problem:
    """The same for what isn't there and for what isn't shown to this token."""
    return Problem(404, "There is nothing here for this token.", "Look at the address, and at `openapi.json`.")


#: Fixes by the kind of pydantic's complaint.
FIXES = {
    "missing": "Send it.",
    "extra_forbidden": "Leave it out; openapi.json lists what is known.",
    "string_pattern_mismatch": "Write it as openapi.json describes it; percent-encode what is not ASCII.",
}
#: Most complaints that one answer lists.
LISTED = 100


def complaints(errors: Iterable[Mapping[str, Any]]) -> Iterator[Complaint]:
    """What pydantic complains of, without the values that it was given."""
    for error in errors:
        names = [one for one in error["loc"] if one not in ("body", "purge", "query", "header", "filters")]
        kind = str(error["type"])
        yield Complaint(_path(names), _words(kind), FIXES.get(kind, "Write it as openapi.json describes it."))


def _path(names: Sequence[str | int]) -> str:
    """Such as `urls[3]`; the name of a field that nobody knows is cut short."""
    text = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in names)
    return text.removeprefix(".")[:100] or "body"


def _words(kind: str) -> str:
    return f"can't be read: {kind.replace('_', ' ')}"
