"""Pages that no purge can reach, each with the setting or the line of the view to blame."""

from __future__ import annotations

import io
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

import invalidation
from deploy.local import Redis
from invalidation.audit import unpurgeable
from invalidation.audit.blame import view_of
from invalidation.audit.facts import Page, Reach
from invalidation.emission import registry
from invalidation.freshness import index, scripts
from invalidation.management import coloured
from invalidation.providers.http import REASON_HEADER
from invalidation.targets.parameters import Parameters
from project.settings import base
from tests.fixtures.library.models import Author
from tests.integration.blog.conftest import written
from tests.stand_ins.origin import Origin
from tests.unit.audit import site
from tests.unit.audit.conftest import SITE, Declare, Registered, Rendered, audit, found
from tests.unit.audit.test_tags import line

pytestmark = pytest.mark.django_db(databases=["default", "other"])
PAGES = ("--part", "pages")
WEATHER = "view Weather"
#: Read before they are put aside.
BLOG = {
    model: type(rules)
    for model, rules in registry.registered().items()
    if type(rules).__module__.startswith("project.blog")
}


def codes(*arguments: str) -> list[str]:
    return [code for code, _ in found(*PAGES, *arguments)]


def test_pages_that_rules_reach_by_tag_or_address_have_nothing_to_mend(rendered: Rendered) -> None:
    Author.objects.create(slug="woolf")
    rendered("/genres/novel/", "library.genre:7", "hand-made")
    rendered("/authors/joyce/")  # untagged, but authors' addresses are purged
    code, document = audit(*PAGES)
    assert (code, document["findings"], document["looked_at"]["pages"]) == (0, [], 2)
    assert "On pages, but given by nobody: hand-made." in document["notes"]


def test_an_untagged_page_that_nobody_names_is_blamed_on_its_view(rendered: Rendered) -> None:
    for place in ("paris", "rome", "oslo", "bonn"):
        rendered(f"/weather/{place}/")
    rendered("/about/")
    by_url = {subject: one for (code, subject), one in found(*PAGES).items() if code == "untagged"}
    assert by_url[f"{SITE}/about/"]["blame"] == f"view about at {line(site, '@require_GET')}"
    [weather] = [one for url, one in by_url.items() if "weather" in url]
    assert (weather["times"], weather["blame"]) == (4, f"{WEATHER} at {line(site, 'class Weather')}")


def test_a_page_whose_tags_nobody_gives_is_blamed_on_its_view(rendered: Rendered) -> None:
    rendered("/weather/paris/", "wether:paris", "town:paris")
    [one] = found(*PAGES).values()
    assert (one["code"], one["blame"]) == ("tags-not-given", f"{WEATHER} at {line(site, 'class Weather')}")
    assert "Tags: town, wether." in one["detail"]
    invalidation.invalidate(tags=["town:rome"])  # somebody purges these
    assert found(*PAGES) == {}


@pytest.mark.parametrize(
    ("targets", "source", "reached"),
    [
        ({"urls": ["/weather/rome/"]}, "code", True),  # of the same view
        ({"prefixes": ["/weather/"]}, "code", True),
        ({"urls": [f"{SITE}/weather/paris/"]}, "signal", True),
        ({"prefixes": ["/"]}, "code", False),  # the whole site, once
        ({"urls": ["/weather/paris/"]}, "admin", False),  # by a person, once
        ({"urls": ["/about/"]}, "code", False),
        ({"everything": True}, "code", False),
    ],
)
def test_addresses_that_were_purged_reach_pages(
    targets: dict[str, Any], source: str, reached: bool, rendered: Rendered
) -> None:
    rendered("/weather/paris/")
    invalidation.invalidate(**targets, source=source)
    assert codes() == ([] if reached else ["untagged"])


def test_a_page_without_data_is_content_with_deployments_and_one_with_tags_is_not(
    rendered: Rendered, declare: Declare
) -> None:
    declare(DEPLOY={"PREFIXES": ["/"]})
    rendered("/about/")
    rendered("/weather/paris/", "wether")
    assert codes() == ["tags-not-given"]


def test_a_foreign_host_in_the_index_or_the_settings_is_blamed_on_sites(rendered: Rendered, declare: Declare) -> None:
    declare(DEPLOY={"CRITICAL_URLS": ["https://old.example/", "/authors/woolf/"]})
    rendered("https://renamed.example/authors/woolf/", "library.author")
    blames = {subject: one["blame"] for (code, subject), one in found(*PAGES).items() if code == "foreign-host"}
    critical = "listed by INVALIDATION['DEPLOY']['CRITICAL_URLS']"
    assert blames == {
        "https://renamed.example/authors/woolf/": "INVALIDATION['SITES'] has no https://renamed.example",
        "https://old.example/": f"INVALIDATION['SITES'] has no https://old.example, {critical}",
    }


