"""The shipped configurations are accepted by the programs they are for, with every switch on."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.local import Nginx, Varnish
from invalidation.proxies.templates import FOLDER, placeholders
from invalidation.proxies.templates import render as rendered
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import visit

TEMPLATES = ["nginx/nginx.conf.template", "nginx/site.conf.template", "varnish/site.vcl.template"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_missing_placeholder_is_named(template: str) -> None:
    with pytest.raises(ValueError, match=min(placeholders((FOLDER / template).read_text()))):
        rendered(template, {})


@pytest.mark.parametrize("secret", ["", "short", 'quote"brace}and;more', "new\nline" * 3])
def test_a_secret_that_would_need_quoting_is_refused_unseen(tmp_path: Path, secret: str) -> None:
    for server in (Nginx(tmp_path, ["127.0.0.1:1"], secret), Varnish(tmp_path, ["127.0.0.1:1"], secret)):
        with pytest.raises(ValueError, match="token_urlsafe") as refused:
            server.prepare()
        assert not secret or secret not in str(refused.value)


@pytest.mark.parametrize("program", [Nginx, Varnish])
def test_the_runner_gives_what_the_template_documents(tmp_path: Path, program: type[Nginx] | type[Varnish]) -> None:
    server = program(tmp_path, [], SECRET)
    assert set(server.values()) == placeholders((FOLDER / server.template).read_text())


def test_nginx_stores_nothing_under_a_name_that_is_not_purged(tmp_path: Path, origin: Origin) -> None:
    with Nginx(tmp_path, [origin.address], SECRET, options={"server_names": "example.com"}) as server:
        assert visit(server, "http://example.com/a/").status == 200
        assert visit(server, "http://other.example/a/").status == 421


@pytest.mark.parametrize("program", [Nginx, Varnish])
def test_what_holds_the_secret_is_for_its_owner_alone(tmp_path: Path, program: type[Nginx] | type[Varnish]) -> None:
    server = program(tmp_path, ["127.0.0.1:1"], SECRET)
    server.prepare()
    holding = [file for file in tmp_path.rglob("*") if file.is_file() and SECRET in file.read_text()]
    assert {stat.filemode(file.stat().st_mode) for file in holding} == {"-rw-------"}
