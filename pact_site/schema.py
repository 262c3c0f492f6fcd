"""What the API's description says beyond what the views tell: scopes, subjects and problems."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from pact_site.problems import KIND
from pact_site.roles import scope_for

ALWAYS = {400: "What was sent is not understood", 401: "No token", 403: "Not yours to see or do", 404: "Not there"}
ALWAYS |= {405: "The address takes other methods", 406: "Only JSON is given", 429: "Too many requests; see Retry-After"}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457: what went wrong, and how to mend it",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what to do"},
        "errors": {
            "type": "object",
            "description": "by field, what is wrong with it",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "required": ["type", "title", "status", "detail"],
    "example": {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "question: Select a valid choice. both is not one of the available choices.",
        "errors": {"question": ["Select a valid choice. both is not one of the available choices."]},
    },
}


class SiteSchema(AutoSchema):
    """Adds to each operation its subject, the scope that it needs and the problems that it may answer."""

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "basename", None) or "description"]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        scope = scope_for(f"api:{self.get_tags()[0]}", self.method)
        if scope:
            operation["x-scope"] = str(scope)
        content = {KIND: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        statuses = dict(ALWAYS) | ({415: "Send JSON"} if "requestBody" in operation else {})
        for status, says in statuses.items():
            operation["responses"].setdefault(str(status), {"description": says, "content": content})
        return operation


def with_problem(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Describe the problem itself once."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    return result


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How programs show who they are."""

    target_class = "pact_site.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "a token from the account's page: pact_…"}
