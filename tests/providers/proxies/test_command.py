"""`invalidation_proxy`: an adopter's proxies are those of the tests, filled in from his own settings."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from deploy.local import Nginx, Varnish
from invalidation.providers.varnish import Varnish as Provider
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import warm

PROVIDERS = "invalidation.providers"
HOST = "http://example.test:8080"


def tier(product: str, node: str, *fills_from: str, **options: Any) -> dict[str, Any]:
    """One entry of TIERS."""
    provider = f"{PROVIDERS}.{product.lower()}.{product}"
    return {
        "PROVIDER": provider,
        "NODES": [node],
        "FILLS_FROM": fills_from,
        "OPTIONS": {"SECRET": SECRET, **options},
    }


@pytest.fixture
def declare(settings: Settings) -> Callable[..., None]:
    """INVALIDATION of these tiers; the site is visited on a port of its own."""

    def declared(sites: str = HOST, **tiers: Any) -> None:
        settings.INVALIDATION = {"TIERS": tiers, "SITES": [sites], "PAGES": {"QUERY_PARAMETERS": ["page"]}}

    return declared


def rendered(product: str, *options: str) -> str:
    """What the command prints."""
    output = StringIO()
    call_command("invalidation_proxy", product, *options, stdout=output)
    return output.getvalue()


class Rendered(Varnish):
    """A Varnish with what the command has written."""

    text = ""

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "site.vcl").write_text(self.text)


@pytest.fixture
def rendered_varnish(declare: Callable[..., None], state_folder: Path, origin: Origin) -> Iterator[Varnish]:
    declare(varnish=tier("Varnish", "http://127.0.0.1:6081"))
    server = Rendered(state_folder, [], SECRET, name="rendered")
    server.text = rendered("varnish", "--backend", origin.address)
    with server:
        yield server


def test_what_is_rendered_serves_stores_and_purges(rendered_varnish: Varnish) -> None:
    url = f"{HOST}/a/"
    warm(rendered_varnish, url)
    provider = Provider("varnish", rendered_varnish.url, {"SECRET": SECRET})
    assert provider.purge_urls([url]).removed == 1


def test_no_page_is_probed_that_a_site_may_not_have(declare: Callable[..., None]) -> None:
    declare(varnish=tier("Varnish", "http://v"))
    assert "/health/" not in rendered("varnish")


def test_the_names_and_the_port_of_visitors_come_from_the_sites(declare: Callable[..., None]) -> None:
    declare(nginx=tier("Nginx", "http://127.0.0.1:8080"))
    text = rendered("nginx")
    assert "server_name example.test;" in text
    assert "listen 8080" in text
    assert ":8080" in text
    assert "server 127.0.0.1:8000;" in text


def test_nginx_fills_from_the_nodes_of_the_varnish_inside_it(declare: Callable[..., None]) -> None:
    varnish = tier("Varnish", "http://10.0.0.5:6081")
    declare(varnish=varnish, nginx=tier("Nginx", "http://127.0.0.1:80", "varnish", EVERYTHING=True))
    text = rendered("nginx")
    assert "server 10.0.0.5:6081;" in text
    assert "/var/cache/nginx/epoch" in text


def test_tags_that_a_cdn_outside_reads_are_not_hidden(declare: Callable[..., None]) -> None:
    cloudflare = {"PROVIDER": f"{PROVIDERS}.cloudflare.Cloudflare", "OPTIONS": {"ZONE_ID": "z", "API_TOKEN": "t"}}
    declare(varnish=tier("Varnish", "http://v"), cloudflare=cloudflare | {"FILLS_FROM": ["varnish"]})
    text = rendered("varnish")
    assert "unset resp.http.xkey;" in text
    assert "Cache-Tag" not in text


def test_variants_of_the_tier_are_those_of_the_site(declare: Callable[..., None]) -> None:
    variants = [{"Accept-Language": "en"}, {"Accept-Language": "de"}]
    declare(nginx=tier("Nginx", "http://n", VARIANTS=variants))
    assert "map $http_accept_language $cache_variant" in rendered("nginx")


def test_the_cookies_and_addresses_of_the_project_are_named(declare: Callable[..., None], settings: Settings) -> None:
    settings.SESSION_COOKIE_NAME = "who"
    declare(varnish=tier("Varnish", "http://v"))
    text = rendered("varnish", "--purge-from", "10.0.0.0/8", "--trust", "10.0.0.6", "--probe", "/up/")
    assert "(who|csrftoken|messages)=" in text
    assert '"10.0.0.0"/8;' in text
    assert '"10.0.0.6";' in text
    assert "GET /up/ HTTP/1.1" in text


@pytest.mark.parametrize(
    ("tiers", "said"),
    [
        ({}, "0 tiers of invalidation.providers.varnish.Varnish are configured: declare one"),
        ({"a": tier("Varnish", "http://a"), "b": tier("Varnish", "http://b")}, "2 tiers .* say which by --tier"),
    ],
)
def test_a_tier_that_is_missing_or_not_the_only_one_is_said(
    declare: Callable[..., None], tiers: dict[str, Any], said: str
) -> None:
    declare(**tiers)
    with pytest.raises(CommandError, match=said):
        rendered("varnish")


def test_of_several_tiers_one_is_chosen_by_name(declare: Callable[..., None]) -> None:
    declare(a=tier("Varnish", "http://a"), b=tier("Varnish", "http://b", SECRET="b" * 20))
    assert "b" * 20 in rendered("varnish", "--tier", "b")


def test_a_misspelt_placeholder_is_refused(declare: Callable[..., None], tmp_path: Path) -> None:
    declare(nginx=tier("Nginx", "http://n"))
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"listne": "80"}))
    with pytest.raises(CommandError, match="listne"):
        rendered("nginx", "--values", str(values))


def test_a_secret_that_would_need_quoting_is_refused_unseen(declare: Callable[..., None]) -> None:
    declare(varnish=tier("Varnish", "http://v", SECRET='quote"and;more-and-more'))
    with pytest.raises(CommandError, match="token_urlsafe") as refused:
        rendered("varnish")
    assert "quote" not in str(refused.value)


@pytest.mark.parametrize(
    ("product", "words"), [("Varnish", "-p http_req_hdr_len=16k"), ("Nginx", "ngx_http_cache_purge")]
)
@pytest.mark.parametrize("there", [True, False])
def test_a_file_is_for_its_owner_alone_also_over_an_open_one(
    declare: Callable[..., None], tmp_path: Path, product: str, words: str, there: bool
) -> None:
    declare(site=tier(product, "http://v"))
    output = tmp_path / "rendered"
    if there:
        output.write_text("")
        output.chmod(0o666)
    said = StringIO()
    call_command("invalidation_proxy", product.lower(), "--output", str(output), stderr=said)
    assert stat.filemode(output.stat().st_mode) == "-rw-------"
    assert SECRET in output.read_text()
    assert words in said.getvalue()
    assert SECRET not in said.getvalue()


def test_what_varnishd_is_started_with_is_told_alone(declare: Callable[..., None]) -> None:
    declare(varnish=tier("Varnish", "http://v"))
    words = rendered("varnish", "--parameters").split()
    assert words[:2] == ["-p", "http_req_hdr_len=16k"]
    assert set(words[::2]) == {"-p"}


def test_nginx_accepts_what_is_rendered(declare: Callable[..., None], tmp_path: Path, origin: Origin) -> None:
    declare(nginx=tier("Nginx", "http://127.0.0.1:8080"))
    values = tmp_path / "values.json"
    server = Nginx(tmp_path, [origin.address], SECRET, name="rendered")
    place = {"listen": f"127.0.0.1:{server.port}", "cache_folder": str(tmp_path / "pages")}
    values.write_text(json.dumps(place))

    class RenderedNginx(Nginx):
        def prepare(self) -> None:
            super().prepare()
            options = ["--backend", origin.address, "--values", str(values)]
            (self.folder / "site.conf").write_text(rendered("nginx", *options))

    with RenderedNginx(tmp_path, [origin.address], SECRET, name="rendered", port=server.port) as running:
        warm(running, f"{HOST}/a/")
