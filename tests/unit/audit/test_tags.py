"""Tags that are given or purged though nothing carries them, each with who gives or purged it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
import redis
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

import invalidation
from deploy.local import Redis
from invalidation.audit import dead_tags, history, known_pages, last_report
from invalidation.audit.facts import Given, Purged
from invalidation.caching import TaggedCache, fresh_start
from invalidation.freshness import index, scripts
from invalidation.models import Event
from tests.fixtures.library import models
from tests.fixtures.library.models import Genre
from tests.unit.audit import site
from tests.unit.audit.conftest import SITE, Declare, Registered, Rendered, audit, found

pytestmark = [pytest.mark.django_db(databases=["default", "other"]), pytest.mark.databases]
TAGS = ("--part", "tags")
NEWEST = datetime(2026, 11, 30, tzinfo=UTC)


def line(module: ModuleType, text: str) -> str:
    """`tests/unit/audit/site.py:12`, where the text stands."""
    path = Path(module.__file__ or "")
    [number] = [number for number, one in enumerate(path.read_text().splitlines(), 1) if one.strip().startswith(text)]
    return f"{path.relative_to(Path.cwd())}:{number}"


@pytest.fixture
def all_carried(rendered: Rendered) -> None:
    """A page for every family that the site's rules give."""
    rendered("/authors/woolf/", "library.author", "library.author:1")
    rendered("/genres/novel/", "library.genre:7", "genre-shelf:novel")


def test_a_site_whose_tags_are_all_carried_has_nothing_to_mend(all_carried: None) -> None:
    Genre.objects.create(slug="novel")
    invalidation.invalidate(tags=["library.author:99"])  # a row without a page: its family has pages
    code, document = audit(*TAGS)
    assert (code, document["findings"], document["notes"], document["not_held"]) == (0, [], [], [])
    assert document["looked_at"] == {"pages": 2, "events": 2}


def test_a_purged_tag_that_no_page_carries_is_named_with_who_purged_it(all_carried: None) -> None:
    invalidation.invalidate(tags=["blog.pots:1", "blog.pots:2"], reason="a slip of the finger", actor="ada")
    last = invalidation.invalidate(tags=["blog.pots:3"], reason="again", actor="ada")
    assert last
    [one] = found(*TAGS).values()
    assert (one["code"], one["subject"], one["times"]) == ("dead-tag", "blog.pots", 2)
    assert one["blame"] == f"code by ada: again (event {str(last.uid)[:8]})"
    assert "blog.pots:3" in one["detail"]
    assert audit(*TAGS)[0] == 1


def test_a_tag_of_a_rule_that_no_page_carries_is_named_with_the_line_of_its_method(rendered: Rendered) -> None:
    Genre.objects.create(slug="novel")
    rendered("/authors/woolf/", "library.author")
    rendered("/genres/novel/", "library.genre:7")
    [one] = found(*TAGS).values()
    assert one["subject"] == "genre-shelf"
    assert one["blame"] == f"GenreRules.tags at {line(site, 'def tags(self, genre: Any)')}"
    assert one["times"] == 1  # the row was stored just now


def test_a_registered_model_on_no_page_is_named_with_its_rules_or_where_it_is_written(rendered: Rendered) -> None:
    rendered("/about/")
    blames = {subject: one["blame"] for (_, subject), one in found(*TAGS).items()}
    assert blames == {
        "library.author:…": f"register(Author), the model at {line(models, 'class Author(')}",
        "library.genre:…": f"GenreRules at {line(site, 'class GenreRules')}",
    }


def test_an_empty_index_makes_no_tag_dead() -> None:
    invalidation.invalidate(tags=["library.author"])
    code, document = audit(*TAGS)
    assert (code, document["findings"]) == (2, [])
    assert "warm_cache" in document["not_held"][0]


def test_a_tag_of_the_settings_is_blamed_on_them(all_carried: None, declare: Declare) -> None:
    declare(DEPLOY={"TAGS": ["old-layout"]})
    [one] = found(*TAGS).values()
    assert (one["subject"], one["blame"]) == ("old-layout", "INVALIDATION['DEPLOY']['TAGS']")


