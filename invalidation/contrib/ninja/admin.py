"""Tokens in the admin: made there, shown once, revoked there, and never changed or deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_variables

from invalidation import conf
from invalidation.admin.base import instant
from invalidation.contrib.ninja.asking import grants
from invalidation.contrib.ninja.asking.grants import BadGrant
from invalidation.contrib.ninja.asking.scopes import PERMISSIONS, Scope
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.rows import tokens


class WordsField(forms.CharField):
    """A text area, one word a line."""

    widget = forms.Textarea(attrs={"rows": 3, "cols": 60, "spellcheck": "false"})

    def clean(self, value: Any) -> list[str]:
        """The words."""
        return str(super().clean(value)).split()


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """What a new token may do."""

    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple)
    hosts = WordsField(required=False)
    tags = WordsField(required=False, help_text="blog.post:42, or blog.post:* for all that begin so")

    class Meta:
        model = Token
        fields = ("name", "scopes", "hosts", "tags", "expires_at")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = ", ".join(conf.settings().sites) or "none yet: set INVALIDATION['SITES']"
        self.fields["hosts"].help_text = f"Of these sites: {known}. A token with hosts or tags purges those alone."
        parts = getattr(self.fields["expires_at"].widget, "widgets", ()) if "expires_at" in self.fields else ()
        for part, name in zip(parts, ("date", "time"), strict=False):  # Django's own words beside them are no labels
            part.attrs["aria-label"] = f"Expires at, {name}"

    def clean_scopes(self) -> list[str]:
        """Nobody gives away what he may not do himself."""
        wanted: list[str] = self.cleaned_data["scopes"]
        if beyond := [scope for scope in wanted if not self.user.has_perm(PERMISSIONS[Scope(scope)])]:
            raise ValidationError(f"You may not do this yourself: {', '.join(beyond)}.")
        return wanted

    def clean(self) -> dict[str, Any]:
        """As on the command line."""
        super().clean()
        checks = {"hosts": grants.checked_hosts, "tags": grants.checked_tags, "expires_at": grants.checked_end}
        for name, check in checks.items():
            try:
                check(self.cleaned_data.get(name) or ())  # type: ignore[operator]
            except BadGrant as error:
                self.add_error(name, str(error))
        return self.cleaned_data

    user: Any
    """Who makes it; a class of its own for each request."""


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Tokens, without what would let anybody use one."""

    form = TokenForm
    list_display = ("name", "standing", "identifier", "words", "expires", "used", "created_by")
    readonly_fields = ("standing", "may", "on_hosts", "on_tags", "created", "expires", "used", "revoked")
    search_fields = ("name", "identifier")
    actions = ("revoke",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        """Where they are stored."""
        return tokens.every()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A form that knows who fills it in."""
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"user": request.user})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of an old one everything that is no secret."""
        if obj is None:
            return TokenForm.Meta.fields
        shown = ("standing", "name", "identifier", "may", "on_hosts", "on_tags", "expires", "used", "created")
        return (*shown, "created_by", *(("revoked", "revoked_by") if obj.revoked_at else ()))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """With one button: each of them ends at the page that shows the token."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**one, **(extra_context or {})})

    expires, used = instant("expires_at", "expires at", "never"), instant("last_used_at", "last used at", "never")
    created, revoked = instant("created_at"), instant("revoked_at")

    @admin.display(description="status")
    def standing(self, token: Token) -> SafeString:
        """In force, or why not."""
        refusal = token.refusal(timezone.now())
        return format_html('<span class="inv-badge inv-{}">{}</span>', "bad" if refusal else "well", refusal or "valid")

    @admin.display(description="scopes")
    def may(self, token: Token) -> str:
        """In words."""
        return "; ".join(str(Scope(scope).label) for scope in token.scopes if scope in Scope.values)

    @admin.display(description="hosts")
    def on_hosts(self, token: Token) -> str:
        """Those that it may purge."""
        return ", ".join(token.hosts) or ("none: tags alone" if token.tags else "every host of the sites")

    @admin.display(description="tags")
    def on_tags(self, token: Token) -> str:
        """Those that it may purge."""
        return ", ".join(token.tags) or ("none: hosts alone" if token.hosts else "every tag")

    @admin.display(description="scopes, hosts, tags")
    def words(self, token: Token) -> str:
        """What it may do."""
        return " ".join([*token.scopes, *token.hosts, *token.tags])

    @sensitive_variables()
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Make it; its text is kept for the answer to this very request."""
        values = {name: form.cleaned_data[name] for name in TokenForm.Meta.fields}
        granted = grants.grant(**values, by=request.user.get_username())
        obj.pk, obj.identifier, obj.granted = granted.token.pk, granted.token.identifier, granted

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows it: not a message, which would be stored with the session."""
        context = {"title": "Token", "opts": self.opts, "granted": obj.granted}
        context |= self.admin_site.each_context(request)
        return TemplateResponse(request, "admin/invalidation_api/token/created.html", context)

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        """Refuse them from now on."""
        chosen = list(queryset)
        number = tokens.revoke([token.pk for token in chosen], by=request.user.get_username())
        for token in chosen:
            self.log_change(request, token, "Revoked.")
        self.message_user(request, f"{number} tokens are refused from now on.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Django's own permission to change one."""
        return request.user.has_perm("invalidation_api.change_token")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who may revoke them must find them."""
        return super().has_view_permission(request, obj) or self.has_revoke_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who has one relies on what it may do; make another."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Its name is the actor of events."""
        return False
