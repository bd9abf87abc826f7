"""Failures as programs read them: problem details (RFC 9457), never a stack, never what was sent."""

import logging
import math
from collections.abc import Mapping

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from community.rights import Refused
from shouwang.errors import GiveUp, IllegalMove, ShouwangError, TryLater

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
"""When to come again to a busy server."""
_MAX_ERRORS = 20
_log = logging.getLogger(__name__)

_TITLES = {
    400: "The request cannot be read.",
    401: "A token is needed: Authorization: Bearer ...",
    403: "This token may not do this.",
    404: "There is no such thing.",
    405: "This address cannot be used that way.",
    409: "The case does not allow this now. Nothing has been changed.",
    413: "Too much in one request.",
    422: "Something is missing, wrong or too long. Nothing has been changed.",
    428: "Say which version of the case you saw: If-Match.",
    429: "Too many requests.",
    500: "The server made a mistake. It is in the log.",
    503: "The server is busy. Nothing has been changed.",
}


_STATUSES: Mapping[type[Exception], int] = {Refused: 403, IllegalMove: 409, GiveUp: 422}


class TooOften(Exception):
    """Too many requests; after `wait_s` one more is answered."""

    def __init__(self, wait_s: float) -> None:
        """`wait_s`: seconds."""
        super().__init__()
        self.wait_s = wait_s


class NoToken(Exception):
    """There is no token, or one that opens nothing."""


class Stale(Exception):
    """The case has moved on; `present` is it as it is now."""

    def __init__(self, detail: str, present: object) -> None:
        """`present`: what a program reads of the case."""
        super().__init__(detail)
        self.present = present


def problem(status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **more: object) -> Response:
    """The answer. `type` about:blank: the status says it all."""
    body: dict[str, object] = {"type": "about:blank", "title": _TITLES.get(status, _TITLES[400]), "status": status}
    if detail:
        body["detail"] = detail
    return JSONResponse(body | more, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


async def told(_: Request, error: Exception) -> Response:
    """Our own failures."""
    match error:
        case TooOften():
            return problem(429, headers={"retry-after": str(math.ceil(error.wait_s))})
        case NoToken():
            return problem(401, headers={"www-authenticate": 'Bearer realm="shouwang"'})
        case Stale():
            return problem(409, str(error), case=error.present)
        case TryLater():
            return problem(503, headers={"retry-after": str(RETRY_AFTER_S)})
    status = next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 500)
    if status >= 500:
        _log.error("the API failed: %s", error)
    return problem(status, str(error) if status in {403, 409} else "")


async def http_problem(_: Request, error: Exception) -> Response:
    """What the framework refuses."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem(status, headers=headers)


async def invalid(_: Request, error: Exception) -> Response:
    """What does not fit the schema: where, and why; not what was sent."""
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    errors = [{"at": [str(part)[:100] for part in one["loc"]], "why": one["msg"][:300]} for one in found[:_MAX_ERRORS]]
    return problem(422, errors=errors)


async def mistake(_: Request, error: Exception) -> Response:
    """Starlette logs the traceback after this."""
    _log.error("the API made a mistake: %s", type(error).__name__)
    return problem(500)


FAILURES: tuple[type[Exception], ...] = (TooOften, NoToken, Stale, ShouwangError)
