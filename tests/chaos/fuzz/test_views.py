"""Every page of the admin, as every kind of user, with every kind of input: answered or refused, never broken."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

import invalidation
from invalidation.models import Batch, Delivery, Event
from project.blog.models import Category, Post
from tests.chaos.fuzz.examples import asking
from tests.unit.operators.conftest import UNREADABLE_URLS

#: What a browser can send: text that UTF-8 has a form for.
TYPED = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
LINES = st.lists(TYPED | st.sampled_from([*UNREADABLE_URLS, "/", "blog.post", "/de/"]), max_size=4).map("\n".join)
POSTS = ["view_post", "change_post"]
USERS: dict[str, list[str] | None] = {
    "stranger": None,
    "staff": [],
    "viewer": ["view_event", "view_batch", "view_delivery"],
    "editor": POSTS,
    "purger": ["purge", *POSTS],
    "wide": ["purge", "purge_wide", *POSTS],
    "everything": ["purge", "purge_everything", *POSTS],
}
POWERLESS = ("stranger", "staff", "viewer", "editor")
FIELDS = ("tags", "urls", "prefixes", "keys", "everything", "tiers", "lane", "reason", "confirm_wide", "nope")
ACTIONS = st.sampled_from(["purge_cached_copies", "replay_selected", "delete_selected"])
FORM = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(FIELDS, LINES)
    | {name: st.just("1") for name in ("confirm", "preview", "edit", "select_across", "index")}
    | {"action": ACTIONS | TYPED, "_selected_action": st.lists(st.sampled_from(["1", "2", "0", "9" * 40]) | TYPED)},
)
OWN = "invalidation/"
PAGES = (
    *(f"{OWN}{page}" for page in ("event/", "batch/", "delivery/", "event/add/", "batch/add/", "delivery/add/")),
    *(f"{OWN}event/{page}/" for page in ("purge", "overview", "doctor")),
    "blog/post/",
)
FILTERS = st.dictionaries(
    st.sampled_from(["q", "p", "o", "e", "all", "status", "status__exact", "tier", "source", "lane__exact", "paused",
                     "batch__id__exact", "created_at__gte", "created_at__year", "_facets", "node__startswith", "nope"]),
    TYPED | st.sampled_from(["-1", "9" * 40, "\0", "1.1.1", "-"]), max_size=3,
)  # fmt: skip
#: Signed out, not there, not allowed, wrong: every answer that is one.
ANSWERS = {200, 301, 302, 400, 403, 404, 405}


def rows() -> list[Any]:
    """What a purge adds to, and a replay changes."""
    return [*Event.objects.order_by("pk").values(), *Delivery.objects.values_list("status", "replayed_by")]


class Pages(TestCase):
    """Rows of each kind to look at; each example leaves the database as it was."""

    @classmethod
    def setUpTestData(cls) -> None:
        batch = Batch.objects.create(targets={"tags": ["a"]})
        Event.objects.create(source="code", targets={"tags": ["a"]}, batch=batch)
        Delivery.objects.create(pk=1, batch=batch, tier="cache", status="dead")
        with invalidation.suspend("the reference site shows its users as authors"):
            author, category = User.objects.create(username="ada"), Category.objects.create(name="News", slug="news")
            Post.objects.create(pk=1, title="First", slug="first", body="…", category=category, author=author)
            for name, permissions in USERS.items():
                if permissions is not None:
                    user = User.objects.create_user(name, is_staff=True)
                    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))

    def browser(self, name: str) -> Client:
        client = Client(raise_request_exception=True)
        if USERS[name] is not None:
            client.force_login(User.objects.get(username=name))
        return client

    @asking
    @given(st.sampled_from(list(USERS)), st.sampled_from(PAGES), FILTERS)
    @example("viewer", "invalidation/event/", {"created_at__year": "0"})
    @example("viewer", "invalidation/delivery/", {"created_at__year": "-1"})
    def test_every_page_answers_every_query(self, name: str, page: str, query: dict[str, str]) -> None:
        answer = self.browser(name).get(f"/admin/{page}", query)
        assert answer.status_code in ANSWERS
        seers = ["editor"] if page == "blog/post/" else ["viewer"]
        assert name not in POWERLESS or name in seers or answer.status_code != 200

    @asking
    @given(
        st.sampled_from(list(USERS)),
        st.sampled_from(["event", "batch", "delivery"]),
        TYPED | st.just("1"),
        st.sampled_from(["change", "history", "delete"]),
    )
    def test_every_object_is_there_or_not(self, name: str, model: str, key: str, page: str) -> None:
        answer = self.browser(name).get(f"/admin/invalidation/{model}/{key or '-'}/{page}/")
        assert answer.status_code in ANSWERS
        assert page != "delete" or answer.status_code != 200

    @asking
    @given(st.sampled_from(list(USERS)), st.sampled_from(PAGES), FORM)
    @example("purger", "blog/post/", {"action": "purge_cached_copies", "_selected_action": ["1"]})
    @example("editor", "blog/post/", {"action": "purge_cached_copies", "_selected_action": ["1"]})
    @example("viewer", "invalidation/delivery/", {"action": "replay_selected", "_selected_action": ["1"]})
    @example("purger", "invalidation/delivery/", {"action": "replay_selected", "_selected_action": ["1"]})
    def test_every_form_is_taken_or_refused(self, name: str, page: str, form: dict[str, Any]) -> None:
        before = rows()
        answer = self.browser(name).post(f"/admin/{page}", form)
        assert answer.status_code in ANSWERS
        assert Post.objects.count() == 1
        if name in POWERLESS:
            assert rows() == before