def test_a_tag_that_a_cached_value_carries_is_no_dead_one(
    all_carried: None, declare: Declare, settings: Settings, redis_server: Redis
) -> None:
    backend = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis_server.url(8)}
    settings.CACHES = {**settings.CACHES, "default": backend}
    values = {"PROVIDER": "invalidation.providers.redis.Redis", "OPTIONS": {"CACHES": ["default"]}}
    declare(TIERS={"values": values})
    invalidation.invalidate(tags=["weather:paris"])
    assert [subject for _, subject in found(*TAGS)] == ["weather"]
    with fresh_start():
        TaggedCache().get_or_set("weather", lambda: "rain", tags=["weather:paris"])
    try:
        assert found(*TAGS) == {}
    finally:
        caches["default"].clear()


def test_a_page_that_was_purged_and_that_nobody_asked_for_since_is_remembered(
    rendered: Rendered, all_carried: None, server: redis.Redis
) -> None:
    rendered("/weather/paris/", "weather:paris")
    audit(*TAGS)
    index.forget(server, [f"{SITE}/weather/paris/"], [])
    invalidation.invalidate(tags=["weather:paris"])
    assert found(*TAGS) == {}
    server.zadd(known_pages.CARRIED_KEY, {"weather": 1})  # more than thirty days ago
    assert [subject for _, subject in found(*TAGS)] == ["weather"]


def test_what_somebody_has_seen_to_is_counted_and_no_more(all_carried: None) -> None:
    invalidation.invalidate(tags=["blog.pots:1", "press"])
    code, document = audit(*TAGS, "--accept", "press", "--accept", "blog.p?ts")
    assert (code, document["findings"], document["accepted"]) == (0, [], 2)


def test_older_events_are_left_out(all_carried: None) -> None:
    invalidation.invalidate(tags=["blog.pots:1"])
    Event.objects.update(created_at=timezone.now() - timedelta(hours=3))
    assert audit(*TAGS, "--since", "2")[0] == 0
    assert audit(*TAGS, "--since", "4")[0] == 1


def test_a_huge_history_is_read_up_to_a_limit_by_an_index(all_carried: None) -> None:
    events = [Event(source="code", targets={"tags": [f"pots:{number}", "library.author"]}) for number in range(3000)]
    Event.objects.bulk_create(events)
    code, document = audit(*TAGS, "--limit", "1000")
    assert code == 1
    assert document["looked_at"]["events"] == 1000
    assert document["findings"][0]["times"] == 1000
    assert any("newest 1000" in note for note in document["notes"])
    assert len(history.read(NEWEST - timedelta(days=9999), 3000).purged()["pots"].examples) == history.EXAMPLES


@pytest.mark.skipif(connection.vendor != "postgresql", reason="its planner")
def test_the_newest_events_are_found_by_an_index() -> None:
    rows = Event.objects.filter(created_at__gte=NEWEST).order_by("-created_at")[:100]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "invalidation_event_created" in rows.explain()


@pytest.mark.parametrize(
    "targets", [{"tags": ["Ünïcode \x1b[31m"]}, {"tags": "not a list"}, ["no"], {"of": "a later version"}, None, 7]
)
def test_events_that_nobody_can_read_are_counted_and_left_out(targets: object, all_carried: None) -> None:
    Event.objects.create(source="trigger", targets=targets or {"tags": [None]})
    code, document = audit(*TAGS)
    assert code == 0
    assert document["notes"] == ["1 events can't be read, and were left out."]


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\xff\xfe\x00garbage",
        b"2 a format of a later version",
        b"1 2 0\nhttps://example.com/only-an-address/",
        b'{"url": "https://example.com/"}\n\n',
    ],
)
def test_entries_of_another_version_are_counted_and_left_out(
    entry: bytes, all_carried: None, server: redis.Redis
) -> None:
    server.hset(scripts.PAGES_KEY, "0" * 24, entry)
    code, document = audit()
    assert (code, document["looked_at"]["pages"]) == (0, 2)
    assert "1 entries of the tag index can't be read, and were left out." in document["notes"]


