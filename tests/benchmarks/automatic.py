"""B14: requests a second with automatic tags on, beside the same site with them off, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.benchmarks.django_site import django_site
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.sampling import medians
from tests.benchmarks.serving import application

REQUESTS = 400
#: At least so many requests a second of those with the setting off.
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
    return Figure("B14", what, a_second["on"], "a second", a_second["off"], "off", Aim("≥", LEAST, "ratio"))


def _under(path: str, ask: Callable[[str], None], *, on: bool) -> Callable[[], None]:
    """A request while the setting is on, or off."""
    from invalidation import conf

    given = conf.settings()
    settings = replace(given, pages=replace(given.pages, automatic_tags=on))

    def asked() -> None:
        conf.settings = lambda: settings  # type: ignore[assignment]  # parsing them again would be measured too
        ask(path)

    return asked
