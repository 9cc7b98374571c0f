"""Errors in RingCentral's shape: `errorCode` and `message` twice, at the top and in `errors`."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web


class Refusal(Exception):
    """An answer that is an error; raised anywhere while a request is served."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        **details: str,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON of the error."""
        error = {"errorCode": self.code, "message": self.message, **self.details}
        return {"errorCode": self.code, "message": self.message, "errors": [error], **self.details}

    def response(self) -> web.Response:
        """The answer itself."""
        return web.json_response(self.body(), status=self.status, headers=self.headers)


class Unauthorized(Refusal):
    """401; the word at the top is a legacy one, the code stands in `errors` only."""

    def __init__(self, code: str, message: str, *, word: str = "TokenInvalid") -> None:
        challenge = 'Bearer realm="RingCentral REST API", error="invalid_token"'
        super().__init__(401, code, message, headers={"WWW-Authenticate": challenge})
        self._word = word

    def body(self) -> dict[str, Any]:
        return {**super().body(), "errorCode": self._word}


class OAuthRefusal(Refusal):
    """An error of the token endpoints, RFC 6749's words first."""

    def __init__(self, error: str, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(status, code, message)
        self.error = error

    def body(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "error_description": self.message,
            "errors": [{"errorCode": self.code, "message": self.message}],
        }


def invalid(parameter: str, value: str | None = None) -> Refusal:
    """400 CMN-101 for a parameter whose value is not understood."""
    message = f"Parameter [{parameter}] value is invalid"
    if value is None:
        return Refusal(400, "CMN-101", message, parameterName=parameter)
    return Refusal(400, "CMN-101", message, parameterName=parameter, parameterValue=value)


def not_found(parameter: str) -> Refusal:
    """404 CMN-102 for an id that leads nowhere."""
    return Refusal(
        404,
        "CMN-102",
        f"Resource for parameter [{parameter}] is not found",
        parameterName=parameter,
    )
