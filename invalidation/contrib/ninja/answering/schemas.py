"""What is answered, described for OpenAPI: models made of the very documents that the status module gives."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel, create_model


class ComplaintSchema(BaseModel):
    """One field that can't be used."""

    field: str
    detail: str
    fix: str


class ProblemSchema(BaseModel):
    """What is wrong and what mends it (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    fix: str
    errors: list[ComplaintSchema]


@cache
def described(document: type[Any]) -> type[BaseModel]:
    """The model of a TypedDict, so that what is described is what is answered."""
    columns: dict[str, Any] = {name: (_described(hint), ...) for name, hint in get_type_hints(document).items()}
    return create_model(document.__name__, __doc__=document.__doc__, **columns)


def _described(hint: Any) -> Any:
    """The same with models in place of TypedDicts, also inside lists and unions."""
    if is_typeddict(hint):
        return described(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is list:
        return list[_described(inner[0])]  # type: ignore[misc]
    if inner and any(map(is_typeddict, inner)):
        [found] = [one for one in inner if is_typeddict(one)]
        return described(found) | None
    return hint
