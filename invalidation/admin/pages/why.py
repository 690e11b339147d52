"""Why an address is as it is: a form with one address, and what each node has of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime

from invalidation import conf
from invalidation.admin.base import ReadOnlyAdmin
from invalidation.exceptions import InvalidTarget
from invalidation.status import why
from invalidation.status.why.codes import UNTOLD
from invalidation.targets.values import CachePlace

#: A path stands for a page on every site, and each is a question to each node.
MOST_ADDRESSES = 5
MOST_CHARACTERS = 2048
WHY = "admin:invalidation_event_why"


class WhyForm(forms.Form):
    """One address of a configured site."""

    url = forms.CharField(
        label="Address",
        max_length=MOST_CHARACTERS,
        help_text="A path such as /blog/, which stands for the page on every site, or a whole address",
        widget=forms.TextInput(attrs={"size": 60, "spellcheck": "false", "autocapitalize": "none"}),
    )

    def clean_url(self) -> list[str]:
        """The absolute addresses that it stands for: nobody else's server is ever asked."""
        try:
            found = [*why.addresses(self.cleaned_data["url"])]
        except InvalidTarget as error:
            raise ValidationError(str(error)) from error
        if len(found) > MOST_ADDRESSES:
            raise ValidationError(f"That is a page of {len(found)} sites: name one of them, as in {found[0]}.")
        return found


class WhyView:
    """Nodes are asked by POST alone: a link that somebody is sent fills in the address, and costs nothing."""

    __name__ = "WhyView"

    def __init__(self, model_admin: ReadOnlyAdmin) -> None:
        self.model_admin = model_admin

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The form, and below it the answer."""
        if not self.model_admin.may_view_all(request):
            raise PermissionDenied
        asked = request.method == "POST"
        form = WhyForm(request.POST) if asked else WhyForm(initial={"url": request.GET.get("url", "")})
        answers = answered(form.cleaned_data["url"]) if asked and form.is_valid() else []
        context = {"title": "Why is a page as it is?", "opts": self.model_admin.opts, "form": form, "answers": answers}
        context |= self.model_admin.admin_site.each_context(request)
        return TemplateResponse(request, "admin/invalidation/event/why.html", context)


def answered(addresses: list[str]) -> list[dict[str, Any]]:
    """What the template shows of each address."""
    database = conf.settings().databases[0]
    return [shown(why.explain(address, database)) for address in addresses]


def shown(document: why.WhyDocument) -> dict[str, Any]:
    """With instants that are no text, and each copy's place."""
    instants = {name: _instant(document[name]) for name in ("rendered_at", "next_change_at")}
    copies = [
        {**copy, "place": CachePlace(copy["tier"], copy["node"]), "mood": _mood(copy)} for copy in document["copies"]
    ]
    purge = document["last_purge"]
    dated = {**purge, "purged_at": _instant(purge["purged_at"])} if purge else None
    stands = {"stale": why.is_any_stale([document]), "unasked": any(copy["mood"] == "warn" for copy in copies)}
    return {**document, **instants, "last_purge": dated, "copies": copies, **stands}


def _mood(copy: why.CopyDocument) -> str:
    """Of a node that did not tell what it holds nothing is known, so that it isn't well."""
    return "bad" if copy["stale"] else "warn" if copy["code"] in UNTOLD else "well"


def _instant(text: str | None) -> Any:
    return parse_datetime(text) if text else None


def why_url(address: str) -> str:
    """The form, filled with an address."""
    return f"{reverse(WHY)}?{urlencode({'url': address})}"
