"""Pictures of the admin for the documentation: `python -m tests.browser.pictures`, into docs/images.

It starts the whole system and stages what an operator meets: nothing yet, work under way, an outage. Names of pictures,
such as `dashboard-empty event`, take those alone.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Page

from deploy.local import wait_for
from deploy.local.forms import Admin
from deploy.local.stack import Stack
from tests.browser.chromium import PHONE, Visitor, started
from tests.browser.refusing import refusing

FOLDER = Path(__file__).resolve().parents[2] / "docs/images"
#: More would make every clone slower; colours beyond these nobody misses.
MOST_BYTES, COLOURS = 60_000, 64
WIDTH, WIDE, LOWEST, TALLEST = 1000, 1280, 300, 1250
#: The admin's own list of models, which is the same beside every page.
WITHOUT_SIDEBAR = "localStorage.setItem('django.admin.navSidebarIsOpen', 'false')"
#: Of what a person has to wait for: the breaker's pause and one more try.
PATIENCE_MILLISECONDS = 120_000
EVENT = "invalidation/event/"
DASHBOARD, DOCTOR, AUDIT = f"{EVENT}overview/", f"{EVENT}doctor/", f"{EVENT}audit/"
REASON = "wrong price"


def nothing(_: Page) -> None:
    """The page as it opens."""


@dataclass(frozen=True)
class Shot:
    """One picture: the page, what is done there, and what is waited for before it is taken."""

    name: str
    path: str
    seen: str
    do: Callable[[Page], None] = nothing
    phone: bool = False
    dark: bool = False
    wide: bool = False
    """For a list, whose columns take room."""

    @property
    def width(self) -> int:
        """Of the window, in pixels."""
        return PHONE if self.phone else WIDE if self.wide else WIDTH


def fill(**fields: str) -> Callable[[Page], None]:
    """The form of a purge, by the names of its fields."""

    def filled(page: Page) -> None:
        for name, text in fields.items():
            page.fill(f"#id_{name}", text)

    return filled


def preview(**fields: str) -> Callable[[Page], None]:
    """The same, and its first button."""

    def previewed(page: Page) -> None:
        fill(**fields)(page)
        page.get_by_role("button", name="Preview").click()

    return previewed


def preview_everything(page: Page) -> None:
    """The widest of them."""
    page.check("#id_everything")
    page.get_by_role("button", name="Preview").click()


def press(name: str) -> Callable[[Page], None]:
    """A button."""
    return lambda page: page.get_by_role("button", name=name).first.click()


def newest(page: Page) -> None:
    """The first of a list."""
    page.locator("#result_list tbody th a").first.click()


def save(page: Page) -> None:
    """Of an object."""
    page.fill("#id_title", "The right price")
    page.click("[name=_continue]")


EMPTY = (
    Shot("dashboard-empty", DASHBOARD, "#mood[data-mood=well]"),
    Shot("audit-empty", AUDIT, "text=No audit is remembered", phone=True),
)
WAITING = (Shot("dashboard-busy", DASHBOARD, "#mood[data-mood=busy]", dark=True),)
WELL = (
    Shot("after-saving", "blog/post/3/change/", ".messagelist >> text=Purging", save),
    Shot("event", f"{EVENT}2/change/", "#event-status[data-status=done]"),
    Shot("event-on-a-phone", f"{EVENT}2/change/", "#event-status[data-status=done]", phone=True, dark=True),
    Shot("events", EVENT, "#result_list", wide=True),
    Shot("batches", "invalidation/batch/", "#result_list", wide=True),
    Shot("batch", "invalidation/batch/2/change/", ".field-targets, #content-main"),
    Shot("deliveries", "invalidation/delivery/", "#result_list", wide=True),
    Shot("object-purges", "blog/post/2/purges/", "#purges"),
    Shot("purge", f"{EVENT}purge/", "#purge_form", fill(tags="blog.post:2", urls="/blog/", reason=REASON)),
    Shot("purge-preview", f"{EVENT}purge/", "#where", preview(tags="blog.post:2", urls="/blog/", reason=REASON)),
    Shot("purge-wide", f"{EVENT}purge/", "#id_confirm_wide", preview_everything, phone=True),
    Shot("why", f"{EVENT}why/?url=/blog/", ".inv-answer", press("Ask every node")),
    Shot("doctor", DOCTOR, "#verdict.inv-well", phone=True),
    Shot("audit", AUDIT, "#verdict"),
    Shot("tokens", "invalidation_api/token/", "#result_list", wide=True),
    Shot("dashboard-well", DASHBOARD, "#charts svg"),
)
BURNING = (
    Shot("dashboard", DASHBOARD, ".inv-alarms >> text=refused the connection"),
    Shot("dashboard-on-a-phone", DASHBOARD, ".inv-alarms >> text=refused the connection", phone=True, dark=True),
    Shot("doctor-burning", DOCTOR, "#verdict.inv-bad", dark=True),
)
DEAD = (
    Shot("dashboard-dead", DASHBOARD, ".inv-alarms >> text=refused the purge with 403"),
    Shot("event-dead", f"{EVENT}?status__exact=dead", "#event-status[data-status=dead]", newest),
    Shot("delivery-dead", "invalidation/delivery/?status__exact=rejected", "#content-main form", newest),
)


@dataclass
class Studio:
    """The running system, and whoever looks at it."""

    stack: Stack
    browser: Browser
    wanted: Collection[str] = ()
    taken: list[str] = field(default_factory=list)

    @property
    def admin_url(self) -> str:
        """Of the application itself: through a Varnish that is down nobody comes."""
        return f"{self.stack.web_url}/admin/"

    def take(self, shots: Sequence[Shot]) -> None:
        """Those that are wanted."""
        for shot in shots:
            if not self.wanted or shot.name in self.wanted:
                with self._visitor(shot) as visitor:
                    self._take(shot, visitor)
                self.taken.append(shot.name)

    @contextmanager
    def _visitor(self, shot: Shot) -> Iterator[Visitor]:
        window = {"width": shot.width, "height": LOWEST}
        scheme = "dark" if shot.dark else "light"
        context = self.browser.new_context(viewport=window, color_scheme=scheme)  # type: ignore[arg-type]
        context.add_init_script(WITHOUT_SIDEBAR)
        yield Visitor(self.admin_url, context).sign_in(self.stack.username, self.stack.password)
        context.close()

    def _take(self, shot: Shot, visitor: Visitor) -> None:
        page = visitor.open(shot.path)
        shot.do(page)
        page.locator(shot.seen).first.wait_for(timeout=PATIENCE_MILLISECONDS)
        height = min(TALLEST, int(page.evaluate("document.documentElement.scrollHeight")))
        page.set_viewport_size({"width": shot.width, "height": height})
        save_small(page.screenshot(), FOLDER / f"{shot.name}.png")


def save_small(picture: bytes, path: Path) -> None:
    """With few colours, which a page of text has."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise SystemExit(f"{path.name} has {size:,} bytes, more than {MOST_BYTES:,}.")


