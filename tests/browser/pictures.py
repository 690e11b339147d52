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
from typing import Any
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
#: Of a task in Flower: what stands below names folders of this machine.
ABOVE_TRACEBACK = 1100
#: The admin's own list of models, which is the same beside every page.
WITHOUT_SIDEBAR = "localStorage.setItem('django.admin.navSidebarIsOpen', 'false')"
#: Of what a person has to wait for: the breaker's pause and one more try.
PATIENCE_MILLISECONDS = 120_000
EVENT, EVENT_PAGE = "invalidation/event/", "invalidation_event_change"
SCHEDULED, SCHEDULED_PAGE = "invalidation/scheduledevent/", "invalidation_scheduledevent_change"
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
    flower: bool = False
    """Of Flower's pages, not of the admin's."""
    tallest: int = TALLEST
    leads_to: str = ""
    """Where it is another page than that of the path: its name among the admin's addresses."""

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


def to_come(page: Page) -> None:
    """The next that is scheduled."""
    page.locator("#result_list td.field-short_uid a").first.click()


def choose_some(page: Page) -> None:
    """The action of a list, for its first three objects."""
    for box in page.locator("input.action-select").all()[:3]:
        box.check()
    page.select_option("[name=action]", "purge_cached_copies")
    page.locator("button[name=index]").first.click()


def token(page: Page) -> None:
    """What a shop's token may do."""
    page.fill("#id_name", "shop")
    page.check("[name=scopes][value=purge]")
    page.fill("#id_tags", "blog.post:*")


def make_token(page: Page) -> None:
    """The same, and its button."""
    token(page)
    page.click("[name=_save]")


def look_for(words: str) -> Callable[[Page], None]:
    """Flower's search."""
    return lambda page: page.fill("#tasks-table_filter input", words)


def failed_task(page: Page) -> None:
    """The newest."""
    look_for("state:FAILURE")(page)
    row = page.locator("#tasks-table tbody tr", has_text="FAILURE").first
    row.locator("a[href*='/task/']").click()


def save(page: Page) -> None:
    """Of an object."""
    page.fill("#id_title", "The right price")
    page.click("[name=_continue]")


