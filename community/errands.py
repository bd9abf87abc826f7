"""The way of a responder's phone to his case: a link, bound to the first phone that opens it, and what he may order.

Everything that he orders goes through the desk's own door (community.store.orders.carry_out), once for each id.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from community.desk import QueueRow, Wish
from community.errand import Errand
from community.photos import Photo, remade
from community.registry_sealing import Safe
from community.rights import AFTERWARDS
from community.store import errands, orders, responder_links
from community.store.database import Connection, Store
from community.store.responder_links import Link
from community.token_hash import token_hash
from shouwang.errors import IllegalMove


class Door(StrEnum):
    """Why a link opens nothing."""

    UNKNOWN = "unknown"
    CLOSED = "closed"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A link that opens: whose, and whether this phone holds it already."""

    link: Link
    is_bound: bool


class Errands:
    """Links, pages and orders of responders."""

    def __init__(
        self, store: Store, *, clock: Callable[[], datetime], changed: Callable[[], None], safe: Safe, phone: str = ""
    ) -> None:
        """`changed` is called when a case has; `phone`: where the centre answers; `safe` opens key-safe codes."""
        self._store = store
        self._clock = clock
        self._changed = changed
        self._safe = safe
        self.phone = phone
        self._photos = asyncio.Semaphore(_PHOTOS_AT_ONCE)

    async def make_link(self, incident_id: int, responder_id: str) -> str:
        """A new token for somebody who was asked. Raises IllegalMove."""
        now = self._clock()
        return await self._store.write(
            lambda connection: responder_links.make(connection, incident_id, responder_id, now)
        )

    async def open(self, token: str, device: str) -> Opened | Door:
        """Whether the link opens for this phone. `device`: what the phone keeps of it; empty: nothing yet."""
        link = await self._store.read(lambda connection: responder_links.find(connection, token))
        if link is None:
            return Door.UNKNOWN
        if link.over_at is not None and self._clock() - link.over_at > AFTERWARDS:
            return Door.CLOSED
        if link.device_hash is None:
            return Opened(link=link, is_bound=False)
        is_this = bool(device) and secrets.compare_digest(token_hash(device), link.device_hash)
        return Opened(link=link, is_bound=True) if is_this else Door.ELSEWHERE

    async def bind(self, token: str) -> str | None:
        """Let the phone that asks hold the link: what it is to keep. None where another one was faster."""
        device, now = secrets.token_urlsafe(responder_links.TOKEN_BYTES), self._clock()
        is_bound = await self._store.write(lambda connection: responder_links.bind(connection, token, device, now))
        return device if is_bound else None

    async def errand(self, link: Link) -> Errand | None:
        """The case as he may see it now; his look is logged."""
        now = self._clock()
        return await self._store.write(lambda connection: errands.errand(connection, link, now), urgent=True)

    async def key_safe(self, link: Link) -> str:
        """The code, one look, logged. Raises Refused, IllegalMove."""
        now = self._clock()
        return await self._store.write(
            lambda connection: errands.key_safe(connection, link, self._safe, now), urgent=True
        )

    async def order(self, wish: Wish, upload: bytes | None = None) -> QueueRow:
        """Carry it out (`wish_of`), with its photo or not at all.

        Raises IllegalMove where the case does not allow it, DecodeError where the photo is none.
        """
        photo = None if upload is None else await self._remade(upload)
        now = self._clock()

        def work(connection: Connection) -> orders.Answer:
            answer = orders.carry_out(connection, wish, now)
            if photo is not None and answer.row is not None:
                self._keep(connection, photo, wish, now)
            return answer

        answer = await self._store.write(work, urgent=True)
        self._changed()
        return answer.value()

    async def pictures(self, incident_id: int) -> tuple[errands.Picture, ...]:
        """Which photos a case has."""
        return await self._store.read(lambda connection: errands.photos_of(connection, incident_id))

    async def _remade(self, upload: bytes) -> Photo:
        async with self._photos:
            return await asyncio.to_thread(remade, upload)

    def _keep(self, connection: Connection, photo: Photo, wish: Wish, now: datetime) -> None:
        errands.add_photo(
            connection, photo, photo_id=wish.command_id, incident_id=wish.incident_id, by=wish.by, now=now
        )


def wish_of(link: Link, command: str, command_id: str, **more: object) -> Wish:
    """What the holder of the link orders: his case, himself, nothing else. Raises IllegalMove for another command."""
    if command not in COMMANDS:
        raise IllegalMove(f"{command} is not ordered from a phone")
    whose = {"incident_id": link.incident_id, "by": link.responder_id, "role": "responder"}
    return Wish(command=command, command_id=command_id, **whose, **more)  # type: ignore[arg-type]  # a Wish's own fields


COMMANDS = frozenset({"accept", "decline", "arrive", "report", "ping", "note", "call_120", "call_119", "call_110"})
"""What a responder orders; anything else is the desk's."""
_PHOTOS_AT_ONCE = 2
"""A photo of 48 megapixels takes some 150 MB while it is made anew."""
