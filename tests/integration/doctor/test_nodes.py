"""Each misconfiguration of a node on a real server, and the doctor's name for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from deploy.local import Nginx, Varnish, free_port, wait_for
from deploy.local.processes import ask
from tests.integration.doctor import broken
from tests.integration.doctor.conftest import Clinic, codes

pytestmark = pytest.mark.takes(36)

Run = Callable[..., Sequence[str]]
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
Kind = type[Nginx] | type[Varnish]


@pytest.mark.parametrize("kind", [Nginx, Varnish])
def test_the_shipped_configuration_is_sound(run: Run, kind: Kind) -> None:
    assert run(kind) == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (broken.KeyWithDecodedPath, "wrong-key"),
        (broken.KeyWithoutScheme, "wrong-key"),
        (broken.NginxWithVary, "variants"),
        (broken.VarnishThatBelievesAPrefix, "script-name"),
        (broken.NginxThatBelievesAPrefix, "script-name"),
        (broken.NginxWithoutMarker, "no-marker"),
        (broken.VarnishWithoutMarker, "no-marker"),
        (broken.NginxWithSlices, "slice"),
        (broken.CrashingNginx, "crash"),
        (broken.CuttingVarnish, "tag-header-truncated"),
        (broken.VarnishWithSmallHeaders, "tag-header-truncated"),
        (broken.TaglessVarnish, "tags-unread"),
        (broken.VarnishThatHearsEveryLetter, "host-spelling"),
        (broken.OpenVarnish, "unguarded"),
        (broken.ForgetfulNginx, "not-stored"),
        (broken.NarrowVarnish, "prefix"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(run: Run, kind: Kind, code: str) -> None:
    assert run(kind) == [code]


@pytest.mark.parametrize(("kind", "option"), [(Nginx, "purge_location"), (Varnish, "purge_branch")])
def test_f10_a_purge_that_is_passed_to_the_application_is_named(run: Run, kind: Kind, option: str) -> None:
    assert run(kind, **{option: ""}) == ["purge-forwarded"]


@pytest.mark.parametrize("kind", [Nginx, Varnish])
def test_a_wrong_secret_is_named(run: Run, kind: Kind) -> None:
    assert run(kind, {"SECRET": "another-secret-altogether"}) == ["secret"]


def test_a_probe_of_a_page_that_is_not_there_is_named(clinic: Clinic) -> None:
    with clinic.start(Varnish, probe_path="/no-such-page/", probe_seconds="0.2") as server:
        wait_for(lambda: ask(server.port, GET).startswith(b"HTTP/1.1 503"), 30, "the probe to have failed")
        assert clinic.found(server) == ["probe"]


def test_a_proxy_without_a_probe_is_sound(run: Run) -> None:
    assert run(Varnish, probe_path="") == []


def test_a_missing_secret_is_named(run: Run) -> None:
    assert run(Nginx, {"SECRET": ""}) == ["settings"]


@pytest.mark.parametrize(("kind", "elsewhere"), [(Nginx, ["192.0.2.1"]), (Varnish, ['"192.0.2.1"'])])
def test_an_address_that_may_not_purge_is_named(run: Run, kind: Kind, elsewhere: list[str]) -> None:
    assert run(kind, purge_addresses=elsewhere) == ["address"]


def test_a_refusal_without_reason_is_named_too(clinic: Clinic) -> None:
    with clinic.start(broken.VarnishWithoutReasons) as server:
        assert clinic.found(server, SECRET="another-secret-altogether") == ["refused"]


def test_a_name_that_nginx_does_not_serve_is_named(run: Run) -> None:
    assert run(Nginx, server_names="other.test") == ["host-mismatch"]


def test_a_name_that_the_application_does_not_allow_is_named(clinic: Clinic) -> None:
    clinic.host = "stranger.example"
    with clinic.start(Varnish) as server:
        assert clinic.found(server) == ["host-mismatch"]


def test_a_host_that_the_proxy_changes_is_named(run: Run) -> None:
    assert run(Varnish, public_port=":666") == ["host-mismatch"]


def test_a_node_that_is_down_is_named(clinic: Clinic) -> None:
    server = Varnish(clinic.state_folder, [], "", port=free_port())
    assert clinic.found(server) == ["unreachable"]


def test_a_proxy_with_nothing_behind_it_is_named(clinic: Clinic) -> None:
    with Nginx(clinic.state_folder, [f"127.0.0.1:{free_port()}"], "a-secret-of-the-tests", name="lonely") as server:
        assert clinic.found(server) == ["source-away"]


def test_a_site_without_the_middleware_is_named(clinic: Clinic, origin: Any) -> None:
    with Varnish(clinic.state_folder, [origin.address], "a-secret-of-the-tests", name="tagless") as server:
        assert clinic.found(server) == ["not-served"]


def test_what_was_found_is_told_with_tier_node_and_remedy(clinic: Clinic) -> None:
    with clinic.start(Varnish, purge_branch="") as server:
        report = clinic.examine(server.port, varnish=clinic.tier(server))
        (found,) = [one for one in report.document()["findings"] if one["tier"]]
    assert codes(report) == ["purge-forwarded"]
    assert (found["tier"], found["node"]) == ("varnish", server.url)
    assert "passes PURGE on" in found["words"]
    assert "invalidation_proxy" in found["remedy"]
    assert "a-secret-of-the-tests" not in str(report.document())
