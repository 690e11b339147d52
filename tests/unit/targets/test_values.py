"""What may be a target, what is refused and with which words, and how targets are stored, read and joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils.functional import lazystr

from invalidation.exceptions import InvalidTarget
from invalidation.targets.digits import LARGEST, whole_number
from invalidation.targets.values import (
    MAX_URL_CHARACTERS,
    CacheKey,
    CachePlace,
    Lane,
    Manner,
    Mode,
    Targets,
    checked_prefix,
    checked_tag,
    checked_url,
    joined,
    legible,
    most_urgent,
    parts_of,
    union,
)


def refusal(check: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The words with which it refuses."""
    with pytest.raises(InvalidTarget) as error:
        check(*args, **kwargs)
    return str(error.value)


def test_a_place_is_named_by_its_tier_and_its_node() -> None:
    assert str(CachePlace("varnish", "http://a")) == "varnish http://a"
    assert str(CachePlace("cdn")) == "cdn"


def test_the_most_urgent_lane_is_that_of_a_takedown_then_that_of_editors() -> None:
    assert most_urgent(["bulk", "takedown", "editorial"]) == Lane.TAKEDOWN
    assert most_urgent(["bulk", "editorial"]) == Lane.EDITORIAL
    assert most_urgent([]) == Lane.BULK
    assert most_urgent([], Lane.EDITORIAL) == Lane.EDITORIAL


def test_a_manner_of_unknown_words_is_refused_with_the_known_ones() -> None:
    assert refusal(Manner("fast").check) == "'fast' is not a lane; use one of takedown, editorial, bulk."
    assert refusal(Manner(mode="soft").check) == "'soft' is not a mode; use one of invalidate, delete, refresh."


def test_a_takedown_may_not_leave_the_old_copy_to_be_shown_once_more() -> None:
    assert refusal(Manner("takedown", "invalidate").check) == (
        'A takedown can\'t be mode="invalidate", which shows the old copy once more; leave the mode out.'
    )
    for manner in (Manner("takedown", "delete"), Manner("takedown", "refresh"), Manner("bulk", "invalidate")):
        manner.check()


def test_manners_are_joined_to_the_most_urgent_lane_and_the_most_thorough_mode() -> None:
    assert joined([("bulk", "refresh"), ("editorial", "invalidate")]) == ("editorial", "refresh")
    assert joined([("bulk", "invalidate"), ("bulk", "delete")]) == ("bulk", "delete")
    assert joined([("takedown", "invalidate")]) == ("takedown", "delete")
    assert joined([("editorial", "invalidate")]) == ("editorial", "invalidate")
    assert joined([]) == (Lane.EDITORIAL, Mode.DELETE)
    assert joined([], Manner(Lane.BULK, Mode.REFRESH)) == (Lane.BULK, Mode.REFRESH)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"key": 7}, "The key of a cache key is 7; give a value of type str."),
        ({"key": "a", "alias": None}, "The alias of a cache key is None; give a value of type str."),
        ({"key": "a", "version": True}, "The version of a cache key is True; give a value of type int."),
        ({"key": "a", "pattern": 1}, "The pattern of a cache key is 1; give a value of type bool."),
    ],
)
def test_each_part_of_a_cache_key_is_of_its_type(values: dict[str, Any], named: str) -> None:
    assert refusal(CacheKey, **values) == named


class Slug(str):
    """As Django's safe strings are."""

    __slots__ = ()


def test_a_key_may_be_a_kind_of_string() -> None:
    assert CacheKey(Slug("menu")) == CacheKey("menu")


def test_a_cache_key_is_a_name_or_a_mapping_or_one_already() -> None:
    key = CacheKey("menu", "fragments", 2, pattern=True)
    assert CacheKey.of(key) is key
    assert CacheKey.of("menu") == CacheKey.of({"key": "menu"}) == CacheKey("menu", "default", -1, pattern=False)
    assert CacheKey.of({"key": "menu", "alias": "fragments", "version": 2, "pattern": True}) == key
    known = "give its name, a CacheKey, or ['key', 'alias', 'version', 'pattern']."
    for value in (7, {"alias": "default"}, {"key": "a", "prefix": "b"}, ["key"]):
        assert refusal(CacheKey.of, value) == f"{value!r} is not a cache key; {known}"


def test_a_cache_key_that_no_database_can_store_is_refused() -> None:
    assert refusal(CacheKey.of, "") == "A cache key can't be empty; name the key to delete."
    unreadable = "is no text that can be stored; name a key that is."
    assert refusal(CacheKey.of, "a\0") == f"The cache key 'a\\x00' {unreadable}"
    assert refusal(CacheKey.of, {"key": "a", "alias": "\ud800"}) == f"The cache key 'a' {unreadable}"


