"""The manual purge form: lines of text become checked targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from invalidation import conf
from invalidation.exceptions import InvalidTarget
from invalidation.targets import sites
from invalidation.targets.values import CacheKey, Lane, Mode, Targets, checked_prefix, checked_tag, checked_url

#: A longer list belongs into a command or a prefix.
MAX_LINES = 1000


class LinesField(forms.CharField):
    """A text area, one value a line; a bad line is named in the error."""

    widget = forms.Textarea(attrs={"rows": 3, "cols": 80, "spellcheck": "false"})

    def __init__(self, check: Callable[[str], Any], **options: Any) -> None:
        super().__init__(required=False, **options)
        self.check = check

    def clean(self, value: Any) -> list[str]:
        """The lines that are not empty, each checked."""
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if len(lines) > MAX_LINES:
            raise ValidationError(f"{len(lines)} lines are above the limit of {MAX_LINES}; purge a tag or a prefix.")
        if errors := [error for line in lines if (error := self._error(line))]:
            raise ValidationError(errors)
        return lines

    def _error(self, line: str) -> str:
        try:
            self.check(line)
        except InvalidTarget as error:
            return str(error)
        return ""


def _site_url(url: str) -> None:
    sites.expand(checked_url(url), conf.settings().sites)


def _site_prefix(prefix: str) -> None:
    sites.expand(checked_prefix(prefix), conf.settings().sites)


class PurgeForm(forms.Form):
    """What to purge, where, how urgently and why."""

    tags = LinesField(checked_tag, help_text="One a line, such as blog.post:42")
    urls = LinesField(_site_url, label="URLs", help_text="One a line: a path such as /blog/, or a URL of this site")
    prefixes = LinesField(_site_prefix, help_text="One a line; everything below it is purged")
    keys = LinesField(CacheKey.of, label="Cache keys", help_text="One a line, of the default Django cache")
    everything = forms.BooleanField(required=False, help_text="Every copy; the origin renders each page anew")
    tiers = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="None chosen means all"
    )
    lane = forms.ChoiceField(choices=Lane.choices, initial=Lane.EDITORIAL)
    mode = forms.ChoiceField(
        choices=[("", "As usual for the lane"), *Mode.choices],
        required=False,
        help_text="refresh fetches again what goes; invalidate lets the outermost tier show it once more meanwhile",
    )
    reason = forms.CharField(max_length=255, required=False, widget=forms.TextInput(attrs={"size": 80}))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["tiers"].choices = [(name, name) for name in conf.settings().tiers]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Something must be asked for."""
        if not self.errors and not self.targets():
            raise ValidationError("Name at least one tag, URL, prefix or cache key, or choose everything.")
        try:
            manner = conf.settings().manner(
                self.cleaned_data.get("lane", Lane.EDITORIAL), self.cleaned_data.get("mode") or None
            )
            manner.check()
        except InvalidTarget as error:
            self.add_error("mode", str(error))
        return self.cleaned_data

    def targets(self) -> Targets:
        """What is asked for."""
        names = ("tags", "urls", "prefixes", "keys", "everything")
        return Targets.of(**{name: self.cleaned_data[name] for name in names})

    def chosen_tiers(self) -> list[str] | None:
        """The chosen ones, None for all."""
        return self.cleaned_data["tiers"] or None

    def arguments(self) -> dict[str, Any]:
        """The arguments for `invalidate`."""
        return {**self.cleaned_data, "mode": self.cleaned_data["mode"] or None, "tiers": self.chosen_tiers()}
