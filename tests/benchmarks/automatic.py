"""B14: requests a second with automatic tags, beside the same site where nobody collects them, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.benchmarks.django_site import django_site
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.sampling import medians
from tests.benchmarks.serving import application

if TYPE_CHECKING:
    from django.http import HttpRequest

REQUESTS = 400
#: At least so many requests a second of those where nothing is collected.
LEAST = 0.95
PAGES = (
    "/blog/{slug}/",
    "/blog/",
    "/blog/category/travel/",
    "/api/posts/",
    "/api/posts/{slug}/",
    "/about/",
    "/sitemap.xml",
)


def figures() -> Iterator[Figure]:
    """Each page."""
    with django_site():
        from django.conf import settings
        from django.core.management import call_command

        from project.blog.models import Post

        call_command("seed_blog", posts=100, verbosity=0)
        ask = application(list(settings.MIDDLEWARE))
        slug = Post.objects.filter(status=Post.Status.PUBLISHED).values_list("slug", flat=True)[0]
        for page in PAGES:
            yield _compared(page, page.format(slug=slug), ask)


def _compared(name: str, path: str, ask: Callable[[str], None]) -> Figure:
    found = medians({"on": _under(path, ask, on=True), "off": _under(path, ask, on=False)}, REQUESTS)
    a_second = {kind: 1e6 / taken for kind, taken in found.items()}
    what = f"requests of {name} with automatic tags"
    aim = Aim("≥", LEAST, "ratio")
    return Figure("B14", what, a_second["on"], "a second", a_second["off"], "nothing collected", aim)


def _under(path: str, ask: Callable[[str], None], *, on: bool) -> Callable[[], None]:
    """A request whose reads are collected, or not; all else, validators included, is as with the setting on."""
    from invalidation.http import automatic
    from invalidation.http.tags import remember_readings
    from invalidation.tracking.collector import Readings

    collecting = automatic.collecting

    @contextmanager
    def nothing(request: HttpRequest) -> Iterator[None]:
        remember_readings(request, Readings())
        yield

    def asked() -> None:
        automatic.collecting = collecting if on else nothing
        ask(path)
        automatic.collecting = collecting

    return asked
