"""POST /inlet/sms: where a provider or an SMS gateway brings what homes send by SMS. No page, no cookie: a token.

Forms, JSON, and plain text with kannel's headers are understood. 200 only after COMMIT; 4xx: it will not be believed,
bringing it again is of no use (but 429); 5xx: bring it again.
"""

import json
import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from community.sms_inlet import SmsInlet, SmsLetter, Verdict
from community.web.providers import body_of, first_of, said, token_of
from shouwang.errors import TryLater

router = APIRouter()
log = logging.getLogger(__name__)

_TEXTS = ("text", "body", "content", "message", "sms")
_SENDERS = ("from", "sender", "msisdn", "mobile")
"""As providers name them, in any case."""
_CHARSETS = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "utf-16be", "utf-16"})
_ANSWERS = {
    Verdict.STORED: (200, ""),
    Verdict.UNREADABLE: (422, "this message is not a home's, or was changed; it is kept for a technician\n"),
    Verdict.TOO_MANY: (429, "too many messages of this home; try again\n"),
}


@router.post("/inlet/sms")
async def take_sms(request: Request) -> PlainTextResponse:
    """Take one SMS. The empty answer to a good one keeps kannel from answering its sender."""
    inlet = request.app.state.sms_inlet
    if not isinstance(inlet, SmsInlet):
        return said(404, "this centre takes no SMS; see sms_inlet in community.yaml\n")
    if not inlet.admits(token_of(request)):
        return said(401, "the token is missing or wrong\n")
    letter = await _letter(request)
    if isinstance(letter, PlainTextResponse):
        return letter
    try:
        verdict = await inlet.take(letter)
    except TryLater as error:
        log.error("an SMS of a home waits at the provider: %s", error)  # noqa: TRY400 - said in words
        return said(503, "the database is busy; bring it again\n")
    return said(*_ANSWERS[verdict])


async def _letter(request: Request) -> SmsLetter | PlainTextResponse:
    """The SMS in the body, or why there is none."""
    body = await body_of(request)
    if body is None:
        return said(413, "no SMS is so long\n")
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = dict(parse_qsl(parameters.strip().replace(" ", ""))).get("charset", "utf-8").strip('"').lower()
    try:
        words = body.decode(charset if charset in _CHARSETS else "utf-8")
        fields = _fields(kind.strip().lower(), words, request)
    except RecursionError:
        return said(400, "this cannot be read: it is nested too deeply\n")
    except (UnicodeDecodeError, ValueError) as error:
        return said(400, f"this cannot be read: {error}\n")
    text, sender = first_of(fields, _TEXTS), first_of(fields, _SENDERS)
    if not text:
        return said(400, "there is no text; give from and text, as a form or as JSON\n")
    return SmsLetter(
        sender="".join(filter(str.isprintable, sender)), text=text
    )  # no database keeps NUL or half a letter


def _fields(kind: str, words: str, request: Request) -> Mapping[str, str]:
    """Names in small letters. Raises ValueError where the body is not what its type says."""
    if kind == "application/json":
        found = json.loads(words)
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
        return {str(name).lower(): value for name, value in found.items() if isinstance(value, str)}
    if kind == "application/x-www-form-urlencoded":
        return {name.lower(): value for name, value in parse_qsl(words)}
    if kind in ("text/plain", "application/octet-stream", ""):
        return {"text": words, "from": request.headers.get("x-kannel-from", "")}
    raise ValueError(f"{kind[:60]} is neither a form nor JSON")
