"""/inlet/answer and /inlet/delivery: where providers bring keys that people pressed, and what became of messages.

No page, no cookie: a token. 200 only after COMMIT; 404: no such message; 503: bring it again. A repeat changes nothing.
"""

import json
import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from community.channels.port import Outcome
from community.replies import Replies
from community.web.providers import body_of, first_of, said, token_of
from shouwang.errors import TryLater

router = APIRouter()
log = logging.getLogger(__name__)

_KEYS = ("id", "key")
_DIGITS = ("digit", "digits", "dtmf")
_FAILED = frozenset({"failed", "no-answer", "no_answer", "busy", "refused", "rejected", "undelivered", "2", "16"})
_DELIVERED = frozenset({"delivered", "heard", "completed", "1"})
"""As providers say it; the numbers are kannel's dlr types (1 delivered, 2 failed, 16 rejected)."""


@router.post("/inlet/answer")
async def take_answer(request: Request) -> PlainTextResponse:
    """Take a key that somebody pressed, or how a call ended without one."""
    return await _taken(request)


@router.api_route("/inlet/delivery", methods=["GET", "POST"])
async def take_delivery(request: Request) -> PlainTextResponse:
    """Take what became of a message."""
    return await _taken(request)


async def _taken(request: Request) -> PlainTextResponse:
    replies = getattr(request.app.state, "replies", None)
    if not isinstance(replies, Replies):
        return said(404, "this centre takes no answers; see channels: answers in community.yaml\n")
    if not replies.admits(token_of(request)):
        return said(401, "the token is missing or wrong\n")
    fields = await _fields(request)
    if fields is None:
        return said(400, "this cannot be read: a form or JSON of id and digit or state\n")
    try:
        is_known = await _kept(replies, fields)
    except TryLater as error:
        log.error("an answer waits at the provider: %s", error)  # noqa: TRY400 - said in words
        return said(503, "the database is busy; bring it again\n")
    return said(200, "") if is_known else said(404, "there is no such message\n")


async def _kept(replies: Replies, fields: Mapping[str, str]) -> bool:
    key = first_of(fields, _KEYS)
    digit = first_of(fields, _DIGITS)[:1]
    state = fields.get("state", fields.get("status", "")).lower()
    if digit.isascii() and digit and digit in "0123456789*#":
        return await replies.pressed(key, digit)
    if state in _FAILED:
        return await replies.told(key, Outcome.FAILED, state)
    if state in _DELIVERED:
        return await replies.told(key, Outcome.DELIVERED, state)
    return bool(key)  # on its way still


async def _fields(request: Request) -> Mapping[str, str] | None:
    body = await body_of(request)
    if body is None:
        return None
    fields = dict(request.query_params)
    try:
        words = body.decode()
        if request.headers.get("content-type", "").startswith("application/json"):
            found = json.loads(words)
            if not isinstance(found, dict):
                return None
            fields |= {str(name): str(value) for name, value in found.items()}
        else:
            fields |= dict(parse_qsl(words))
    except (ValueError, RecursionError):
        return None
    return {name: "".join(filter(str.isprintable, value)) for name, value in fields.items()}
