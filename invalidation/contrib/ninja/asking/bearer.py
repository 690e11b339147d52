"""Who asks: the token of a request, if it is in force, asked within its limit and may ask for such things at all."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from ninja.security.base import AuthBase

from invalidation import lazy
from invalidation.contrib.ninja import secrets
from invalidation.contrib.ninja.asking import bodies, limits
from invalidation.contrib.ninja.asking.scopes import Scope
from invalidation.contrib.ninja.models import Token
from invalidation.contrib.ninja.problems import Problem
from invalidation.contrib.ninja.rows import tokens

logger = lazy.Logger(__name__)
SCHEME = "bearer "
#: What an unknown token is compared with, so that it takes as long as a known one.
NOBODY = secrets.digest("")


@dataclass(frozen=True, slots=True)
class Recognition:
    """A token in force, or why there is none."""

    token: Token | None
    refusal: str = ""


class Bearer(AuthBase):
    """Lets in whose token has one of these scopes. A cookie, a session or an address is nobody."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, *scopes: Scope) -> None:
        super().__init__()
        self.scopes = scopes

    def __call__(self, request: HttpRequest) -> Token:
        """The token.

        Raises:
            Problem: 401, 403, 413, 415 or 429, in the order in which they cost least.
        """
        known = recognised(request.headers.get("Authorization", ""))
        limits.spend(request, known.token)
        if known.token is None:
            raise _unknown(known.refusal)
        if not set(self.scopes) & set(known.token.scopes):
            raise missing_scope(*self.scopes)
        bodies.read(request)
        tokens.note_use(known.token)
        return known.token


@sensitive_variables()
def recognised(header: str) -> Recognition:
    """Whose header this is. Only who knows the secret is told that it was revoked or has expired."""
    text = header[len(SCHEME) :].strip() if header.lower().startswith(SCHEME) else ""
    if not (identifier := secrets.identifier(text)):
        return Recognition(None, "no token" if not header else "no token of ours")
    token = tokens.every().filter(identifier=identifier).first()
    if not secrets.matches(text, token.digest if token else NOBODY) or token is None:
        return _refused(identifier, "not known")
    refusal = token.refusal(timezone.now())
    return _refused(identifier, refusal) if refusal else Recognition(token)


def _refused(identifier: str, reason: str) -> Recognition:
    logger.info("api_token_refused", token=identifier, reason=reason)
    return Recognition(None, reason)


def _unknown(reason: str) -> Problem:
    return Problem(
        401,
        f"The request carries no token that is in force: {reason}.",
        "Send the header `Authorization: Bearer inv_…` with a token of `manage.py invalidation_token create`.",
        headers={"WWW-Authenticate": 'Bearer realm="invalidation"'},
    )


def missing_scope(*scopes: str) -> Problem:
    """The token is good, but not for that."""
    names = " or ".join(map(str, scopes))
    return Problem(
        403,
        f"This token lacks the scope {names}.",
        "Ask for a token with that scope.",
        headers={"WWW-Authenticate": f'Bearer realm="invalidation", error="insufficient_scope", scope="{scopes[0]}"'},
    )