def test_undeclared_parameters_and_unusable_addresses_are_named(declare: Declare) -> None:
    long = "/authors/" + "x" * 1100 + "/"
    urls = ["/authors/woolf/?utm=1", "/authors/woolf/?page=2", "/authors/%77oolf/", long]
    declare(QUERY_PARAMETERS=["page"], DEPLOY={"CRITICAL_URLS": urls})
    findings = {subject.removeprefix(SITE): one for (_, subject), one in found(*PAGES).items()}
    assert [(path[:20], one["code"]) for path, one in findings.items()] == [
        ("/authors/woolf/?utm=1"[:20], "undeclared-parameters"),
        ("/authors/%77oolf/"[:20], "address"),
    ]
    assert findings["/authors/%77oolf/"]["times"] == 2
    assert "QUERY_PARAMETERS'];" in findings["/authors/woolf/?utm=1"]["blame"]


def test_pages_of_a_sitemap_are_looked_at_foreign_ones_included(
    origin: Origin, varnish_server: Any, declare: Declare, monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    varnish = {
        "PROVIDER": "invalidation.providers.varnish.Varnish",
        "NODES": [varnish_server.url],
        "OPTIONS": {"SECRET": "a-secret-of-the-tests"},
    }
    declare(TIERS={"varnish": varnish}, SITES=[site], QUERY_PARAMETERS=["page"])
    paths = (f"{site}/authors/woolf/", f"{site}/authors/woolf/?session=1", "http://elsewhere.test/", "nonsense")
    body = "".join(f"<url><loc>{url}</loc></url>" for url in paths)
    monkeypatch.setattr(origin, "body", lambda _page, _headers: f"<urlset>{body}</urlset>")
    code, document = audit(*PAGES, "--sitemap", "/sitemap.xml")
    assert code == 1
    assert [(one["code"], one["subject"]) for one in document["findings"]] == [
        ("undeclared-parameters", paths[1]),
        ("foreign-host", paths[2]),
        ("foreign-host", "nonsense"),
    ]
    assert all(f"listed by {site}/sitemap.xml" in one["blame"] for one in document["findings"])
    assert "4 listed pages are not in the tag index" in document["notes"][0]
    monkeypatch.setattr(origin, "body", lambda _page, _headers: "no sitemap")
    code, document = audit(*PAGES, "--sitemap", "/sitemap2.xml")
    assert (code, document["not_held"][0].startswith("The sitemap can't be read")) == (2, True)


def test_a_tier_that_knows_no_tags_is_named_where_there_is_no_index(declare: Declare) -> None:
    declare(REDIS_URL="")
    code, document = audit(*PAGES)
    assert code == 1
    assert [(one["code"], one["subject"]) for one in document["findings"]] == [("no-index", "nginx")]
    assert document["not_held"] == ["tags and pages: without INVALIDATION['REDIS_URL'] there is no tag index"]


def test_a_large_index_is_read_up_to_the_limit_in_portions(
    server: redis.Redis, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "PAGE", 100)
    for number in range(1500):
        rendered(f"/weather/{number}/")
    asked = {"before": server.info("commandstats").get("cmdstat_hscan", {}).get("calls", 0)}
    code, document = audit(*PAGES, "--limit", "300")
    calls = server.info("commandstats")["cmdstat_hscan"]["calls"] - asked["before"]
    assert (code, document["looked_at"]["pages"], document["findings"][0]["times"]) == (1, 300, 300)
    assert calls < 6
    assert "300 of 1500 pages of the tag index were looked at: raise --limit." in document["notes"]


def test_an_expired_page_is_no_page(server: redis.Redis, rendered: Rendered) -> None:
    rendered("/about/")
    server.zadd(scripts.EXPIRY_KEY, {index.digits(f"{SITE}/about/"): 1})
    assert codes() == []


@pytest.mark.parametrize(
    ("path", "route", "words"),
    [
        ("/authors/woolf/?page=2", "authors/<slug:slug>/", "view author at tests/unit/audit/site.py:"),
        ("/partial/", "partial/", "view author at tests/unit/audit/site.py:"),
        ("/called/", "called/", "view Called at tests/unit/audit/site.py:"),
        ("/weather/caf%C3%A9/", None, "no view of this site"),
        ("/nowhere/", None, "no view of this site"),
        ("", None, "no view of this site"),
    ],
)
def test_an_address_leads_to_the_line_of_its_view(path: str, route: str | None, words: str) -> None:
    view_of.cache_clear()
    view = view_of(SITE + path)
    assert view.route == route
    assert view.name.startswith(words)


def test_the_reference_blog_has_nothing_to_mend_once_its_pages_were_rendered(
    settings: Settings, registered: Registered, redis_server: Redis, client: Client
) -> None:
    registered(BLOG)
    settings.ROOT_URLCONF = "project.urls"
    settings.INVALIDATION = {
        **base.INVALIDATION,
        "TIERS": settings.INVALIDATION["TIERS"],
        "SITES": ["http://testserver"],
        "REDIS_URL": settings.INVALIDATION["REDIS_URL"],
    }
    blog = written()
    paths = ("/", "/about/", "/blog/", "/blog/?tag=trains", blog.published.get_absolute_url(), "/sitemap.xml")
    lists = (
        blog.category.get_absolute_url(),
        blog.author.get_absolute_url(),
        "/api/posts/",
        "/api/posts/night-trains/",
    )
    for path in (*paths, *lists):
        answer = client.get(path)
        assert (answer.status_code, answer.get(REASON_HEADER)) == (200, None)
    code, document = audit()
    assert (document["findings"], document["not_held"]) == ([], [])
    assert (code, document["looked_at"]["pages"]) == (0, 10)


def test_a_table_fits_eighty_columns_and_says_what_to_do(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coloured, "PIPE_COLUMNS", 80)
    rendered("/weather/a-town-with-a-very-long-name-indeed-that-does-not-fit-into-any-column-of-a-table/", "wether")
    rendered("https://renamed.example/" + "long/" * 30, "library.author")
    printed = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("invalidation_audit", stdout=printed)
    shown = printed.getvalue()
    assert error.value.returncode == 1
    assert max(map(len, shown.splitlines())) <= 80
    for words in ("To mend", "tags-not-given", "blame: view Weather at tests/unit/audit/site.py:", "remedy:", "pages"):
        assert words in shown
    assert "[" in shown  # settings are shown as they are written, not taken for markup


def test_a_sound_site_is_told_so(
    registered: Registered, rendered: Rendered, capsys: pytest.CaptureFixture[str]
) -> None:
    registered({})
    rendered("/about/", "about")
    invalidation.invalidate(tags=["about"])
    call_command("invalidation_audit")
    assert "Nothing to mend." in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--since", "0"), ("--since", "nan"), ("--since", "1e9"), ("--limit", "0")])
def test_limits_that_there_are_not_are_a_usage_error(arguments: tuple[str, str]) -> None:
    assert audit(*arguments) == (2, {})


def standard(**values: Any) -> unpurgeable.Standard:
    return unpurgeable.Standard(
        **{
            "sites": (SITE,),
            "parameters": Parameters.of({"^/blog/": ["page"]}),
            "is_indexable": index.is_indexable,
            "reach": Reach(frozenset({"about"}), frozenset({"blog.post"}), frozenset({"blog/"})),
            **values,
        }
    )


@pytest.mark.parametrize(
    ("target", "tags", "code"),
    [
        ("/", {"blog.post:1"}, None),
        ("/", {"blog.post.category_id:1"}, None),  # a part of the model
        ("/", {"about"}, None),
        ("/", {"about.us"}, "tags-not-given"),  # no model: it has no parts
        ("/", {"blog.postscript"}, "tags-not-given"),
        ("/", {"blog"}, "tags-not-given"),
        ("/", set(), "untagged"),
        ("/", None, None),  # unknown to the index
        ("/?page=2", {"about"}, "undeclared-parameters"),
        ("/blog/?page=2", {"about"}, None),
        ("/blog/?page=2&x=1", None, "undeclared-parameters"),
    ],
)
def test_pages_are_judged(target: str, tags: set[str] | None, code: str | None) -> None:
    page = Page(SITE + target, SITE, target, None, "view", None if tags is None else frozenset(tags))
    assert [one.kind.code for one in unpurgeable.judged([page], standard())] == ([code] if code else [])


def test_the_pages_of_a_view_are_one_finding_with_a_few_addresses() -> None:
    pages = [Page(f"{SITE}/{number}/", SITE, f"/{number}/", "x", "view", frozenset()) for number in range(9)]
    [one] = unpurgeable.judged(pages, standard())
    assert (one.times, one.subject, one.detail) == (9, f"{SITE}/0/", f"Also {SITE}/1/ {SITE}/2/")
