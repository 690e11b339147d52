"""What the templates are filled with, as far as the project's settings say it. Pure but for reading settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from invalidation import conf
from invalidation.conf import graph
from invalidation.providers.nginx import Nginx
from invalidation.providers.registry import provider_class
from invalidation.providers.varnish import Varnish
from invalidation.proxies.templates import TAG_HEADERS, Value

PRODUCTS = {"nginx": Nginx, "varnish": Varnish}
TEMPLATES = {"nginx": "nginx/site.conf.template", "varnish": "varnish/site.vcl.template"}
#: Where `runserver` and gunicorn listen, unless they are told otherwise.
APPLICATION = "127.0.0.1:8000"
HERE = "127.0.0.1"
#: How long Nginx lets a request wait for the same page that another one fetches; Varnish asks once for all who wait.
LOCK_MILLISECONDS = {True: "100", False: "5000"}
#: What the settings say nothing of, and most sites have in common.
COMMON: Mapping[str, Value] = {
    "purge_location": "yes",
    "purge_branch": "yes",
    "cache_folder": "/var/cache/nginx/pages",
    "cache_size": "1g",
    "access_log": "/var/log/nginx/access.log",
    "requests_per_second": "20",
    "burst": "100",
    "api_requests_per_second": "5",
    "api_burst": "20",
    "login_attempts_per_minute": "10",
    "login_burst": "5",
    "probe_seconds": "5",
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What only the person knows who renders it."""

    backends: tuple[str, ...] = ()
    """host:port of the application servers; for Nginx, of what it fills from."""

    purgers: tuple[str, ...] = (HERE,)
    """Addresses and networks of the workers."""

    trusted: tuple[str, ...] = (HERE,)
    """Those of what stands in front: a proxy, a balancer, a CDN."""

    probe: str = ""
    """Path that Varnish asks the application servers for; none without it."""

    more: Mapping[str, Value] = field(default_factory=dict)
    """Placeholders by name."""


def tier_of(product: str, name: str = "") -> conf.Tier:
    """The tier that is meant.

    Raises:
        ImproperlyConfigured: there is none of this product, or several and no name.
    """
    tiers = [
        one for one in conf.settings().tiers.values() if issubclass(provider_class(one.provider), PRODUCTS[product])
    ]
    matching = [one for one in tiers if name in ("", one.name)]
    if len(matching) == 1:
        return matching[0]
    kind = f"invalidation.providers.{product}.{PRODUCTS[product].__name__}"
    named = f" named {name!r}" if name else ""
    fix = "say which by --tier" if matching else f"declare one in INVALIDATION['TIERS'] with PROVIDER {kind!r}"
    raise ImproperlyConfigured(f"{len(matching)} tiers of {kind}{named} are configured: {fix}.")


def values(product: str, tier: conf.Tier, around: Surroundings) -> dict[str, Value]:
    """Every placeholder of the product's template that has a value."""
    own: Callable[[conf.Tier, Surroundings], dict[str, Value]] = {"nginx": _nginx, "varnish": _varnish}[product]
    return {**COMMON, **_both(tier), **own(tier, around), **around.more}


def _both(tier: conf.Tier) -> dict[str, Value]:
    settings = conf.settings()
    return {
        "secret": str(tier.options.get("SECRET", "")),
        "public_port": _public_port(settings.sites_of(tier.name)),
        "private_cookies": f"{django_settings.SESSION_COOKIE_NAME}|{django_settings.CSRF_COOKIE_NAME}|messages",
        "query_parameters": settings.pages.query_parameters.declared,
        "hidden_headers": _hidden(settings, tier),
    }


def _hidden(settings: conf.Settings, tier: conf.Tier) -> tuple[str, ...]:
    """Tags are for caches: hidden from visitors, unless a tier further out reads them."""
    outer = [provider_class(settings.tiers[name].provider) for name in graph.outer(settings.tiers, tier.name)]
    read = {product.tag_header.lower() for product in outer}
    return tuple(name for name in TAG_HEADERS if name.lower() not in read)


def _public_port(sites: Iterable[str]) -> str:
    """Such as ":8080", where every site is visited there; else each has its scheme's own."""
    ports = {urlsplit(site).port for site in sites}
    [port] = ports if len(ports) == 1 else [None]
    return f":{port}" if port else ""


def _hosts(tier: conf.Tier) -> list[str]:
    return [urlsplit(site).hostname or "" for site in conf.settings().sites_of(tier.name)]


def _varnish(tier: conf.Tier, around: Surroundings) -> dict[str, Value]:
    backends = [host_and_port(backend) for backend in around.backends or (APPLICATION,)]
    return {
        "backends": backends,
        "purge_addresses": [_in_vcl(address) for address in around.purgers],
        "trusted_proxies": [_in_vcl(address) for address in around.trusted],
        "probe_path": around.probe,
        "probe_host": next(iter(_hosts(tier)), "localhost"),
    }


def host_and_port(address: str) -> tuple[str, str]:
    """Of `host:port`; the port is the application's usual one where none is named."""
    host, separator, port = address.rpartition(":")
    return (host, port) if separator and port.isdigit() else (address, APPLICATION.rpartition(":")[2])


def _in_vcl(address: str) -> str:
    """`10.0.0.0/8` is `"10.0.0.0"/8` in a VCL."""
    host, separator, bits = address.partition("/")
    return f'"{host}"{separator}{bits}'


def _nginx(tier: conf.Tier, around: Surroundings) -> dict[str, Value]:
    tiers = conf.settings().tiers
    inner = [tiers[name] for name in tier.fills_from if issubclass(provider_class(tiers[name].provider), Varnish)]
    nodes = [urlsplit(node).netloc for one in inner for node in one.nodes]
    return {
        "listen": str(urlsplit(tier.nodes[0]).port or 80),
        "server_names": " ".join(_hosts(tier)) or "_",
        "upstreams": list(around.backends) or nodes or [APPLICATION],
        "lock_milliseconds": LOCK_MILLISECONDS[bool(inner)],
        "epoch_folder": "/var/cache/nginx/epoch" if tier.options.get("EVERYTHING") else "",
        "purge_addresses": list(around.purgers),
        "trusted_proxies": list(around.trusted),
        **_variants(tier.options.get("VARIANTS", ())),
    }


def _variants(declared: Sequence[Mapping[str, str]]) -> dict[str, Value]:
    """Those of one request header, which is what the template knows."""
    names = {name for headers in declared for name in headers}
    if not names:
        return {}
    if len(names) > 1:
        raise ImproperlyConfigured(f"The site tells variants apart by one header, and VARIANTS names {sorted(names)}.")
    [name] = names
    return {
        "variant_header": name,
        "variant_variable": name.lower().replace("-", "_"),
        "variants": [headers[name] for headers in declared if name in headers],
    }
