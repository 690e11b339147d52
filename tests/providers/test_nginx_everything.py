"""One call empties the shipped Nginx site: its keys begin with a mark that the call changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local import Nginx as NginxServer
from invalidation.exceptions import DeliveryError, RejectedError
from invalidation.providers.nginx import Nginx
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit, warm


def nginx(server: NginxServer, secret: str = SECRET) -> Nginx:
    return Nginx("nginx", server.url, {"SECRET": secret, "EVERYTHING": True})


def test_every_page_is_gone_each_time_and_single_ones_are_still_purged(
    nginx_server: NginxServer, origin: Origin, site: str
) -> None:
    for _ in range(5):
        warm(nginx_server, f"{site}/a/")
        warm(nginx_server, f"{site}/b/?c=d")
        nginx(nginx_server).purge_everything()
        assert not is_hit(visit(nginx_server, f"{site}/a/"))
        assert not is_hit(visit(nginx_server, f"{site}/b/?c=d"))
    assert nginx(nginx_server).purge_urls([f"{site}/a/"]).removed == 1
    assert nginx(nginx_server).purge_urls([f"{site}/a/"]).removed == 0
    assert {request.method for request in origin.requests} == {"GET"}


@pytest.mark.parametrize("secret", ["wrong", SECRET.upper(), SECRET[:-1]])
def test_emptying_without_the_secret_is_refused(nginx_server: NginxServer, site: str, secret: str) -> None:
    warm(nginx_server, f"{site}/a/")
    with pytest.raises(RejectedError) as refused:
        nginx(nginx_server, secret).purge_everything()
    assert "nginx: The secret is missing or wrong" in refused.value.reply
    assert is_hit(visit(nginx_server, f"{site}/a/"))


def test_emptying_from_elsewhere_is_refused(state_folder: Path, origin: Origin, site: str) -> None:
    options = {"purge_addresses": ["192.0.2.1"]}
    with NginxServer(state_folder, [origin.address], SECRET, name="far", options=dict(options)) as server:
        warm(server, f"{site}/a/")
        with pytest.raises(RejectedError):
            nginx(server).purge_everything()
        assert is_hit(visit(server, f"{site}/a/"))


def test_a_site_that_takes_its_own_names_alone_is_emptied_too(state_folder: Path, origin: Origin) -> None:
    options = {"server_names": "named.test"}
    with NginxServer(state_folder, [origin.address], SECRET, name="named", options=dict(options)) as server:
        warm(server, "http://named.test/a/")
        nginx(server).purge_everything()
        assert not is_hit(visit(server, "http://named.test/a/"))


def test_a_site_without_the_mark_gives_no_proof(state_folder: Path, origin: Origin, site: str) -> None:
    with NginxServer(state_folder, [origin.address], SECRET, name="old", options={"epoch_folder": ""}) as server:
        warm(server, f"{site}/a/")
        with pytest.raises(DeliveryError):
            nginx(server).purge_everything()
        assert is_hit(visit(server, f"{site}/a/"))


@pytest.mark.parametrize("path", ["/__epoch", "/__everything"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_the_mark_can_be_neither_read_nor_written_by_visitors(
    nginx_server: NginxServer, site: str, path: str, method: str
) -> None:
    assert visit(nginx_server, f"{site}{path}", method=method).status == 404


def test_a_put_of_the_sites_own_reaches_the_application(nginx_server: NginxServer, origin: Origin, site: str) -> None:
    visit(nginx_server, f"{site}/a/", method="PUT")
    assert [request.method for request in origin.requests] == ["PUT"]
