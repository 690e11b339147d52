"""What a purge would do, told before anybody starts it, and no more of it than the token may purge."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from deploy.local import Redis
from invalidation.freshness import index
from invalidation.models import Event
from tests.unit.api.conftest import EVERY_SCOPE, OTHER, SECRET, SITE, As, fields, problem

NGINX = {
    "PROVIDER": "invalidation.providers.nginx.Nginx",
    "NODES": ["http://127.0.0.1:1", "http://127.0.0.1:2"],
    "OPTIONS": {"SECRET": SECRET},
}


@pytest.fixture
def _known(settings: Any, redis_server: Redis) -> None:
    """Ten pages of one site, one of the other; Nginx, which has to be told each page by its address."""
    own = settings.INVALIDATION
    tiers = {**own["TIERS"], "nginx": {**NGINX, "FILLS_FROM": ["outer"]}}
    limits = {"WIDE_URLS": 5, "WIDE_SHARE": 0.5}
    settings.INVALIDATION = {**own, "REDIS_URL": redis_server.url(5), "TIERS": tiers, "LIMITS": limits}
    client = redis.Redis.from_url(redis_server.url(5), decode_responses=True)
    client.flushdb()
    pipeline = client.pipeline(transaction=False)
    for number in range(10):
        index.register(pipeline, f"{SITE}/{number}/", ["all", f"post:{number}"], 60)
    index.register(pipeline, f"{OTHER}/secret/", ["post:1"], 60)
    pipeline.execute()


def preview(caller: Any, **body: Any) -> Any:
    """The document."""
    answered = caller.post(body, "previews")
    assert answered.status_code == 200, answered.content
    return answered.json()


@pytest.mark.usefixtures("_known")
def test_a_preview_names_tiers_calls_pages_and_their_share_and_stores_nothing(caller: As) -> None:
    seen = preview(caller(), tags=["post:1"])
    assert [row["tier"] for row in seen["tiers"]] == ["cache", "outer", "nginx", "nginx"]
    last = seen["tiers"][-1]
    assert (last["node"], last["url_count"], last["calls"]) == ("http://127.0.0.1:2", 2, 2)
    assert last["urls"] == [f"{SITE}/1/", f"{OTHER}/secret/"]
    assert (seen["targets"], seen["url_count"], seen["known_urls"]) == ({"tags": ["post:1"]}, 2, 11)
    assert seen["share"] == pytest.approx(2 / 11, abs=0.001)
    assert seen["wide"] is None
    assert not Event.objects.exists()


@pytest.mark.usefixtures("_known")
def test_what_would_have_to_be_confirmed_is_said_in_the_words_of_the_refusal(caller: As) -> None:
    asker = caller(scopes=["purge", "purge_wide"])
    wide = preview(asker, tags=["all"])["wide"]
    assert wide == "up to 10 URLs, of 11 known"
    assert wide in problem(asker.post({"tags": ["all"]}), 409)["detail"]


@pytest.mark.usefixtures("_known")
def test_the_chosen_tiers_alone_are_planned(caller: As) -> None:
    assert [row["tier"] for row in preview(caller(), tags=["post:1"], tiers=["outer"])["tiers"]] == ["outer"]


@pytest.mark.usefixtures("_known")
def test_a_token_of_one_host_is_told_no_address_of_another(caller: As) -> None:
    seen = preview(caller(hosts=["blog.example"], tags=["post:*"]), tags=["post:1"])
    assert [row["urls"] for row in seen["tiers"]][-1] == [f"{SITE}/1/"]
    assert OTHER not in str(seen)
    assert [row["urls"] for row in preview(caller("tags", tags=["post:*"]), tags=["post:1"])["tiers"]][-1] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"urls": [f"{OTHER}/a/"]}, 403),
        ({"tags": ["blog.post:42"]}, 403),
        ({"keys": ["sidebar"]}, 403),
        ({"everything": True}, 403),
        ({"prefixes": [f"{SITE}/a/"]}, 200),
        ({"tags": ["shop.item:1"]}, 200),
    ],
)
def test_a_restricted_token_previews_what_it_may_purge_alone(caller: As, body: dict[str, Any], status: int) -> None:
    asker = caller(scopes=EVERY_SCOPE, hosts=["blog.example"], tags=["shop.*"])
    assert asker.post(body, "previews").status_code == status


@pytest.mark.parametrize("scope", [scope for scope in EVERY_SCOPE if scope != "purge"])
def test_a_preview_needs_the_scope_of_a_purge(caller: As, scope: str) -> None:
    assert "purge" in problem(caller(scopes=[scope]).post({"tags": ["a"]}, "previews"), 403)["detail"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["body"]),
        ({"tags": ["A B"]}, ["tags[0]"]),
        ({"tags": ["a"], "tiers": ["moon"]}, ["tiers[0]"]),
        ({"tags": ["a"], "confirm_wide": True}, ["confirm_wide"]),
        ({"tags": ["a"], "at": "2030-01-01T00:00:00Z"}, ["at"]),
    ],
)
def test_what_can_not_be_previewed_is_named(caller: As, body: dict[str, Any], named: list[str]) -> None:
    assert fields(caller().post(body, "previews"), 422) == named


def test_while_redis_is_away_the_share_is_not_known_and_the_rest_is_told(caller: As, settings: Any) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": "redis://127.0.0.1:1/0"}
    seen = preview(caller(), tags=["a"])
    assert (seen["url_count"], seen["known_urls"], seen["share"]) == (None, None, None)
    assert "while Redis is away" in seen["wide"]
    assert [row["tier"] for row in seen["tiers"]] == ["cache", "outer"]
