"""Whatever comes from outside is read, or refused with the error that its caller expects; nothing else ever happens."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import example, given
from hypothesis import strategies as st

from invalidation import conf
from invalidation.conf.parsing import TIER_FIELDS
from invalidation.exceptions import InvalidTarget
from invalidation.http import cacheable, headers, policy
from invalidation.pipeline.planning import widen
from invalidation.status.gate import Wide, is_whole_site
from invalidation.targets import sites, variants
from invalidation.targets.values import CacheKey, Targets, checked_prefix, checked_tag, checked_url, legible
from tests.chaos.fuzz.examples import parsing

SITES = ("https://example.com", "http://[::1]:8080")
#: Any character, lone surrogates and NUL included.
ANYTHING = st.text(st.characters(), max_size=200)
#: Text that is nearly a URL.
URLISH = st.one_of(
    ANYTHING,
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["http://", "https://", "//", "/", "", "HTTP:/", "ftp://", "http:////"]),
        st.sampled_from(["example.com", "[", "[::1]", "a:b", "a:99999", "\N{ACCOUNT OF}", "u:p@x", "", "example.com:"]),
        st.sampled_from(["/", "", "?", "#", "/..", "/%", "/\\"]),
        ANYTHING,
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANYTHING,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANYTHING, inner, max_size=4),
    max_leaves=12,
)
KINDS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("tags", "urls", "prefixes", "keys", "everything", "nope"), JSON)
)


@parsing
@given(URLISH)
@example("http://[")
@example("/\ud800")
def test_a_url_or_prefix_is_taken_or_refused(text: str) -> None:
    for check in (checked_url, checked_prefix):
        with contextlib.suppress(InvalidTarget):
            taken = check(text)
            assert check(taken) == taken
            assert taken.encode()
            assert is_whole_site(taken) in (True, False)
            with contextlib.suppress(InvalidTarget):
                assert all(sites.origin(url) in SITES for url in sites.expand(taken, SITES))


@parsing
@given(URLISH)
def test_an_entry_of_the_index_is_on_a_site_or_on_none(text: str) -> None:
    assert isinstance(sites.origin(text), str)
    assert sites.expand_known([text], SITES) is not None


@parsing
@given(URLISH, st.lists(st.sampled_from(["de", "fr", ""]), max_size=2), st.booleans(), st.lists(ANYTHING, max_size=2))
def test_every_variant_of_a_url_has_its_origin(
    text: str, languages: list[str], slashes: bool, queries: list[str]
) -> None:
    with contextlib.suppress(InvalidTarget):
        url = checked_url(text)
        assert isinstance(widen.folder(url), str)
        declared = variants.Variants(languages, slashes, queries)
        found = variants.spread(Targets.of(urls=[url], prefixes=[]), declared).urls
        assert url in found
        if not url.startswith("/"):
            assert {sites.origin(one) for one in found} == {sites.origin(url)}


@parsing
@given(JSON)
def test_a_tag_or_key_is_taken_or_refused(value: Any) -> None:
    with contextlib.suppress(InvalidTarget):
        assert checked_tag(value).isascii()
    with contextlib.suppress(InvalidTarget):
        assert json.dumps(CacheKey.of(value).document())


@parsing
@given(KINDS | JSON)
def test_targets_are_taken_and_come_back_the_same_or_are_refused(document: Any) -> None:
    with contextlib.suppress(InvalidTarget):
        targets = Targets.from_document(document)
        assert Targets.from_document(json.loads(json.dumps(targets.document()))) == targets


@parsing
@given(ANYTHING)
def test_text_for_the_database_is_text(text: str) -> None:
    assert "\0" not in legible(text)
    assert legible(text).encode().decode() == legible(legible(text))


@parsing
@given(ANYTHING, st.integers(0, 10**7))
def test_what_is_typed_to_confirm_is_right_or_wrong(typed: str, number: int) -> None:
    for phrase in (str(number), "everything", "uncounted"):
        held = Wide("", phrase).confirmed(typed)
        assert held in (True, False)
        assert Wide("", phrase).confirmed(phrase)


@parsing
@given(
    st.sampled_from(["Cache-Control", "Surrogate-Control", "CDN-Cache-Control", "X-Accel-Expires", "Vary", "Expires"]),
    st.text(st.characters(exclude_characters="\r\n", max_codepoint=255), max_size=200),
)
@example("Cache-Control", "s-maxage=\xb2")
@example("Cache-Control", "max-age=" + "9" * 5000)
@example("X-Accel-Expires", "@" + "9" * 5000)
def test_a_header_of_a_view_is_judged(name: str, value: str) -> None:
    request, response = RequestFactory().get("/"), HttpResponse()
    response[name] = value
    assert 0 <= cacheable.shared_seconds(response) < 2**63
    assert cacheable.storable(request, response) in (True, False)
    policy.apply(request, response)
    cacheable.shorten(response, 5)
    cacheable.forbid(response)
    assert not cacheable.storable(request, response)


@parsing
@given(st.lists(st.from_regex(r"[a-z0-9_.:-]{1,128}", fullmatch=True), max_size=300))
def test_tags_fit_a_header_or_the_page_is_not_kept(tags: list[str]) -> None:
    assert headers.set_tag_headers(HttpResponse(), tags) in (True, False)


@parsing
@given(
    st.dictionaries(
        st.sampled_from([*(s.upper() for s in conf.Settings.__dataclass_fields__), "NOPE"]), JSON, max_size=4
    )
)
@example({"SITES": [42]})
@example({"SITES": 42})
@example({"TIERS": {"a": {"PROVIDER": "x", "NODES": [1]}}})
@example({"TIERS": {"a": {"PROVIDER": "x", "FILLS_FROM": 3}}})
@example({"TIERS": []})
@example({"DATABASES": 1})
@example({"PAGES": {"POLICY": [{"PATHS": ["("]}]}})
@example({"INDEX": 1})
@example({"INDEX": {"MAX_URLS": "many"}})
def test_settings_are_taken_or_their_name_is_told(declared: dict[str, Any]) -> None:
    with contextlib.suppress(ImproperlyConfigured):
        assert conf.parse(declared).tiers is not None


@parsing
@given(st.dictionaries(st.sampled_from([*TIER_FIELDS, "NOPE"]), JSON, max_size=5) | JSON)
def test_a_tier_is_taken_or_refused(declared: Any) -> None:
    with contextlib.suppress(ImproperlyConfigured):
        assert conf.parse({"TIERS": {"a": declared}}).tiers["a"].nodes
