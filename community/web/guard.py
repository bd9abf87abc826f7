"""What every request passes: a bound on its size and time, the proof that it came from our own page, safe headers.

Pure ASGI, so that the event stream is not buffered.
"""

import asyncio
import logging
import re
from contextlib import nullcontext
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from community.web.api_problem import problem

MAX_BODY_BYTES = 64 * 1024
"""A note of 4,000 Chinese characters is 36 kB when it is form-encoded."""
ANSWER_TIMEOUT_S = 15.0
UPLOADS_AT = re.compile(r"/r/[A-Za-z0-9_-]{20,64}/report|/residents/[A-Za-z0-9_.-]{1,64}/keep/photo")
"""Where photos are sent: by a responder's phone (community.web.responder), of a resident (.register_person)."""
MAX_UPLOAD_BYTES = 13 * 1024 * 1024
"""A photo of 12 MB (community.photos) and the words around it."""
FILES_AT = "/admin/files"
"""Where an administrator sends a file (community.web.admin_files)."""
MAX_FILE_BYTES = 2 * 1024 * 1024 + 16 * 1024
"""A file of 2 MB (community.file_room) and the fields around it."""
UPLOAD_TIMEOUT_S = 120.0
"""10 MB from the stairs of a house, over a line of 1 Mbit/s."""
UPLOADS_AT_ONCE = 4
"""They are held in memory; whoever comes later waits for his turn, within his time."""
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

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_log = logging.getLogger(__name__)


class Guard:
    """Wraps the console."""

    def __init__(self, app: ASGIApp, *, secure: bool, images: str = "") -> None:
        """`secure`: the console is reached over HTTPS only; `images`: the one other host that pictures come from."""
        self._app = app
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
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
        most = _most(scope)
        refusal = _refusal(scope["method"], Headers(scope=scope), most)
        if refusal is not None:
            await (_for_programs(refusal) if _is_api(scope) else refusal)(scope, receive, answer)
        elif scope["path"] in STREAM_PATHS:
            await self._app(scope, receive, answer)
        else:
            await self._timed(scope, receive, answer, most=most)

    async def _timed(self, scope: Scope, receive: Receive, answer: "_Answer", *, most: int) -> None:
        is_upload = most > MAX_BODY_BYTES
        within_s = UPLOAD_TIMEOUT_S if is_upload else ANSWER_TIMEOUT_S
        try:
            async with asyncio.timeout(within_s), self._uploads if is_upload else nullcontext():
                body = await _body(receive, most)
                if body is None:
                    refusal = _for_programs(_too_large()) if _is_api(scope) else _too_large()
                    await refusal(scope, receive, answer)
                else:
                    await self._app(scope, _replayed(body, receive), answer)
        except TimeoutError:
            _log.warning("no answer to %s %s within %s s", scope["method"], without_link(scope["path"]), within_s)
            if not answer.started:
                slow = _plain(503, "服务器繁忙，请重试。 The server is slow: try again.")
                await (_for_programs(slow) if _is_api(scope) else slow)(scope, receive, answer)


def _most(scope: Scope) -> int:
    """How large the body of this request may be."""
    if scope["method"] != "POST":
        return MAX_BODY_BYTES
    if scope["path"] == FILES_AT:
        return MAX_FILE_BYTES
    return MAX_UPLOAD_BYTES if UPLOADS_AT.fullmatch(scope["path"]) else MAX_BODY_BYTES


def without_link(path: str) -> str:
    """The path as logs may keep it: a responder's link opens a case, a one-time link a session."""
    return re.sub(r"^/(r|login/once)/[^/]+", r"/\1/...", path)


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


async def _body(receive: Receive, most: int) -> bytes | None:
    """The whole body; None where it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


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
