"""The whole system, and people who look at its admin with a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from deploy.local.forms import Admin
from deploy.local.stack import Stack
from tests.browser.chromium import DESKTOP, PHONE, Visitor, started

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Nginx over Varnish over the blog, with worker and beat."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        assert not running.missing, "the browser tests need Varnish and Nginx"
        yield running


def admin_url(stack: Stack) -> str:
    """Of the application itself: through a Varnish that is down nobody comes, on call least of all."""
    return f"{stack.web_url}/admin/"


@pytest.fixture(scope="session")
def admin(stack: Stack) -> Admin:
    """An editor without a browser."""
    return Admin(admin_url(stack), stack.username, stack.password)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for a module: see `started`."""
    with started() as browser:
        yield browser


@pytest.fixture
def visit(chromium: Browser, stack: Stack) -> Iterator[Visit]:
    """Open a window; at the end of the test nobody's console may have said anything."""
    visitors: list[Visitor] = []

    def visiting(width: int = DESKTOP, scheme: str = "light") -> Visitor:
        window = {"width": width, "height": 900}
        context = chromium.new_context(viewport=window, color_scheme=scheme, is_mobile=width == PHONE)  # type: ignore[arg-type]
        visitors.append(Visitor(admin_url(stack), context))
        return visitors[-1].sign_in(stack.username, stack.password)

    yield visiting
    errors = [error for visitor in visitors for error in visitor.errors]
    for visitor in visitors:
        visitor.context.close()
    assert errors == []
