"""Which further URLs a URL stands for, by settings that count for every tier: languages, slashes, queries. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from invalidation.targets.values import MAX_URL_CHARACTERS, Targets


@dataclass(frozen=True, slots=True)
class Variants:
    """What is declared; by default nothing, so that a URL stands for itself alone."""

    languages: Sequence[str] = ()
    slashes: bool = False
    queries: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.languages or self.slashes or self.queries)


def spread(targets: Targets, variants: Variants) -> Targets:
    """`targets` with every declared variant of its URLs, and of its prefixes in every language."""
    if not variants or targets.everything:
        return targets
    urls = _short(variant for url in targets.urls for variant in of(url, variants))
    prefixes = _short(variant for prefix in targets.prefixes for variant in _languages(prefix, variants.languages))
    return Targets(targets.tags, targets.urls | urls, targets.prefixes | prefixes, targets.keys)


def of(url: str, variants: Variants) -> Iterator[str]:
    """The URL itself and its variants."""
    for translated in _languages(url, variants.languages):
        for twin in _twins(translated) if variants.slashes else (translated,):
            yield twin
            if "?" not in twin:
                yield from (f"{twin}?{query}" for query in variants.queries)


def _languages(url: str, languages: Sequence[str]) -> Iterator[str]:
    """The page in every language, and without one."""
    yield url
    origin, path = _split(url)
    if not languages:
        return
    bare = _without_language(path, languages)
    yield origin + bare
    if not bare[1:].partition("?")[0]:  # a front page is asked for as /en, too
        yield from (f"{origin}/{language}{bare[1:]}" for language in languages)
    yield from (f"{origin}/{language}{bare}" for language in languages)


def _without_language(path: str, languages: Sequence[str]) -> str:
    """The path without its first folder, where that is a language; `/` is that of `/en`."""
    first, slash, rest = path[1:].partition("/")
    language, mark, query = first.partition("?")
    if language not in languages:
        return path
    return f"/{rest}" if slash and not mark else f"/{mark}{query}{slash}{rest}"


def _twins(url: str) -> Iterator[str]:
    yield url
    path, mark, query = url.partition("?")
    if _split(path)[1] == "/":
        return
    yield (path.rstrip("/") if path.endswith("/") else f"{path}/") + mark + query


def _split(url: str) -> tuple[str, str]:
    """Scheme and host, "" for a path; then the path with its query."""
    if url.startswith("/"):
        return "", url
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return origin, url[len(origin) :] or "/"


def _short(urls: Iterable[str]) -> frozenset[str]:
    """Without those that grew beyond what a URL may be; no cache holds them."""
    return frozenset(url for url in urls if len(url) <= MAX_URL_CHARACTERS)
