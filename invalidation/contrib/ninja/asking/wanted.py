"""What may be asked, as pydantic checks it and OpenAPI describes it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from invalidation.targets.values import MAX_URL_CHARACTERS, TAG_PATTERN, Lane, Mode, Source

#: Values of one kind in one request; more belong into a tag, a prefix or several requests.
MOST = 1000
ORIGIN = r"(https?://[A-Za-z0-9.:\[\]-]+)"
#: ASCII without spaces, and no second slash at its beginning, which would be a host; `#` ends what a server is sent.
URL = rf"^({ORIGIN}(/[!-\"$-~]*)?|/([!-\"$-.0-~][!-\"$-~]*)?)$"
PREFIX = rf"^({ORIGIN}(/[!-\"$-)+->@-~]*)?|/([!-\"$-)+-.0->@-~][!-\"$-)+->@-~]*)?)$"

Tag = Annotated[str, Field(pattern=f"^{TAG_PATTERN.pattern}$")]
Url = Annotated[str, Field(pattern=URL, max_length=MAX_URL_CHARACTERS)]
Prefix = Annotated[str, Field(pattern=PREFIX, max_length=MAX_URL_CHARACTERS)]
Key = Annotated[str, Field(pattern=r"^[^\x00]+$", max_length=1000)]
TierName = Annotated[str, Field(min_length=1, max_length=64)]

#: An instant as RFC 3339 writes it, whose time zone is never left to be guessed.
INSTANT = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"


def _instant(value: object) -> datetime:
    """Text alone: a bare number would be taken for seconds, or milliseconds."""
    if not isinstance(value, str) or not re.fullmatch(INSTANT, value):
        raise ValueError("no instant of RFC 3339")
    return datetime.fromisoformat(value.upper())


Instant = Annotated[AwareDatetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]

#: At least one thing is named.
SOMETHING: list[Any] = [
    {"required": [kind], "properties": {kind: {"minItems": 1}}} for kind in ("tags", "urls", "prefixes", "keys")
]


def _described(**example: Any) -> ConfigDict:
    named: list[Any] = [*SOMETHING, {"required": ["everything"], "properties": {"everything": {"const": True}}}]
    return ConfigDict(extra="forbid", frozen=True, json_schema_extra={"anyOf": named, "examples": [example]})


class PreviewRequest(BaseModel):
    """What would be purged, and where."""

    model_config = _described(tags=["blog.post:42"])

    tags: list[Tag] = Field([], max_length=MOST, description="Tags, such as blog.post:42.")
    urls: list[Url] = Field([], max_length=MOST, description="Paths, which stand for every site, or absolute URLs.")
    prefixes: list[Prefix] = Field([], max_length=MOST, description="Everything below these.")
    keys: list[Key] = Field([], max_length=MOST, description="Keys of the default cache; needs the scope purge_keys.")
    everything: bool = Field(default=False, strict=True, description="Every copy; needs the scope purge_everything.")
    tiers: list[TierName] = Field([], max_length=100, description="Only these tiers; empty for all.")


class PurgeRequest(PreviewRequest):
    """What to purge, where, when, how urgently and why."""

    model_config = _described(tags=["blog.post:42"], reason="wrong price")

    lane: Lane = Field(default=Lane.EDITORIAL, description="How urgent it is.")
    mode: Mode | None = Field(
        default=None,
        description="What becomes of the copies; no takedown is `invalidate`. Without it what is usual for the lane.",
    )
    at: Instant | None = Field(None, description="Not before this instant, at most ten years ahead; null for now.")
    reason: str = Field("", max_length=255, description="For those who read the history.")
    confirm_wide: bool = Field(
        default=False, strict=True, description="Yes, purge everything, or a large share of all known URLs."
    )


#: Of an event, or of one that is to come.
Status = Literal["scheduled", "pending", "claimed", "done", "dead"]


class Filters(BaseModel):
    """Which purges to list."""

    status: Status | None = None
    source: Source | None = Field(None, description="What recorded it.")
    correlation_id: str | None = Field(None, min_length=1, max_length=64, pattern="^[!-~]+$")
    cursor: str | None = Field(None, pattern="^[0-9a-f]{46}$", description="`next` of the page before.")
    limit: int = Field(20, ge=1, le=50)

    def chosen(self) -> dict[str, str]:
        """Columns and the values wanted."""
        wanted = {"status": self.status, "source": self.source, "correlation_id": self.correlation_id}
        return {name: str(value) for name, value in wanted.items() if value is not None}
