"""Any cache with an HTTP interface: one declared request for each verb, and the proof to look for in its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider
from invalidation.providers.cdn.vendor import Api
from invalidation.providers.http import Location
from invalidation.providers.options import header_secret, read_options
from invalidation.providers.wire.answer import Answer

VERBS = ("URLS", "TAGS", "PREFIXES", "EVERYTHING")
REQUEST_FIELDS = {"METHOD", "TARGET", "HEADERS", "BODY"}
PLACEHOLDER = re.compile(r"\{(?P<name>value|host|target)(?P<quoted>:quoted)?\}")


class GenericHTTP(Provider):
    """One node that takes one URL, tag or prefix a request.

    Options: URLS, TAGS, PREFIXES, EVERYTHING (the request of each verb that the product has, such as
    {"METHOD": "POST", "TARGET": "/purge?url={value:quoted}", "HEADERS": {"X-Soft": "1"}, "BODY": {"url": "{value}"}};
    `{value}` is the URL, tag or prefix, `{host}` and `{target}` are parts of the URL, and `:quoted` percent-encodes),
    STATUSES (that mean done; [200]), PROOF (text that must stand in the answer's body or headers), SECRET and
    SECRET_HEADER (Authorization), TAG_HEADER, TAG_SEPARATOR, TIMEOUT_SECONDS.
    """

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        optional: dict[str, Any] = {"TAGS": None, "PREFIXES": None, "EVERYTHING": None, "STATUSES": (200,)}
        optional |= {"SECRET": "", "SECRET_HEADER": "Authorization", "TAG_HEADER": "", "TAG_SEPARATOR": " "}
        values = read_options(tier, options, required=("URLS", "PROOF"), optional=optional)
        self._requests = {verb: _checked(tier, verb, values[verb]) for verb in VERBS if values[verb]}
        self.supports_tags = "TAGS" in self._requests
        self.supports_prefixes = "PREFIXES" in self._requests
        self.supports_everything = "EVERYTHING" in self._requests
        self.tag_header, self.tag_separator = values["TAG_HEADER"], values["TAG_SEPARATOR"]
        self._statuses, self._proof = tuple(values["STATUSES"]), str(values["PROOF"])
        secret = header_secret(tier, values["SECRET"])
        self._api = Api(
            tier,
            node,
            headers={values["SECRET_HEADER"]: secret} if secret else {},
            timeout_seconds=values["TIMEOUT_SECONDS"],
        )

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Remove these URLs."""
        return self._each("URLS", [_parts(url) for url in urls])

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Remove what carries one of these tags."""
        return self._each("TAGS", [{"value": tag} for tag in tags]) if self.supports_tags else super().purge_tags(tags)

    def purge_prefixes(self, prefixes: Sequence[str]) -> Reply:
        """Remove what starts with one of these prefixes."""
        if not self.supports_prefixes:
            return super().purge_prefixes(prefixes)
        return self._each("PREFIXES", [_parts(prefix) for prefix in prefixes])

    def purge_everything(self) -> Reply:
        """Remove every copy."""
        return self._each("EVERYTHING", [{}]) if self.supports_everything else super().purge_everything()

    def _each(self, verb: str, values: Sequence[Mapping[str, str]]) -> Reply:
        answers = [self._send(self._requests[verb], value) for value in values]
        return Reply(raw=answers[-1].raw if answers else "")

    @sensitive_variables("whole_answer")
    def _send(self, request: Mapping[str, Any], values: Mapping[str, str]) -> Answer:
        target, headers, body = (_filled(request.get(name), values) for name in ("TARGET", "HEADERS", "BODY"))
        answer = self._api.send(request.get("METHOD", "POST"), target, body, headers)
        whole_answer = f"{answer.text} {' '.join(f'{name}: {value}' for name, value in answer.headers.items())}"
        if answer.status not in self._statuses or self._proof not in whole_answer:
            raise self._api.failure(answer, f"the proof {self._proof!r}")
        return answer


def _parts(url: str) -> dict[str, str]:
    location = Location.of(url)
    return {"value": url, "host": location.host, "target": location.target}


def _filled(template: Any, values: Mapping[str, str]) -> Any:
    """`template` with its placeholders replaced, in mappings and lists too."""
    if isinstance(template, Mapping):
        return {name: _filled(value, values) for name, value in template.items()}
    if isinstance(template, list | tuple):
        return [_filled(value, values) for value in template]
    if not isinstance(template, str):
        return template
    return PLACEHOLDER.sub(lambda match: _value(match, values), template)


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    value = values.get(match["name"], "")
    return quote(value, safe="") if match["quoted"] else value


def _checked(tier: str, verb: str, request: Any) -> Mapping[str, Any]:
    if not isinstance(request, Mapping) or "TARGET" not in request or set(request) - REQUEST_FIELDS:
        raise ImproperlyConfigured(
            f"INVALIDATION['TIERS'][{tier!r}]['OPTIONS'][{verb!r}] needs a 'TARGET' "
            f"and may have {sorted(REQUEST_FIELDS - {'TARGET'})}."
        )
    return request
