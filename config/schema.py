"""What drf-spectacular cannot see by itself: how to authenticate, and what errors look like."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from config.problems import CONTENT_TYPE

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri", "example": "urn:triad:problem:invalid"},
        "title": {"type": "string", "example": "Invalid"},
        "status": {"type": "integer", "example": 400},
        "detail": {"type": "string", "description": "what is wrong and how to repair it"},
        "code": {"type": "string", "description": "stable, for programs", "example": "invalid"},
        "errors": {
            "type": "object",
            "description": "a field's path and its messages",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}
ERRORS = {
    "400": "The request is malformed, or a field is wrong: see `errors`.",
    "401": "No credentials (`not_authenticated`) or bad ones (`bad_api_key`).",
    "403": "The key lacks the scope (`wrong_scope`).",
    "404": "There is no such thing, or it is not visible to you.",
    "406": "The answer cannot be given in an accepted media type.",
    "409": "It conflicts with what is there.",
    "413": "The body or the file is too large.",
    "415": "The body's or the file's type is not supported, or not what it claims to be.",
    "429": "Too many requests: wait for `Retry-After` seconds.",
    "503": "A component cannot be reached: try again after `Retry-After` seconds.",
}
WITH_BODY = ("409", "413", "415")
METHODS_WITH_BODY = ("post", "put", "patch")


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """The header that carries an API key."""

    target_class = "catalog.access.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """OpenAPI's description of it."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key PREFIX.SECRET`, made by `manage.py create_api_key`",
        }


def document_problems(result: dict[str, Any], generator: Any, **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: every operation may answer with a Problem."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for status, text in ERRORS.items():
                if status in WITH_BODY and method not in METHODS_WITH_BODY:
                    continue
                if status == "404" and "{" not in path:
                    continue
                answer = {"description": text, "content": {CONTENT_TYPE: reference}}
                operation["responses"].setdefault(status, answer)
    return result
