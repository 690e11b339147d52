"""Real proxies with one mistake each: the shipped configuration, one passage of it replaced."""

from __future__ import annotations

from pathlib import Path

from deploy.local import Nginx, Varnish
from deploy.local.processes import accepts


def spoil(file: Path, changes: dict[str, str]) -> None:
    """Replace passages of a rendered configuration; each must be there."""
    text = file.read_text()
    for passage, replacement in changes.items():
        assert passage in text, f"{file.name} has no {passage!r}"
        text = text.replace(passage, replacement)
    file.write_text(text)


class BrokenNginx(Nginx):
    """`changes` are what somebody changed in the rendered site."""

    changes: dict[str, str] = {}

    def prepare(self) -> None:
        super().prepare()
        spoil(self.folder / "site.conf", self.changes)


class BrokenVarnish(Varnish):
    """`changes` are what somebody changed in the rendered VCL."""

    changes: dict[str, str] = {}

    def prepare(self) -> None:
        super().prepare()
        spoil(self.folder / "site.vcl", self.changes)


class KeyWithDecodedPath(BrokenNginx):
    changes = {"proxy_cache_purge pages $cache_key;": 'proxy_cache_purge pages "$cache_scheme://$host$uri";'}


class KeyWithoutScheme(BrokenVarnish):
    changes = {
        "hash_data(req.http.X-Forwarded-Proto);": 'if (req.method == "GET") { hash_data(req.http.X-Forwarded-Proto); }'
    }


class NginxWithVary(BrokenNginx):
    changes = {
        "proxy_ignore_headers Vary;": "",
        "$request_private $vary_undeclared $upstream_failed": "$request_private $upstream_failed",
    }


class VarnishThatBelievesAPrefix(BrokenVarnish):
    changes = {"unset req.http.SCRIPT_NAME;": ""}


class NginxThatBelievesAPrefix(BrokenNginx):
    changes = {"underscores_in_headers off;": "underscores_in_headers on;", 'proxy_set_header SCRIPT_NAME "";': ""}


class NginxWithoutMarker(BrokenNginx):
    changes = {"set $purged_by nginx;": ""}


class VarnishWithoutMarker(BrokenVarnish):
    changes = {'set resp.http.X-Purged-By = "varnish";': ""}


class NginxWithSlices(BrokenNginx):
    changes = {
        "proxy_cache_key $cache_key;": "",
        "limit_req zone=visitors": "slice 1m; proxy_cache_key $cache_key$slice_range;\n"
        "proxy_set_header Range $slice_range; limit_req zone=visitors",
        "proxy_set_header Host $forwarded_host;": "",
        "proxy_pass http://application;": "proxy_set_header Host $forwarded_host; proxy_pass http://application;",
    }


class CrashingNginx(BrokenNginx):
    """The purge in the location that proxies, as the module's own README shows it."""

    changes = {
        "if ($purge_verdict = accept) {\n        rewrite ^ /__purge last;\n    }": "",
        "proxy_pass http://application;": "proxy_pass http://application; proxy_cache_purge PURGE from 127.0.0.1;",
    }

    def is_ready(self) -> bool:
        """Asked without a PURGE, which would crash it."""
        return accepts(self.port)


class CuttingVarnish(BrokenVarnish):
    """Somebody shortened a header that was too long for the server behind."""

    changes = {
        "set beresp.http.x-ban-url = bereq.url;": "set beresp.http.x-ban-url = bereq.url;\n"
        'set beresp.http.xkey = regsub(beresp.http.xkey, "^(.{1000}).*", "\\1");'
    }


class VarnishWithSmallHeaders(Varnish):
    """Started without deploy/varnish/parameters, and with less than the default."""

    def command(self) -> list[str]:
        return [*super().command(), "-p", "http_resp_hdr_len=2k"]


class TaglessVarnish(BrokenVarnish):
    changes = {
        "set beresp.http.x-ban-url = bereq.url;": "set beresp.http.x-ban-url = bereq.url; unset beresp.http.xkey;"
    }


class VarnishThatHearsEveryLetter(BrokenVarnish):
    """A Host that is not normalised, neither here nor by the built-in subroutine, which is never reached."""

    changes = {'std.tolower(regsub(req.http.Host, ":\\d+$", ""))': 'regsub(req.http.Host, ":\\d+$", "")'}


class OpenVarnish(BrokenVarnish):
    changes = {'if (req.http.X-Purge-Secret != "': 'if (req.http.X-Purge-Secret == "nobody" + "'}


class VarnishWithoutReasons(BrokenVarnish):
    """A site of somebody's own, which refuses without a word."""

    changes = {
        "varnish: This address may not purge.": "Forbidden",
        "varnish: The secret is missing or wrong.": "Forbidden",
    }


class ForgetfulNginx(BrokenNginx):
    changes = {"proxy_no_cache $request_private": "proxy_no_cache 1"}


class NarrowVarnish(BrokenVarnish):
    """Bans that compare with the wrong host."""

    changes = {"set beresp.http.x-ban-host = bereq.http.Host;": 'set beresp.http.x-ban-host = "other.test";'}