def test_a_cache_key_is_stored_by_its_bare_name_where_all_else_is_usual() -> None:
    assert CacheKey("menu").document() == "menu"
    assert CacheKey("menu", "other").document() == {"key": "menu", "alias": "other", "version": -1}
    assert CacheKey("menu", version=2).document() == {"key": "menu", "alias": "default", "version": 2}
    pattern = {"key": "menu*", "alias": "default", "version": -1, "pattern": True}
    assert CacheKey("menu*", pattern=True).document() == pattern


@pytest.mark.parametrize("tag", ["blog.post:42", "a", "0_-.:", "a" * 128])
def test_a_tag_of_the_common_alphabet_is_taken(tag: str) -> None:
    assert checked_tag(tag) == tag


@pytest.mark.parametrize("tag", ["", "A", "a b", "a\n", "a" * 129, 7, None, "ä"])
def test_a_tag_outside_the_alphabet_is_refused_with_the_alphabet(tag: object) -> None:
    assert refusal(checked_tag, tag) == (
        f"{tag!r} is not a tag; use 1 to 128 characters of a-z, 0-9, '_', '.', ':' and '-', such as 'blog.post:42'."
    )


@pytest.mark.parametrize(
    "url",
    [
        "/", "/blog/", "/blog/?page=2&a=b", "/ä", "/a:b", "/a@b", "/" + "a" * (MAX_URL_CHARACTERS - 1),
        "https://example.com/", "http://example.com:8000/a?b=1", "https://[::1]/a",
    ],
)  # fmt: skip
def test_a_path_or_an_absolute_address_is_taken_as_it_is(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://example.com", "https://example.com/"),
        ("http://example.com?z=1", "http://example.com/?z=1"),
        ("https://example.com?z=example.com", "https://example.com/?z=example.com"),
    ],
)
def test_a_front_page_has_its_slash(url: str, known: str) -> None:
    assert checked_url(url) == known


UNREADABLE = "can't be read as a URL; look at its host and port, and percent-encode the rest."
NO_URL = "is not a URL; give a path such as '/blog/' or a URL that starts with http(s)://."
UNSENDABLE = "has spaces, control characters, a fragment or credentials; percent-encode it."


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (7, "is not a URL; give a string."),
        (b"/", "is not a URL; give a string."),
        ("http://[", UNREADABLE),
        ("http://a:b/", UNREADABLE),
        ("http://a:99999/", UNREADABLE),
        ("/\ud800", UNREADABLE),
        ("http://" + "a" * 64 + "/", UNREADABLE),
        ("", NO_URL),
        ("blog/", NO_URL),
        ("//example.com/", NO_URL),
        ("ftp://example.com/", NO_URL),
        ("http:/blog/", NO_URL),
        ("https://", NO_URL),
        ("/a b", UNSENDABLE),
        ("/a\x7f", UNSENDABLE),
        ("/a#b", UNSENDABLE),
        ("https://user@example.com/", UNSENDABLE),
    ],
)
def test_what_no_cache_could_be_asked_for_is_refused_with_the_reason(url: object, why: str) -> None:
    assert refusal(checked_url, url) == f"{url!r} {why}"


def test_an_address_that_is_longer_than_a_tier_takes_is_refused_with_the_limit() -> None:
    words = f"A URL of 4001 characters is above the limit of {MAX_URL_CHARACTERS}."
    assert refusal(checked_url, "/" + "a" * MAX_URL_CHARACTERS) == words


def test_an_address_is_taken_apart_only_where_it_could_be_sent() -> None:
    parts = parts_of("https://example.com:80/a?b#c")
    assert parts is not None
    assert (parts.scheme, parts.netloc, parts.path, parts.query) == ("https", "example.com:80", "/a", "b")
    assert parts_of("http://[") is None


def test_what_is_no_character_is_written_as_a_question_mark() -> None:
    assert legible("a\ud800\0ä") == "a??ä"


def test_a_prefix_has_neither_query_nor_star() -> None:
    assert checked_prefix("/blog/") == "/blog/"
    assert checked_prefix("https://example.com") == "https://example.com/"
    for prefix in ("/blog/?", "/blog/*", 7):
        assert refusal(checked_prefix, prefix) == (
            f"{prefix!r} is not a prefix; give the path that the URLs start with, without '*' or '?'."
        )


