"""Turns the public names, their signatures and first sentences into docs/reference/python-api.md.

`python -m tests.adoption.documentation.python_api` writes it.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from importlib import import_module
from typing import Any

from tests.adoption.documentation.commands import ROOT

PAGE = ROOT / "docs/reference/python-api.md"
BEGINNING = """# Python API

What is named here keeps its name and meaning under the [upgrade policy](../upgrade-policy.md); everything else may
change with any release. Each line has the signature and what it does in a sentence; the docstrings have the rest.

This page is generated: `python -m tests.adoption.documentation.python_api`.
"""
CACHE = ("get", "get_many", "get_or_set", "set", "stamps", "look", "invalidate")
#: By module, the public names of each, and the methods of a class that are meant to be called or written.
MODULES: dict[str, dict[str, tuple[str, ...]]] = {
    "invalidation": {
        "register": (),
        "Rules": (
            *("when", "tags", "urls", "prefixes", "keys"),
            *("derived_urls", "changed", "changes_at"),
        ),
        "invalidate": (),
        "ainvalidate": (),
        "suspend": (),
        "widen": (),
        "object_tag": (),
        "Targets": ("of",),
        "CacheKey": (),
        "Lane": (),
    },
    "invalidation.managers": {"InvalidatingManager": (), "InvalidatingQuerySet": ()},
    "invalidation.models": {
        **dict.fromkeys(("Event", "Batch", "Delivery", "ScheduledEvent", "Verification", "AtomicSaveMixin"), ())
    },
    "invalidation.middleware": {"CacheTagMiddleware": (), "CachePolicyMiddleware": ()},
    "invalidation.http": {
        **dict.fromkeys(("cache_tags", "add_cache_tags", "tags_of", "conditional", "cache_public_page"), ())
    },
    "invalidation.caching": {
        "TaggedCache": CACHE,
        "ABSENT": (),
        "CachedManager": (),
        "CachedQuerySet": ("cached", "cached_filter", "cached_get", "cached_count", "cached_exists"),
        "cache_queryset": (),
        "fragment_key": (),
        "fresh_start": (),
    },
    "invalidation.keys": {"pattern": (), "fragment": (), "pages": ()},
    "invalidation.testing": {
        "assert_invalidates": (),
        "assert_not_invalidates": (),
        "recorded": (),
        "Recording": ("reaches",),
        "page_tags": (),
        "offline": (),
    },
    "invalidation.contrib.celery": {"configure": ()},
    "invalidation.contrib.wagtail": {"register_pages": (), "PageRules": (), "FrontendCache": ()},
}
NOTES = {
    "invalidation.caching": "`invalidation.caching.tagged` has the methods of `TaggedCache()` as functions, for the "
    "alias `default`. Each has an asynchronous form whose name begins with `a`, but for `stamps` and `look`.",
    "invalidation.contrib.celery": "Belongs into `INSTALLED_APPS`, as `invalidation.contrib.prometheus` does.",
}
SENTENCE = re.compile(r".+?[.!?](?=\s|$)", re.DOTALL)
#: Objects that have no docstring of their own.
OBJECTS = {"ABSENT": "What is answered where there is no value, because None is one."}


def page() -> str:
    """The page of the documentation."""
    return BEGINNING + "".join(_section(name, names) for name, names in MODULES.items())


def _section(name: str, names: dict[str, tuple[str, ...]]) -> str:
    module = import_module(name)
    lines = [line for public, methods in names.items() for line in _lines(getattr(module, public), public, methods)]
    note = f"{textwrap.fill(NOTES[name], 120)}\n\n" if name in NOTES else ""
    return f"\n## {name}\n{note}{''.join(lines)}"


def _lines(value: Any, name: str, methods: tuple[str, ...]) -> list[str]:
    own = [_line(inspect.getattr_static(value, method), f"{name}.{method}") for method in methods]
    return [_line(value, name), *own]


def _line(value: Any, name: str) -> str:
    return f"* `{name}{signature(value)}`: {OBJECTS.get(name) or sentence(value)}\n"


def sentence(value: Any) -> str:
    """The first of its docstring."""
    found = SENTENCE.match(inspect.getdoc(_plain(value)) or "")
    assert found, value
    return " ".join(found[0].split())


def signature(value: Any) -> str:
    """As it is written; nothing for a class without a constructor of its own, or for an object."""
    value = _plain(value)
    if inspect.isclass(value):
        value = vars(value).get("__init__")
        if value is None or not hasattr(value, "__code__") or value.__code__.co_filename == "<string>":
            return ""
    if not inspect.isfunction(value):
        return ""
    [function] = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    arguments = re.sub(r"^(self|cls)(, )?", "", ast.unparse(function.args))
    arguments = re.sub(r"(?<=[\w\]])=", " = ", arguments)  # every parameter has a type
    return f"({arguments})" + (f" -> {ast.unparse(function.returns)}" if function.returns else "")


def _plain(value: Any) -> Any:
    """The function below its decorators."""
    value = getattr(value, "__func__", value)
    return inspect.unwrap(value) if callable(value) else type(value)


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.test")
    django.setup()
    PAGE.write_text(page())
