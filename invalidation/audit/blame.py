"""Where something is written: the line of a rule's method, of a model, of the view behind an address."""

from __future__ import annotations

import inspect
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from django.conf import settings as django_settings
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils import translation

from invalidation.targets import sites

#: Of a path inside an installed package.
PACKAGES = "site-packages"
#: Attributes under which what makes a view function of a class leaves the class.
CLASSES = ("view_class", "cls")


class View(NamedTuple):
    """Behind an address."""

    route: str | None
    name: str


NO_VIEW = View(None, "no view of this site")


def place(written: Any) -> str:
    """`blog/views.py:12`, relative to where the command runs; empty for what has no source."""
    try:
        file = inspect.getsourcefile(written) or ""
        line = inspect.getsourcelines(written)[1]
    except (OSError, TypeError):
        return ""
    return f"{_short(file)}:{line}" if file else ""


def _short(file: str) -> str:
    path = Path(file).resolve()
    if PACKAGES in path.parts:
        return "/".join(path.parts[path.parts.index(PACKAGES) + 1 :])
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def at(name: str, written: Any) -> str:
    """`PostRules.tags at blog/invalidations.py:12`."""
    where = place(written)
    return f"{name} at {where}" if where else name


@lru_cache(maxsize=65_536)
def view_of(url: str) -> View:
    """What the URL configuration leads to, in the language of the address."""
    path = unquote(url[len(sites.origin(url)) :].partition("?")[0]) or "/"
    below = get_script_prefix().rstrip("/")
    asked = path.removeprefix(below) if path.startswith(f"{below}/") else path
    language = translation.get_language_from_path(asked) if django_settings.USE_I18N else None
    try:
        with translation.override(language or django_settings.LANGUAGE_CODE):
            match = resolve(asked)
    except Resolver404:
        return NO_VIEW
    return View(match.route, _view(match.func))


@cache
def _view(function: Any) -> str:
    written = inspect.unwrap(function)
    written = next((known for name in CLASSES if inspect.isclass(known := getattr(written, name, None))), written)
    written = getattr(written, "func", written)  # functools.partial
    if not hasattr(written, "__qualname__"):  # an instance that can be called
        written = type(written)
    return at(f"view {written.__qualname__}", written)
