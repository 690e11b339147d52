"""B8: requests a second with both middlewares, beside the same site without them, in one process.

Validators of pages, which need the first of them to know what a page reads, are given by both.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.django_site import django_site
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.sampling import medians

REQUESTS = 400
OURS = ("invalidation.middleware.CacheTagMiddleware", "invalidation.middleware.CachePolicyMiddleware")
#: Pages, and at least so many requests a second of those without.
PAGES = {"/blog/{slug}/": 0.92, "/blog/": 0.92, "/api/posts/": 0.92, "/about/": 0.85}


class Validated:
    """Lets a site without the middlewares give the validators that are known."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        from invalidation.http.tags import remember_readings
        from invalidation.tracking.collector import Readings

        remember_readings(request, Readings())
        return self.get_response(request)


def application(middleware: list[str]) -> Callable[[str], None]:
    """A WSGI application that has these; called with a path, it answers 200 or fails."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    settings.MIDDLEWARE = middleware
    handler = WSGIHandler()

    def ask(path: str) -> None:
        answer = handler(_environment(path), _expects_ok)
        b"".join(answer)
        answer.close()

    return ask


def _expects_ok(status: str, headers: list[tuple[str, str]], error: Any = None, /) -> Callable[[bytes], object]:
    assert status == "200 OK", (status, headers)
    return bytes


def _environment(path: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }


def figures() -> Iterator[Figure]:
    """Each page."""
    with django_site():
        from django.conf import settings
        from django.core.management import call_command

        from project.blog.models import Post

        call_command("seed_blog", posts=100, verbosity=0)
        every = list(settings.MIDDLEWARE)
        plain = [f"{__name__}.Validated", *(name for name in every if name not in OURS)]
        ours, without = application(every), application(plain)
        slug = Post.objects.filter(status=Post.Status.PUBLISHED).values_list("slug", flat=True)[0]
        for page, least in PAGES.items():
            yield _compared(page, page.format(slug=slug), ours, without, least)


def _compared(
    name: str, path: str, ours: Callable[[str], None], without: Callable[[str], None], least: float
) -> Figure:
    found = medians({"ours": lambda: ours(path), "without": lambda: without(path)}, REQUESTS)
    a_second = {kind: 1e6 / taken for kind, taken in found.items()}
    aim = Aim("≥", least, "ratio")
    return Figure("B8", f"requests of {name}", a_second["ours"], "a second", a_second["without"], "no middleware", aim)
