"""What every request passes: a bound on its size and time, the proof that it came from our own page, safe headers.

Pure ASGI, so that the event stream is not buffered.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from community.web import uploads
from community.web.api_problem import problem
from community.web.uploads import Gone, TooSlow, Uploads, flowing, whole
from shouwang.errors import TryLater

MAX_BODY_BYTES = 64 * 1024
"""A note of 4,000 Chinese characters is 36 kB when it is form-encoded."""
ANSWER_TIMEOUT_S = 15.0
UPLOAD_TIMEOUT_S = 120.0
"""10 MB from the stairs of a house, over a line of 1 Mbit/s."""
STREAM_PATHS = frozenset({"/events", "/wall/events"})

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: that makes browsers send `Origin: null` with a form.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_BUSY = "服务器繁忙，请重试。 The server is slow: try again."
_TOO_SLOW = (
    "网络太慢，没有传完，内容未保存。请先不带照片提交文字，或换个地方重试。"
    " The line is too slow and nothing was saved: send the words without the photo, or try again from elsewhere."
)
_CUT_OFF = (
    "网络太慢，没有传完，内容未保存。请稍后重试，或换个地方重试。"
    " The line is too slow and nothing was saved: try again, or from elsewhere."
)
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_log = logging.getLogger(__name__)


class Guard:
    """Wraps the console."""

    def __init__(
        self, app: ASGIApp, *, secure: bool, sender_of: Callable[[Scope], Awaitable[str]], images: str = ""
    ) -> None:
        """`secure`: the console is reached over HTTPS only; `images`: the one other host that pictures come from.

        `sender_of`: who sends a body that may be large; empty for a stranger.
        """
        self._app = app
        self._sender_of = sender_of
        self._uploads = Uploads()
        self._headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if secure else {})
        if images:  # on every page: one that is put in place by a script lives under the policy of the first
            policy = HEADERS["content-security-policy"]
            self._headers["content-security-policy"] = f"{policy}; img-src 'self' {images}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._headers)
        most = uploads.most(scope)
        refusal = _refusal(scope["method"], Headers(scope=scope), most or MAX_BODY_BYTES)
        if refusal is not None:
            await (_for_programs(refusal) if _is_api(scope) else refusal)(scope, receive, answer)
        elif scope["path"] in STREAM_PATHS:
            await self._app(scope, receive, answer)
        else:
            await self._timed(scope, receive, answer, most=most)

    async def _timed(self, scope: Scope, receive: Receive, answer: "_Answer", *, most: int | None) -> None:
        within_s = ANSWER_TIMEOUT_S if most is None else UPLOAD_TIMEOUT_S
        is_form = most is None or _is_small(Headers(scope=scope))  # a report without a photo waits for nobody's photo
        what, why = f"{scope['method']} {without_link(scope['path'])}", _BUSY
        incoming = _Incoming(receive)
        try:
            async with asyncio.timeout(within_s):
                await self._passed_on(scope, incoming, answer, most=None if is_form else most)
        except Gone:
            return
        except TooSlow:
            why = _TOO_SLOW
        except TimeoutError:
            _log.warning("no answer to %s within %s s", what, within_s)
            if incoming.is_cut:
                why = _CUT_OFF if is_form else _TOO_SLOW
        except TryLater as error:
            _log.warning("no answer to %s: %s", what, error)
        else:
            return
        if not answer.started:
            slow = _plain(503, why)  # not 408: after that, browsers send the same form anew by themselves
            await (_for_programs(slow) if _is_api(scope) else slow)(scope, receive, answer)

    async def _passed_on(self, scope: Scope, receive: Receive, answer: "_Answer", *, most: int | None) -> None:
        if most is None:
            body = await whole(receive, MAX_BODY_BYTES)
            await self._answered(scope, receive, answer, body)
            return
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            sender = await self._sender_of(scope)
            if not sender:  # the page says who he is not, and needs nothing of what he sends for it
                body = await whole(receive, MAX_BODY_BYTES)
                await self._answered(scope, receive, answer, body or b"")
                return
        async with self._uploads.place(sender) as is_needed:
            await self._answered(scope, receive, answer, await flowing(receive, most, is_needed))

    async def _answered(self, scope: Scope, receive: Receive, answer: "_Answer", body: bytes | None) -> None:
        """`body`: None where it is too large."""
        if body is None:
            await (_for_programs(_too_large()) if _is_api(scope) else _too_large())(scope, receive, answer)
        else:
            await self._app(scope, _replayed(body, receive), answer)


def without_link(path: str) -> str:
    """The path as logs may keep it: a responder's link opens a case, a one-time link a session."""
    return re.sub(r"^/(r|login/once)/[^/]+", r"/\1/...", path)


class _Incoming:
    """Receives, and remembers whether the body was begun and has not come whole."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = self.is_cut = False

    async def __call__(self) -> Message:
        self.is_cut = not self._is_whole
        message = await self._receive()
        self._is_whole = self._is_whole or not message.get("more_body", False)
        self.is_cut = not self._is_whole
        return message


class _Answer:
    """Sends with our headers added, and remembers whether it has begun."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await self._send(message)


def _refusal(method: str, headers: Headers, most: int) -> PlainTextResponse | None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        return _too_large()
    if method not in _SAFE_METHODS and not _is_from_our_page(headers):
        return _plain(
            403, "请求不是来自本系统页面，已拒绝。 Refused: this request did not come from the console's own page."
        )
    return None


def _is_small(headers: Headers) -> bool:
    """Whether its length is told, and no more than a form's."""
    length = headers.get("content-length", "")
    return length.isdecimal() and int(length) <= MAX_BODY_BYTES


def _is_from_our_page(headers: Headers) -> bool:
    """Browsers always say where a form comes from; a program says neither, and has no cookie to be abused."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers.get("host")
    except ValueError:  # `http://[`: no browser sends that
        return False


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body once, then what comes after it: the browser's going."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _is_api(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/api/")


def _for_programs(refusal: PlainTextResponse) -> Response:
    return problem(refusal.status_code, headers={"retry-after": "5"} if refusal.status_code == 503 else None)


def _too_large() -> PlainTextResponse:
    return _plain(413, "内容太长。 Too much text in one message.")


def _plain(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(text + "\n", status_code=status)
