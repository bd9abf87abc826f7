"""Places for large bodies, which are held in memory: few in all, fewer for one who sends, and only while bytes come."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Message, Receive, Scope

from shouwang.errors import TryLater

PHONES_AT = re.compile(r"/r/([A-Za-z0-9_-]{20,64})/report")
"""Where a responder's phone sends a photo (community.web.responder)."""
PHOTOS_AT = re.compile(r"/residents/[A-Za-z0-9_.-]{1,64}/keep/photo")
"""Where a resident's photo is sent (community.web.register_person)."""
MAX_PHOTO_BYTES = 13 * 1024 * 1024
"""A photo of 12 MB (community.photos) and the words around it."""
FILES_AT = "/admin/files"
"""Where an administrator sends a file (community.web.admin_files)."""
MAX_FILE_BYTES = 2 * 1024 * 1024 + 16 * 1024
"""A file of 2 MB (community.file_room) and the fields around it."""
AT_ONCE = 4
"""They are held in memory; whoever comes later waits for his turn, within his time."""
OF_ONE = 2
"""Of one link or one user: he sends anew while his telephone's old connection is dead and does not know it."""
IN_LINE_OF_ONE = 4
"""With those that wait."""
LULL_S = 20.0
"""A lift, a stairwell without a signal. For so long a place is kept that somebody else may need."""
LEAST_BYTES = 32 * 1024
"""Within LULL_S: 13 kbit/s, no more than one slot of GPRS carries. Set by this project."""


class TooSlow(Exception):
    """The body comes so slowly that its place is another's."""


class Gone(Exception):
    """Whoever sent it is away: what has come is not all, and nothing that anybody meant."""


@dataclass
class _Line:
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(OF_ONE))
    length: int = 0


class Uploads:
    """The places of one console."""

    def __init__(self) -> None:
        """All are free."""
        self._free = asyncio.Semaphore(AT_ONCE)
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def place(self, sender: str) -> AsyncIterator[Callable[[], bool]]:
        """One, once it is this sender's turn, with whether another needs it now.

        Raises TryLater where several of his wait already.
        """
        line = self._lines.setdefault(sender, _Line())
        if line.length >= IN_LINE_OF_ONE:
            raise TryLater("this sender has several uploads under way")
        line.length += 1
        try:
            async with line.free, self._free:
                yield lambda: self._free.locked() or line.length > OF_ONE
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[sender]


def most(scope: Scope) -> int | None:
    """How large an upload to this address may be; None where none goes there."""
    path = scope["path"]
    if scope["method"] != "POST":
        return None
    if path == FILES_AT:
        return MAX_FILE_BYTES
    return MAX_PHOTO_BYTES if PHONES_AT.fullmatch(path) or PHOTOS_AT.fullmatch(path) else None


async def whole(receive: Receive, at_most: int) -> bytes | None:
    """The body; None where it is too large. Raises Gone."""
    body, is_more = bytearray(), True
    while is_more and len(body) <= at_most:
        is_more = await _more(receive, body)
    return bytes(body) if len(body) <= at_most else None


async def flowing(receive: Receive, at_most: int, is_needed: Callable[[], bool]) -> bytes | None:
    """As `whole`, while at least LEAST_BYTES come within LULL_S, or nobody needs the place. Raises TooSlow, Gone."""
    body, is_more = bytearray(), True
    while is_more and len(body) <= at_most:
        enough = len(body) + LEAST_BYTES
        try:
            async with asyncio.timeout(LULL_S):
                while is_more and len(body) < enough:
                    is_more = await _more(receive, body)
        except TimeoutError:
            if is_needed():
                raise TooSlow from None
    return bytes(body) if len(body) <= at_most else None


async def _more(receive: Receive, body: bytearray) -> bool:
    """Add the next piece; whether there are more."""
    message: Message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    body += message.get("body", b"")
    return bool(message.get("more_body", False))