@pytest.mark.parametrize("kind", ["tags", "urls", "prefixes", "keys"])
@pytest.mark.parametrize("value", ["/a", b"/a", {"a": 1}, 7, None])
def test_a_kind_of_targets_is_a_list(kind: str, value: object) -> None:
    assert refusal(Targets.of, **{kind: value}) == f"{kind} takes a list of strings; write {kind}=[{value!r}]."


def test_a_lazy_string_is_one_target_in_a_list_and_none_by_itself() -> None:
    address: Any = lazystr("/a")
    assert Targets.of(urls=[address]).urls == {"/a"}
    assert refusal(Targets.of, urls=lazystr("/a")).startswith("urls takes a list of strings; write urls=[")


def test_a_generator_and_a_tuple_are_lists_too() -> None:
    assert Targets.of(tags=(tag for tag in "ab")).tags == {"a", "b"}
    assert Targets.of(tags=("a", "b")).tags == {"a", "b"}
    assert Targets.of(tags=()).tags == frozenset()


def test_what_is_in_a_list_is_taken_as_it_is() -> None:
    numbers: Any = [7]
    assert refusal(Targets.of, tags=numbers).startswith("7 is not a tag")
    assert Targets.of(keys=[CacheKey("menu", "other")]).keys == {CacheKey("menu", "other")}


FULL = Targets.of(tags=["b", "a"], urls=["/b", "/a"], prefixes=["/q/", "/p/"], keys=["y", "x"], everything=True)
DOCUMENT = {
    "tags": ["a", "b"],
    "urls": ["/a", "/b"],
    "prefixes": ["/p/", "/q/"],
    "keys": ["x", "y"],
    "everything": True,
}


def test_targets_are_stored_sorted_without_empty_kinds_and_read_as_they_were() -> None:
    assert FULL.document() == DOCUMENT
    assert Targets().document() == {}
    assert Targets.from_document(DOCUMENT) == FULL
    assert Targets.from_document({}) == Targets()


def test_targets_are_checked_again_when_they_are_read() -> None:
    assert refusal(Targets.from_document, {"tags": ["A"]}).startswith("'A' is not a tag")
    known = "['everything', 'keys', 'prefixes', 'tags', 'urls']"
    assert refusal(Targets.from_document, ["tags"]) == f"['tags'] are no targets; known are {known}."
    assert refusal(Targets.from_document, {"tag": []}) == f"{{'tag': []}} are no targets; known are {known}."


def test_targets_are_handed_on_as_the_arguments_of_invalidate() -> None:
    assert FULL.arguments() == {
        "tags": FULL.tags, "urls": FULL.urls, "prefixes": FULL.prefixes, "keys": FULL.keys, "everything": True,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["tags", "urls", "prefixes", "keys"])
def test_targets_of_any_kind_are_some_and_are_counted(kind: str) -> None:
    value = "/a" if kind in ("urls", "prefixes") else "a"
    assert Targets.of(**{kind: [value]})  # type: ignore[arg-type]  # by name
    assert len(Targets.of(**{kind: [value]})) == 1  # type: ignore[arg-type]  # by name
    assert len(FULL) == 9
    assert Targets(everything=True)
    assert len(Targets(everything=True)) == 1
    assert not Targets()
    assert len(Targets()) == 0


def test_targets_are_joined_kind_by_kind() -> None:
    one, other = Targets.of(tags=["a"], urls=["/a"]), Targets.of(prefixes=["/p/"], keys=["k"], urls=["/b"])
    both = Targets.of(tags=["a"], urls=["/a", "/b"], prefixes=["/p/"], keys=["k"])
    assert one | other == union([one, other]) == both
    assert union([one, Targets(everything=True)]).everything
    assert not union([one, other]).everything
    assert union([]) == Targets()


def test_nothing_is_copied_where_one_of_two_is_all() -> None:
    one, same = Targets.of(tags=["a"]), Targets.of(tags=["a"])
    assert one | Targets() is one
    assert Targets() | one is one
    assert one | same is one
    assert union([one]) is one


@pytest.mark.parametrize("text", ["", "²", "٣", "-1", " 1", "1_0", "9" * 20, str(LARGEST + 1), 7, None, b"7"])
def test_what_spells_no_whole_number_that_a_column_holds_is_none(text: object) -> None:
    assert whole_number(text) is None


def test_a_whole_number_is_read_up_to_its_limit() -> None:
    assert whole_number("007") == 7
    assert whole_number(str(LARGEST)) == LARGEST == 9223372036854775807
    assert [whole_number(text, 10) for text in ("9", "10", "11")] == [9, 10, None]