def retitle(stack: Stack, *posts: int, title: str = "The right price") -> None:
    """Save posts with another title."""
    admin = Admin(f"{stack.web_url}/admin/", stack.username, stack.password)
    for pk in posts:
        path = f"blog/post/{pk}/change/"
        admin.send(path, admin.form(path).values | {"title": [title]})


def waiting(studio: Studio) -> None:
    """Nobody claims what is saved."""
    studio.stack.worker.stop()
    retitle(studio.stack, 2, 3, 4)
    studio.take(WAITING)
    studio.stack.worker.start()


def well(studio: Studio) -> None:
    """Every tier has confirmed what was saved, and an audit was made."""
    misspelt = ("purge", "--tag", "blog.pots:42", "--reason", REASON, "--wait", "30")
    token = ("invalidation_token", "create", "deploy", "--scope", "purge", "--days", "365")
    for command in (("invalidation_doctor",), ("warm_cache",), misspelt, ("invalidation_audit",), token):
        studio.stack.manage(*command)
    studio.take(WELL)


def burning(studio: Studio) -> None:
    """Varnish is gone; then somebody else answers where it was."""
    assert studio.stack.varnish
    studio.stack.varnish.stop()
    retitle(studio.stack, 2, 3, title="Now or never")
    studio.stack.manage("invalidation_doctor")
    studio.take(BURNING)
    with refusing(urlsplit(studio.stack.varnish.url).port or 0):
        dead = ("invalidation_status", "--fail-on", "dead")
        wait_for(lambda: studio.stack.manage(*dead).returncode, PATIENCE_MILLISECONDS / 1000, "a dead letter")
        studio.take(DEAD)


def main(wanted: Collection[str]) -> None:
    """Take them, in the order in which the system goes from bad to worse."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack, started() as browser:
        studio = Studio(stack, browser, wanted)
        stack.manage("invalidation_doctor")  # workers looked while the proxies were not there yet
        studio.take(EMPTY)
        for scene in (waiting, well, burning):
            scene(studio)
    sys.stdout.write(f"{len(studio.taken)} pictures: {', '.join(studio.taken)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
