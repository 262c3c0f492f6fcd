"""How programs show who they are: ``Authorization: Bearer pact_…``."""

from __future__ import annotations

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from pact_site.access import RoleBackend
from pact_site.accounts.models import ApiToken
from pact_site.accounts.tokens import find_token, note_use
from survey.rates import Rate, network_of, seconds_to_wait

WORDS = frozenset({b"bearer", b"token"})
BAD_TOKENS = Rate("bad-tokens", 20, 15 * 60)


class TokenAuthentication(BaseAuthentication):
    """A token in the header. Bad ones are counted by network: there is no account to lock."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        header = get_authorization_header(request).split()
        if not header or header[0].lower() not in WORDS:
            return None
        token = find_token(header[1].decode("latin-1")) if len(header) == 2 else None
        owner = RoleBackend().get_user(token.owner_id) if token else None
        if token is None or owner is None or not owner.is_staff:
            raise refuse(request)
        note_use(token)
        return owner, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="PACT Site"'


def refuse(request: Request) -> AuthenticationFailed | Throttled:
    """Count a bad token by the network it came from, and say what to do; good ones from there go on working."""
    if wait := seconds_to_wait(BAD_TOKENS, network_of(request) or request.META.get("REMOTE_ADDR", "")):
        return Throttled(wait, "Too many bad tokens came from this address.")
    return AuthenticationFailed(
        "This token opens nothing: it is mistyped, has ended, was revoked, or its account is closed. "
        "Make a new one on your account's page."
    )
