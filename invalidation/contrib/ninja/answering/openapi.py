"""openapi.json: django-ninja's description, whose errors are called what they are."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ninja import NinjaAPI

from invalidation.contrib.ninja.problems import MEDIA_TYPE

FIRST_ERROR = 400


@lru_cache(maxsize=8)
def description(api: NinjaAPI, prefix: str) -> dict[str, Any]:
    """Of the API as it is mounted at this path."""
    schema = dict(api.get_openapi_schema(path_prefix=prefix))
    for operations in schema["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= FIRST_ERROR:
                    response["content"] = {MEDIA_TYPE: response["content"].popitem()[1]}
    return schema
