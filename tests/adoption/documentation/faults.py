"""Turns the faults that this product must not have, and the tests that show it, into docs/reference/faults.md.

`python -m tests.adoption.documentation.faults` writes it. A test belongs to a fault by its name (`test_f17_…`), or
stands here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.adoption.documentation.commands import ROOT

PAGE = ROOT / "docs/reference/faults.md"
NAMED = re.compile(r"test(?:_f\d+)+_")
BEGINNING = """# Faults that are known, and the tests that show them absent

Systems of this kind are often built with one of these faults. Code, documents and tests cite them by number. A test
named `…naive…` or `…textbook…` shows the fault in a small version of such a system, and that this product does not
have it.

This page is generated: `python -m tests.adoption.documentation.faults`.
"""


@dataclass(frozen=True)
class Fault:
    """What goes wrong elsewhere, what happens here, and the tests that don't bear the number in their names."""

    elsewhere: str
    here: str
    tests: tuple[str, ...] = ()


FAULTS = {
    1: Fault(
        "CloudFront is given the time in whole seconds as the reference of a job. Two batches within one second have "
        "the same reference, so that the second is taken for a repetition of the first and never carried out.",
        "The reference is made of the batch and the place of the call in its plan, so that a retry repeats it and "
        "nothing else does.",
    ),
    2: Fault(
        "A CDN is called inside `post_save`: before the commit, while the visitor waits, and with an error that is "
        "logged and forgotten.",
        "The request stores a row in its own transaction, and announces it after the commit.",
        (
            "tests/unit/emission/test_transactions.py::test_nothing_is_announced_before_the_outermost_commit",
            "tests/unit/emission/test_transactions.py::test_what_was_rolled_back_is_not_purged_by_the_next_transaction",
            "tests/integration/workers/test_announcer.py::test_with_the_broker_frozen_a_command_stores_its_event_and_ends",
            "tests/integration/workers/test_workers.py::test_an_event_recorded_while_no_worker_lives_is_delivered_by_the_next_one",
        ),
    ),
    3: Fault(
        "Only the id of the newest CloudFront job is remembered, in a cache, for an hour. What became of the others "
        "is unknown.",
        "Each delivery stores the ids of its jobs in the database, and asks for each until it has ended.",
        (
            "tests/unit/pipeline/test_deliver.py::test_accepted_jobs_are_followed_one_after_the_other_to_their_ends",
            "tests/unit/pipeline/test_deliver.py::test_where_jobs_may_run_at_once_none_waits_for_another",
            "tests/providers/cdn/test_killed.py::"
            "test_a_worker_killed_between_acceptance_and_our_status_leads_to_one_invalidation",
        ),
    ),
    4: Fault(
        "A purge happens only if the object is published. What was unpublished or deleted stays in the caches, and a "
        "renamed page stays under its old address.",
        "The state before a write counts as much as the one after it.",
        (
            "tests/unit/emission/test_writes.py::test_a_renamed_row_was_its_old_address_and_is_its_new_one",
            "tests/unit/emission/test_writes.py::test_an_unpublished_row_is_purged_though_its_visibility_is_not_tracked",
            "tests/unit/emission/test_writes.py::test_a_deleted_row_is_purged",
            "tests/unit/emission/test_bulk.py::test_update_that_unpublishes_purges_what_was_public",
        ),
    ),
    5: Fault(
        "Cloudflare is sent longer lists than it takes, an answer of 200 that says `success: false` is taken for "
        "success, and a call without a timeout may wait for ever.",
        "Plans are cut by the limits of the plan that was bought, the answer's body decides, and every call has a "
        "deadline.",
        (
            "tests/unit/pipeline/test_plan.py::test_nothing_is_lost_and_no_limit_is_exceeded",
            "tests/providers/cdn/test_quota.py::test_30_000_urls_3_000_tags_and_a_folder_stay_within_every_plan",
            "tests/providers/test_contract.py::test_a_product_that_hangs_is_given_up_after_the_timeout",
        ),
    ),
    6: Fault(
        "A middleware calls pages `public` by their path alone, also those of a signed-in visitor, with cookies, with "
        "an error, or in answer to a POST; and it overwrites what the view said.",
        "A page is public only where nothing about request and answer forbids it, and a view's own header wins.",
    ),
    7: Fault(
        "The client of a CDN is made of environment variables when its module is imported.",
        "A provider is built from the settings when it is first needed, and checked when the site starts.",
    ),
    8: Fault(
        "Nginx stores a page under one key and purges another: with the method in it, with the query lost or doubled, "
        "or with a decoded path.",
        "One expression makes both keys.",
    ),
    9: Fault(
        "Nginx keeps the variants of a page that says `Vary` under further keys, which a purge misses.",
        "Nginx looks at no `Vary`; what may vary is declared, is a part of the key, and each variant is purged.",
    ),
    10: Fault(
        "`proxy_purge … from` in the location that serves pages crashes the worker of Debian's Nginx module. And a "
        "PURGE that is passed on to Django answers 200 without having purged anything.",
        "Purges have a location of their own, and only an answer with the cache's own mark counts.",
    ),
    11: Fault(
        "Any visitor may bypass Nginx' cache with a header, and answers to requests with `Authorization` are stored.",
        "No header of a visitor has that effect, and such answers are not stored.",
    ),
    12: Fault(
        "`add_header` in one of Nginx' locations drops the security headers of the whole server; and plain files are "
        "sent as `Content-Encoding: br`.",
        "Every location sends every header, and only what is compressed is called so.",
    ),
    13: Fault(
        "Varnish never reaches its rule for PURGE, because what is no GET was passed on before. The host is spelled "
        "as the visitor spelled it, private answers and those that set a cookie get a lifetime, and errors are kept "
        "for a minute.",
        "The rules stand in the right order, and private or failed answers are not stored.",
    ),
    14: Fault(
        "A client that shards keys over primary and replicas writes to replicas; `msgpack` can't store an instance of "
        "a model; and errors of Redis that are ignored are seen by nobody.",
        "Writes go to the primary, values come back as they were, and what is ignored is logged and counted.",
    ),
    15: Fault(
        "Settings that Django has dropped are still written, and have no effect: `USE_ETAGS`, `STATICFILES_STORAGE` "
        "and others.",
        "The settings of the site hold none of them.",
    ),
    16: Fault(
        "Sessions live only in a cache that evicts, so that visitors are signed out by chance.",
        "Sessions are stored in the database, and cached.",
    ),
    17: Fault(
        "A cache of queries builds keys from `str(query)`, or with `json.dumps`; reads, changes and writes back the "
        "set of what depends on a model; can't tell 'not cached' from 'does not exist'; listens to every model; and "
        "stores an old value after somebody else has invalidated it.",
        "Keys name query, parameters and database exactly, each value carries the versions of its tags, and a value "
        "that was computed before an invalidation is never used after it.",
    ),
    18: Fault(
        "Two monitors read each other's probe, figures of Memcached are missing, and the exit code is 0 whatever was "
        "found.",
        "Each probe has a key of its own, and the exit code tells of a dead cache.",
    ),
    19: Fault(
        "A deployment raises a version by reading and writing it, and no cache reads that version; it searches keys "
        "with `KEYS` and the wrong prefix, warms before it purges, prints errors and ends with 0, and divides by "
        "zero where a page takes no time.",
        "Generations are drawn in one step and are part of the caches' keys, and a failed phase ends with an error.",
    ),
    20: Fault(
        "Cache rules of Cloudflare are left to be made by hand, or those of others are overwritten.",
        "Our rules are added, changed and removed beside those of others.",
    ),
    21: Fault(
        "An ETag is made of the newest timestamp: each request costs a query, and a deletion does not change it.",
        "Validators are made of the tags' versions.",
    ),
    22: Fault(
        "The variants of a list (pages, orders, filters) can't be named, so most of them stay when the list changes.",
        "All of them carry one tag.",
    ),
    23: Fault(
        "An inner cache is purged softly. The cache outside it then fetches the old copy once more and keeps it for "
        "its whole life.",
        "A system check refuses a soft purge of any tier but the outermost.",
    ),
    24: Fault(
        "A client follows the redirect that answers a PURGE, as a GET, and counts the page that comes as success.",
        "No redirect is followed.",
    ),
    25: Fault(
        "After a node or provider that does not answer, all others are skipped.",
        "Each node has a delivery of its own.",
        (
            "tests/unit/pipeline/test_deliver.py::test_a_node_that_is_down_delays_neither_its_sister_nor_the_tier_outside",
        ),
    ),
    26: Fault(
        "A page has more tags than its cache reads, so that no purge by the remaining tags reaches it.",
        "A page whose tags don't fit is not cached.",
    ),
    27: Fault(
        "A cache in the memory of each process stands behind a tier: the worker empties its own, and calls that of "
        "the site purged.",
        "A check, the doctor and the provider itself refuse such a tier.",
    ),
    28: Fault(
        "Whoever verifies a purge counts an answer of 502 as proof that nothing old is there.",
        "Such an answer proves nothing: the node is asked again, and counted apart.",
    ),
    29: Fault(
        "The application server believes the prefix `SCRIPT_NAME` that a visitor sends through the proxy; links with "
        "that prefix end in a page that is stored for everybody.",
        "Both proxies remove such headers, and the application server is started so that it believes none.",
    ),
    30: Fault(
        "Varnish's builtin rules don't look at `Cache-Control: private` where an answer has a `Surrogate-Control`.",
        "What any header forbids to store is not stored.",
    ),
    31: Fault(
        "A proxy repeats the headers of a request in its answer, and the secret among them is shown to operators.",
        "Secrets are taken out of everything that a cache says.",
    ),
}


@cache
def functions() -> dict[str, frozenset[str]]:
    """Every test file, relative to the repository, with the names of the tests in it."""
    return {
        str(path.relative_to(ROOT)): frozenset(_tests(path.read_text())) for path in ROOT.glob("tests/**/test_*.py")
    }


def _tests(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def numbers_of(test: str) -> set[int]:
    """The faults that a test is named after."""
    found = NAMED.match(test)
    return set(map(int, re.findall(r"f(\d+)", found[0]))) if found else set()


def shown_by(number: int) -> list[str]:
    """The tests of a fault, as pytest takes them."""
    named = [f"{file}::{test}" for file, tests in functions().items() for test in tests if number in numbers_of(test)]
    return sorted({*named, *FAULTS[number].tests})


def page() -> str:
    """The page of the documentation."""
    return BEGINNING + "".join(_section(number, fault) for number, fault in FAULTS.items())


def _section(number: int, fault: Fault) -> str:
    tests = "".join(f"* `{test}`\n" for test in shown_by(number))
    return f"\n## F{number}\n{fault.elsewhere}\n\nHere: {fault.here}\n\n{tests}"


if __name__ == "__main__":
    PAGE.write_text(page())