EMPTY = (
    Shot("dashboard-empty", DASHBOARD, "#mood[data-mood=well]"),
    Shot("audit-empty", AUDIT, "text=No audit is remembered", phone=True),
)
WAITING = (
    Shot("dashboard-busy", DASHBOARD, "#mood[data-mood=busy]", dark=True),
    Shot("event-waiting", EVENT, "#event-status >> text=no worker has claimed it", newest, leads_to=EVENT_PAGE),
    Shot("dashboard-no-worker", DASHBOARD, ".inv-alarms >> text=Nobody seems to take it"),
)
WELL = (
    Shot("after-saving", "blog/post/3/change/", ".messagelist >> text=Purging", save),
    Shot("event", f"{EVENT}2/change/", "#event-status[data-status=done]"),
    Shot("event-on-a-phone", f"{EVENT}2/change/", "#event-status[data-status=done]", phone=True, dark=True),
    Shot("app", "invalidation/", ".inv-tools"),
    Shot("events", EVENT, "#result_list", wide=True),
    Shot("events-on-a-phone", EVENT, "#result_list", phone=True, dark=True),
    Shot("scheduled", SCHEDULED, "#result_list", wide=True),
    Shot("scheduled-one", f"{SCHEDULED}?origin=asked", "[name=withdraw]", to_come, leads_to=SCHEDULED_PAGE),
    Shot("batches", "invalidation/batch/", "#result_list", wide=True),
    Shot("batch", "invalidation/batch/2/change/", ".field-targets, #content-main"),
    Shot("deliveries", "invalidation/delivery/", "#result_list", wide=True),
    Shot("delivery", "invalidation/delivery/2/change/", ".field-outcome"),
    Shot("object-purges", "blog/post/2/purges/", "#purges"),
    Shot("purge", f"{EVENT}purge/", "#purge_form", fill(tags="blog.post:2", urls="/blog/", reason=REASON)),
    Shot("purge-preview", f"{EVENT}purge/", "#where", preview(tags="blog.post:2", urls="/blog/", reason=REASON)),
    Shot("purge-wide", f"{EVENT}purge/", "#id_confirm_wide", preview_everything, phone=True),
    Shot("why", f"{EVENT}why/?url=/blog/", ".inv-answer", press("Ask every node")),
    Shot("doctor", DOCTOR, "#verdict.inv-well", phone=True),
    Shot("audit", AUDIT, "#verdict"),
    Shot("token-new", "invalidation_api/token/add/", "#id_name", token),
    Shot("token-created", "invalidation_api/token/add/", "#token", make_token),
    Shot("token", "invalidation_api/token/1/change/", ".field-on_tags"),
    Shot("tokens", "invalidation_api/token/", "#result_list", wide=True),
    Shot("dashboard-well", DASHBOARD, "#charts svg"),
)
BURNING = (
    Shot("dashboard", DASHBOARD, ".inv-alarms >> text=refused the connection"),
    Shot("dashboard-on-a-phone", DASHBOARD, ".inv-alarms >> text=refused the connection", phone=True, dark=True),
    Shot("doctor-burning", DOCTOR, "#verdict.inv-bad", dark=True),
    Shot("why-burning", f"{EVENT}why/?url=/blog/", ".inv-answer", press("Ask every node")),
    Shot("purge-preview-burning", f"{EVENT}purge/", ".inv-node.inv-bad", preview(tags="blog.post:2", reason=REASON)),
    Shot("event-burning", EVENT, "#standing.inv-warn", newest, leads_to=EVENT_PAGE, dark=True),
)
DEAD = (
    Shot("dashboard-dead", DASHBOARD, ".inv-alarms >> text=refused the purge with 403"),
    Shot("event-dead", f"{EVENT}?status__exact=dead", "#event-status[data-status=dead]", newest, leads_to=EVENT_PAGE),
    Shot("delivery-dead", "invalidation/delivery/?status__exact=rejected", ".field-remedy", newest),
    Shot("flower-tier", "tasks", "#tasks-table >> text=FAILURE", look_for("varnish"), flower=True),
    Shot("flower-tag", "tasks", "#tasks-table >> text=invalidation.drain", look_for("blog.post:3"), flower=True),
    Shot("flower-task", "tasks", ".badge >> text=FAILURE", failed_task, flower=True, tallest=ABOVE_TRACEBACK),
)
UNCOUNTED = (Shot("purge-selected", "blog/post/", "#confirm_form", choose_some),)


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
        account = (self.stack.username, self.stack.password)
        options: dict[str, Any] = {"viewport": {"width": shot.width, "height": LOWEST}}
        if shot.flower:
            options["http_credentials"] = dict(zip(("username", "password"), account, strict=True))
        context = self.browser.new_context(color_scheme="dark" if shot.dark else "light", **options)
        context.add_init_script(WITHOUT_SIDEBAR)
        if shot.flower:
            context.new_page()
            yield Visitor(f"{self.stack.flower_url}/", context)
        else:
            yield Visitor(self.admin_url, context).sign_in(*account)
        context.close()

    def _take(self, shot: Shot, visitor: Visitor) -> None:
        page = visitor.open(shot.path)
        shot.do(page)
        page.locator(shot.seen).first.wait_for(timeout=PATIENCE_MILLISECONDS)
        height = min(shot.tallest, int(page.evaluate("document.documentElement.scrollHeight")))
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
    later = ("purge", "--tag", "blog.post:2", "--reason", "the offer ends", "--at", "+2h")
    for command in (("invalidation_doctor",), ("warm_cache",), misspelt, later, ("invalidation_audit",), token):
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


def without_redis(studio: Studio) -> None:
    """Nobody can count what a tag reaches."""
    studio.stack.redis.stop()
    studio.take(UNCOUNTED)
    studio.stack.redis.start()


def main(wanted: Collection[str]) -> None:
    """Take them, in the order in which the system goes from bad to worse."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack, started() as browser:
        studio = Studio(stack, browser, wanted)
        stack.manage("invalidation_doctor")  # workers looked while the proxies were not there yet
        studio.take(EMPTY)
        for scene in (waiting, well, burning, without_redis):
            scene(studio)
    sys.stdout.write(f"{len(studio.taken)} pictures: {', '.join(studio.taken)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
