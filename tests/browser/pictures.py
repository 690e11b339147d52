"""Pictures of the admin for the documentation: `python -m tests.browser.pictures`, into docs/images.

It starts the whole system, stops its Varnish, and saves two posts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from deploy.local.forms import Admin
from deploy.local.stack import Stack
from tests.browser.chromium import PHONE, Visitor, started

FOLDER = Path(__file__).resolve().parents[2] / "docs/images"
#: More would make every clone slower.
MOST_BYTES = 150_000
SIZE = {"width": 1000, "height": 760}
PHONE_SIZE = {"width": PHONE, "height": 760}


def main() -> None:
    """Take them all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack, started() as browser:
        url = f"{stack.web_url}/admin/"
        admin = Admin(url, stack.username, stack.password)
        if stack.varnish:
            stack.varnish.stop()
        for pk in (2, 3):
            path = f"blog/post/{pk}/change/"
            admin.send(path, admin.form(path).values | {"title": ["The right price"]})
        with _seen(browser, stack, url, SIZE, "light") as visitor:
            visitor.open("invalidation/event/overview/").get_by_text("refused the connection").first.wait_for()
            _take(visitor, "dashboard.png")
        with _seen(browser, stack, url, PHONE_SIZE, "dark") as visitor:
            visitor.open("invalidation/event/2/change/").locator("#timeline").wait_for()
            _take(visitor, "event-on-a-phone.png")


@contextmanager
def _seen(browser: Browser, stack: Stack, url: str, size: dict[str, int], scheme: str) -> Iterator[Visitor]:
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    yield Visitor(url, context).sign_in(stack.username, stack.password)
    context.close()


def _take(visitor: Visitor, name: str) -> None:
    visitor.page.screenshot(path=FOLDER / name)
    size = (FOLDER / name).stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{name} has {size:,} bytes, more than {MOST_BYTES:,}.")


if __name__ == "__main__":
    main()
