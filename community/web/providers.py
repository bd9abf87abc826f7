"""What the addresses for providers share: a token in place of a login, a short body, an answer in plain words."""

from collections.abc import Mapping, Sequence

from fastapi import Request
from fastapi.responses import PlainTextResponse

MAX_BODY_BYTES = 8 * 1024
"""Eight parts of an SMS in UTF-16 and form encoding are under 7 kB; ours is one part of 90 characters."""
RETRY_AFTER_S = "10"


def token_of(request: Request) -> str:
    """From the header, or where a gateway can give none (kannel's post-url) from the address."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.query_params.get("token", "")


async def body_of(request: Request) -> bytes | None:
    """The body; None where it is longer than MAX_BODY_BYTES."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def first_of(fields: Mapping[str, str], names: Sequence[str]) -> str:
    """What stands under the first of these names under which something stands."""
    return next((fields[name] for name in names if fields.get(name)), "")


def said(status: int, words: str) -> PlainTextResponse:
    """The answer; where bringing it again is of use, it says when."""
    headers = {"retry-after": RETRY_AFTER_S} if status in (429, 503) else None
    return PlainTextResponse(words, status_code=status, headers=headers)
