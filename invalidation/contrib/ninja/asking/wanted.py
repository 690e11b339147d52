"""What may be asked, as pydantic checks it and OpenAPI describes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from invalidation.models import EventStatus
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

#: At least one thing is named.
SOMETHING: list[Any] = [
    {"required": [kind], "properties": {kind: {"minItems": 1}}} for kind in ("tags", "urls", "prefixes", "keys")
]


class PurgeRequest(BaseModel):
    """What to purge, where, how urgently and why."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "anyOf": [*SOMETHING, {"required": ["everything"], "properties": {"everything": {"const": True}}}],
            "examples": [{"tags": ["blog.post:42"], "reason": "wrong price"}],
        },
    )

    tags: list[Tag] = Field([], max_length=MOST, description="Tags, such as blog.post:42.")
    urls: list[Url] = Field([], max_length=MOST, description="Paths, which stand for every site, or absolute URLs.")
    prefixes: list[Prefix] = Field([], max_length=MOST, description="Everything below these.")
    keys: list[Key] = Field([], max_length=MOST, description="Keys of the default cache; needs the scope purge_keys.")
    everything: bool = Field(default=False, strict=True, description="Every copy; needs the scope purge_everything.")
    tiers: list[TierName] = Field([], max_length=100, description="Only these tiers; empty for all.")
    lane: Lane = Field(default=Lane.EDITORIAL, description="How urgent it is.")
    mode: Mode | None = Field(
        default=None,
        description="What becomes of the copies; no takedown is `invalidate`. Without it what is usual for the lane.",
    )
    reason: str = Field("", max_length=255, description="For those who read the history.")
    confirm_wide: bool = Field(
        default=False, strict=True, description="Yes, purge everything, or a large share of all known URLs."
    )


class Filters(BaseModel):
    """Which purges to list."""

    status: EventStatus | None = None
    source: Source | None = Field(None, description="What recorded it.")
    correlation_id: str | None = Field(None, min_length=1, max_length=64, pattern="^[!-~]+$")
    cursor: str | None = Field(None, pattern="^[0-9a-f]{46}$", description="`next` of the page before.")
    limit: int = Field(20, ge=1, le=50)

    def chosen(self) -> dict[str, str]:
        """Columns and the values wanted."""
        wanted = {"status": self.status, "source": self.source, "correlation_id": self.correlation_id}
        return {name: str(value) for name, value in wanted.items() if value is not None}