def test_tags_and_addresses_of_strange_bytes_are_shown_and_steer_no_terminal(
    all_carried: None, server: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    server.sadd(scripts.TAG_KEY.encode() + b"\xff\xfe", "x")
    page = b"1 2 0\nhttps://elsewhere.test/\x1b[2J\xff\nlibrary.author \xfe\x1b]0;title\x07"
    server.hset(scripts.PAGES_KEY, "1" * 24, page)
    with pytest.raises(CommandError):
        call_command("invalidation_audit")
    shown = capsys.readouterr().out
    assert "foreign-host" in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_something_else_under_the_keys_of_the_index_is_said_and_ends_in_2(server: redis.Redis) -> None:
    server.set(scripts.PAGES_KEY, "not a hash")
    code, document = audit(*TAGS)
    assert code == 2
    assert "WRONGTYPE" in document["not_held"][0]


def test_without_redis_or_with_one_that_is_away_nothing_is_called_sound(declare: Declare) -> None:
    declare(REDIS_URL="")
    assert audit(*TAGS)[0] == 2
    declare(REDIS_URL="redis://127.0.0.1:1/0")
    code, document = audit()
    assert code == 2
    assert "can't be read" in document["not_held"][0]


def test_a_server_with_too_many_other_keys_is_not_judged_by_a_part_of_them(
    all_carried: None, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.mset({f"of another program {number}": "" for number in range(5000)})
    monkeypatch.setattr(known_pages, "KEYS_PER_PAGE", 1)
    code, document = audit(*TAGS, "--limit", "1000")
    assert (code, document["findings"]) == (2, [])
    assert "raise --limit" in document["not_held"][0]
    assert audit(*TAGS, "--limit", "9000")[0] == 0


def test_a_rule_that_fails_is_told_of_once_and_hides_nothing(registered: Registered, rendered: Rendered) -> None:
    registered({Genre: site.FailingRules})
    rendered("/genres/novel/", "library.genre")
    Genre.objects.bulk_create([Genre(slug="novel"), Genre(slug="essay")])
    code, document = audit()
    assert code == 0
    assert document["notes"][:1] == ["FailingRules.tags failed, and was not looked at: ValueError: no tags today"]


def test_nothing_is_written_but_what_was_seen_and_what_came_of_it(all_carried: None, server: redis.Redis) -> None:
    before = {key: server.dump(key) for key in server.scan_iter()}
    audit()
    kept = (known_pages.CARRIED_KEY, last_report.KEY)
    after = {key: server.dump(key) for key in server.scan_iter() if key not in kept}
    assert after == before
    assert server.ttl(known_pages.CARRIED_KEY) > 29 * 86_400


PURGED = Purged("blog.post", 3, NEWEST, "code", ("blog.post:1",))


@pytest.mark.parametrize(
    ("given", "purged", "carried", "subjects"),
    [
        ([], [], [], []),
        ([Given("blog.post", "rules", is_model=True)], [], ["blog.post"], []),
        ([Given("blog.post", "rules", is_model=True)], [], ["blog.post.category_id"], []),  # a part of the model
        ([Given("blog.post", "rules", is_model=True)], [PURGED], [], ["blog.post:…"]),  # once, and blamed on the rule
        ([Given("blog.post", "rules", is_model=True)], [], ["blog.postscript"], ["blog.post:…"]),
        ([Given("blog", "rules")], [PURGED], [], ["blog", "blog.post"]),  # no model: it has no parts
        ([Given("blog.post", "rules")], [], ["blog.post.category_id"], ["blog.post"]),
        ([], [PURGED], ["blog"], ["blog.post"]),
        ([Given("shelf", "one"), Given("shelf", "another")], [], [], ["shelf"]),
    ],
)
def test_families_are_judged(given: list[Given], purged: list[Purged], carried: list[str], subjects: list[str]) -> None:
    judged = dead_tags.judged(given, {one.family: one for one in purged}, frozenset(carried))
    assert sorted(one.subject for one in judged) == subjects
