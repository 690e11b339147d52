"""Fastly: URLs, surrogate keys and everything, hard or soft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from invalidation.exceptions import Unproven
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Rate
from invalidation.providers.cdn.edge import Edged
from invalidation.providers.cdn.vendor import Api, json_object
from invalidation.providers.http import Location
from invalidation.providers.options import header_secret, read_options
from invalidation.providers.wire.answer import Answer

API_URL = "https://api.fastly.com"


class Fastly(Edged):
    """One service.

    Options: SERVICE_ID, API_TOKEN (with the scopes purge_select and purge_all), ACCOUNT (names the quota that several
    services share), EDGE, API_URL, TIMEOUT_SECONDS. SOFT is set where a purge lets the old copy be shown while a new
    one is fetched; Fastly knows no soft purge of everything.
    """

    edge_status_header = "X-Cache"
    supports_tags = True
    supports_soft = True
    supports_everything = True
    tag_header = "Surrogate-Key"
    max_tag_header_bytes = 16_384
    """Of a longer header the key at the limit and all after it are ignored (reference of Surrogate-Key)."""

    max_urls_per_call = 1
    """There is no list of URLs."""

    max_tags_per_call = 256
    """Purge API, "Purge multiple surrogate key tags"."""

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        optional = {"SOFT": False, "ACCOUNT": "", "API_URL": API_URL, "EDGE": ""}
        values = read_options(tier, options, required=("SERVICE_ID", "API_TOKEN"), optional=optional)
        self.reached_at(values)
        self._service_path = f"/service/{values['SERVICE_ID']}"
        self._account = values["ACCOUNT"] or values["SERVICE_ID"]
        self._soft = {"Fastly-Soft-Purge": "1"} if values["SOFT"] else {}
        token = header_secret(tier, values["API_TOKEN"], "API_TOKEN")
        self._api = Api(
            tier,
            values["API_URL"],
            headers={"Fastly-Key": token},
            timeout_seconds=values["TIMEOUT_SECONDS"],
        )

    def rates(self) -> Sequence[Rate]:
        """An average of 100,000 URLs and 100,000 keys an hour for a customer, and 1,000 other writes for a token.

        Whether a list of 256 keys counts once or 256 times is not said; it is taken for 256. Half of each quota may
        be used at once, so that no hour, wherever it begins, holds more than the whole.
        """
        name = f"fastly:{self._account}"
        return (
            Rate(f"{name}:urls", 50_000 / 3600, 50_000, per_call={"purge_urls": 1.0}),
            Rate(f"{name}:keys", 50_000 / 3600, 50_000, per_item={"purge_tags": 1.0}),
            Rate(f"{name}:api", 500 / 3600, 500, per_call={"purge_everything": 1.0}),
        )

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Remove these URLs, each by a request of its own."""
        answers = [self._purge_url(Location.of(url)) for url in urls]
        return Reply(external_id=_id(answers[-1]), raw=answers[-1].raw) if answers else Reply()

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Remove what carries one of these tags; the answer names a purge for each of them."""
        answer = self._send(f"{self._service_path}/purge", {"surrogate_keys": list(tags)}, self._soft)
        if missing := set(tags) - set(json_object(answer)):
            raise Unproven(f"Fastly confirmed nothing for {len(missing)} of {len(tags)} keys.", reply=answer.raw)
        return Reply(raw=answer.raw)

    def purge_everything(self) -> Reply:
        """Remove every copy of the service."""
        return Reply(raw=self._confirmed(self._send(f"{self._service_path}/purge_all")).raw)

    def _purge_url(self, location: Location) -> Answer:
        return self._confirmed(self._send(f"/purge/{location.host}{location.target}", headers=self._soft))

    def _confirmed(self, answer: Answer) -> Answer:
        if json_object(answer).get("status") != "ok":
            raise Unproven("Fastly's answer has no status ok.", reply=answer.raw)
        return answer

    def _send(self, target: str, document: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        answer = self._api.send("POST", target, document, headers)
        if answer.status != HTTPStatus.OK:
            raise self._api.failure(answer, "status ok")
        return answer


def _id(answer: Answer) -> str:
    return str(json_object(answer).get("id", ""))
