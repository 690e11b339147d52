"""Which addresses a path stands for: its sites, its variants, the parameters that make another page."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from invalidation.exceptions import InvalidTarget
from invalidation.targets.coalesce import coalesce, outermost, uncovered
from invalidation.targets.parameters import Parameters
from invalidation.targets.sites import expand, expand_known, origin
from invalidation.targets.values import MAX_URL_CHARACTERS, Targets
from invalidation.targets.variants import Variants, of, spread

SITES = ("https://example.com", "http://example.org:8000")


def test_an_origin_is_scheme_and_host_in_lower_case() -> None:
    assert origin("https://Example.COM:80/A?B") == "https://example.com:80"
    assert origin("http://[") == ""


def test_a_path_stands_for_itself_on_every_site() -> None:
    assert expand("/a", SITES) == ("https://example.com/a", "http://example.org:8000/a")


def test_an_absolute_address_stands_for_itself_with_its_host_in_lower_case() -> None:
    assert expand("https://Example.com/A", SITES) == ("https://example.com/A",)
    assert expand("https://example.com", SITES) == ("https://example.com/",)


def test_an_address_of_no_site_is_refused_with_what_to_set() -> None:
    with pytest.raises(InvalidTarget) as error:
        expand("/a", ())
    assert str(error.value) == (
        "'/a' stands for no URL: set INVALIDATION['SITES'] to the origins of the site, such as ['https://example.com']."
    )
    with pytest.raises(InvalidTarget) as error:
        expand("https://else.example/a", SITES)
    assert str(error.value) == (
        "'https://else.example/a' is on none of the configured sites; "
        "add 'https://else.example' to INVALIDATION['SITES']."
    )


def test_addresses_of_no_site_are_left_out_where_that_is_asked() -> None:
    urls = ["https://else.example/a", "/b", "https://example.com/c"]
    assert expand_known(urls, SITES) == {
        "https://example.com/b", "http://example.org:8000/b", "https://example.com/c",
    }  # fmt: skip


def test_a_prefix_covers_the_prefixes_and_addresses_below_it() -> None:
    assert outermost(frozenset({"/a/b/", "/a/", "/ab/", "/a/c/"})) == {"/a/", "/ab/"}
    assert uncovered(frozenset({"/a/1", "/b/1"}), frozenset({"/a/"})) == {"/b/1"}
    assert uncovered(frozenset({"/a/1"}), frozenset()) == {"/a/1"}


def test_everything_covers_all_but_keys() -> None:
    merged = coalesce([Targets.of(tags=["a"], urls=["/"], keys=["k"]), Targets.of(keys=["l"], everything=True)])
    assert merged == Targets.of(keys=["k", "l"], everything=True)


def test_merged_targets_keep_tags_and_keys_beside_the_outermost_prefixes() -> None:
    merged = coalesce([Targets.of(tags=["a"], urls=["/p/1", "/b"]), Targets.of(prefixes=["/p/", "/p/q/"], keys=["k"])])
    assert merged == Targets.of(tags=["a"], urls=["/b"], prefixes=["/p/"], keys=["k"])


DECLARED = Parameters.of({"^/blog/$": ["tag", "page"], "^/(about|blog)/": []})


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("/blog/?x=1", "/blog/"),
        ("/blog/?tag=a&page=2", "/blog/?page=2&tag=a"),
        ("/blog/?page=2&page=3", "/blog/?page=2"),
        ("/blog/?page=&page=3", "/blog/?page=3"),
        ("/blog/?page", "/blog/"),
        ("/blog/?page=a?b=c=d", "/blog/?page=a?b=c=d"),
        ("/blog/?", "/blog/"),
        ("/about/?page=2", "/about/"),
        ("/other/?x=1&a", "/other/?x=1&a"),
        ("/blog/", "/blog/"),
    ],
)
def test_a_page_is_kept_under_its_declared_parameters_alone(sent: str, stored: str) -> None:
    assert DECLARED.canonical(sent) == stored
    assert DECLARED.know(stored) == (sent[:7] != "/other/")


def test_a_page_with_a_parameter_that_nobody_declared_is_not_known() -> None:
    assert not DECLARED.know("/blog/?x=1")
    assert not DECLARED.know("/other/?x=1")
    assert DECLARED.know("/other/")
    assert DECLARED.know("/blog/?page=2")


def test_a_question_mark_in_a_value_is_a_part_of_it() -> None:
    declared = Parameters.of({"^/blog/$": ["page"]})
    assert declared.declared == (("^/blog/$", ("page",)),)
    assert declared.know("/blog/?page=a?b")
    assert not declared.know("/blog/?page=a?b&x=1")


def test_without_declared_parameters_each_makes_a_page_of_its_own() -> None:
    assert Parameters().canonical("/a?b=1") == "/a?b=1"
    assert Parameters().know("/a?b=1")


def test_a_list_of_names_counts_for_the_whole_site() -> None:
    assert Parameters.of(("page", "a")) == Parameters((("^/", ("a", "page")),))
    assert repr(Parameters.of(["page"])) == "{'^/': ('page',)}"


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"(": []}, "INVALIDATION['PAGES']['QUERY_PARAMETERS'] holds no pattern: "),
        ({7: []}, "INVALIDATION['PAGES']['QUERY_PARAMETERS'] holds no pattern: "),
        ({"a b": []}, "INVALIDATION['PAGES']['QUERY_PARAMETERS']: the proxies can't be given 'a b'."),
        ({"^/": "page"}, "INVALIDATION['PAGES']['QUERY_PARAMETERS'] takes lists of names, not 'page'."),
        (["a&b"], "INVALIDATION['PAGES']['QUERY_PARAMETERS'] takes lists of names, not ['a&b']."),
        (["a", 7], "INVALIDATION['PAGES']['QUERY_PARAMETERS'] takes lists of names, not ['a', 7]."),
    ],
)
def test_what_no_proxy_can_be_given_is_refused_with_the_setting(declared: Any, words: str) -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        Parameters.of(declared)
    assert str(error.value).startswith(words)
    assert "INVALIDATION" not in str(error.value).removeprefix(words)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/", ["/", "/", "/de", "/de/"]),
        ("/?z=1", ["/?z=1", "/?z=1", "/de?z=1", "/de/?z=1"]),
        ("/de", ["/de", "/", "/de", "/de/"]),
        ("/de?z=1", ["/de?z=1", "/?z=1", "/de?z=1", "/de/?z=1"]),
        ("/de/a/b", ["/de/a/b", "/a/b", "/de/a/b"]),
        ("/de?z=/a", ["/de?z=/a", "/?z=/a", "/de?z=/a", "/de/?z=/a"]),
        ("/design/a", ["/design/a", "/design/a", "/de/design/a"]),
        ("https://example.com/a", ["https://example.com/a"] * 2 + ["https://example.com/de/a"]),
        ("https://example.com", ["https://example.com", *map("https://example.com".__add__, ("/", "/de", "/de/"))]),
    ],
)
def test_a_page_stands_for_itself_in_every_language(url: str, found: list[str]) -> None:
    assert list(of(url, Variants(languages=["de"]))) == found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/a", ["/a", "/a/"]),
        ("/a/", ["/a/", "/a"]),
        ("/a/?b=/", ["/a/?b=/", "/a?b=/"]),
        ("/a//", ["/a//", "/a"]),
        ("/X/", ["/X/", "/X"]),
        ("/", ["/"]),
        ("https://example.com", ["https://example.com"]),
        ("https://example.com/a", ["https://example.com/a", "https://example.com/a/"]),
    ],
)
def test_a_page_stands_for_itself_with_and_without_its_last_slash(url: str, found: list[str]) -> None:
    assert list(of(url, Variants(slashes=True))) == found


def test_a_page_without_a_query_stands_for_itself_with_each_declared_one() -> None:
    declared = Variants(queries=["print=1", "amp=1"])
    assert list(of("/a", declared)) == ["/a", "/a?print=1", "/a?amp=1"]
    assert list(of("/a?page=2", declared)) == ["/a?page=2"]


def test_prefixes_are_spread_over_languages_alone() -> None:
    targets = Targets.of(tags=["t"], urls=["/a"], prefixes=["/p/"], keys=["k"])
    wide = spread(targets, Variants(["de"], slashes=True, queries=["print=1"]))
    assert (wide.tags, wide.keys) == (targets.tags, targets.keys)
    assert wide.prefixes == {"/p/", "/de/p/"}
    assert wide.urls == {
        f"{language}/a{slash}{query}" for language in ("", "/de") for slash in ("", "/") for query in ("", "?print=1")
    }


def test_nothing_is_spread_where_nothing_is_declared_or_everything_is_meant() -> None:
    page, everything = Targets.of(urls=["/a"]), Targets.of(urls=["/a"], everything=True)
    assert spread(page, Variants()) is page
    assert spread(everything, Variants(slashes=True)) is everything
    for declared in (Variants(languages=["de"]), Variants(slashes=True), Variants(queries=["a"])):
        assert spread(page, declared) != page


def test_a_variant_that_is_longer_than_an_address_may_be_is_left_out() -> None:
    longest = Targets.of(urls=["/" + "a" * (MAX_URL_CHARACTERS - 1)])
    assert spread(longest, Variants(slashes=True)) == longest
    short = Targets.of(urls=["/" + "a" * (MAX_URL_CHARACTERS - 2)])
    assert len(spread(short, Variants(slashes=True)).urls) == 2
