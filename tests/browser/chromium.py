"""Debian's Chromium, headless, which refuses whatever a strict content security policy refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, sync_playwright

PROGRAM = Path("/usr/bin/chromium")
#: As root there is no sandbox to be had; the others keep it from asking hosts on the internet.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'"
#: Of axe-core's judgements those that keep somebody from using a page.
GRAVE = ("serious", "critical")
DESKTOP, PHONE = 1400, 390
#: The reference site has none, and a browser asks for it unasked.
UNASKED = "/favicon.ico"


@contextmanager
def started() -> Iterator[Browser]:
    """The browser; while it runs, Django lets nobody ask its database in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody with a window of their own, signed in at the admin."""

    admin_url: str
    context: BrowserContext
    errors: list[str] = field(default_factory=list)
    """What the console said of everything that was visited."""

    @property
    def page(self) -> Page:
        """The window."""
        return self.context.pages[0]

    def sign_in(self, username: str, password: str) -> Visitor:
        """By the form, as everybody."""
        self.context.route("**/*", _under_policy)
        page = self.context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.admin_url}login/?next=/admin/")
        page.fill("#id_username", username)
        page.fill("#id_password", password)
        page.click("[type=submit]")
        page.wait_for_selector("#user-tools")
        return self

    def open(self, path: str) -> Page:
        """A page below the admin."""
        self.page.goto(self.admin_url + path)
        return self.page

    def grave(self) -> list[str]:
        """What axe-core finds wrong with the page, each with its first place."""
        heard = len(self.errors)
        found = Axe().run(self.page).response["violations"]
        del self.errors[heard:]  # it styles what it looks at, which the policy refuses
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in GRAVE]

    def width(self) -> int:
        """Of all that can be scrolled to, in pixels."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.location["url"].endswith(UNASKED):
            self.errors.append(message.text)


def _under_policy(route: Route) -> None:
    """Documents come as from a site with a strict policy."""
    if route.request.resource_type != "document":
        route.continue_()
        return
    answer = route.fetch(max_redirects=0)
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})
