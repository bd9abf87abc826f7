"""Screens on the wall: made by an administrator, paired once, shown for months, ended by a click.

A screen is nobody: the word in its cookie opens the wall and what the wall is told, and nothing else. The word is
changed every day; of each only a hash is kept.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from community.accounts import Accounts
from community.casefile import NotNow
from community.facts import fact, kept
from community.slowing import soon
from community.store import admin, screens, tokens
from community.store.database import Connection, Store
from community.store.screens import Opened, Screen
from community.token_hash import token_hash
from community.users import EVERYWHERE, Role, User
from shouwang.alert import Sentence

GOOD_FOR = timedelta(days=90)
"""A screen that was dark for longer is paired anew; each day on which it lives begins them again."""
RENEWED_AFTER = timedelta(days=1)
"""So old may the word in its cookie be: what somebody copies from its disk opens nothing after a day."""
OLD_WORD_LASTS = timedelta(minutes=1)
"""A request that was under way when the new word was first shown."""
CODE_LASTS = timedelta(minutes=15)
"""From the desk of the administrator to the wall."""
SILENT_AFTER = timedelta(days=1)
"""Whoever looks after the screens is shown one that has said nothing for so long."""
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 8
"""24^8 codes, each good for 15 minutes, and wrong ones make the next wait (community.slowing)."""
SHOWN_AT_ONCE = 200
_SEEN_EVERY = timedelta(seconds=30)
_WORD_BYTES = 32
_TRIES_OF = "screen"
"""What wrong codes are counted for. No login can be called so with the space that is added to it."""
_NO_PLACE = Sentence(zh="登记中没有这个区域", en="the register has no such area")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A screen that asks for the wall. `word`: what its browser keeps from now on; empty: what it has."""

    screen: Screen
    word: str = ""

    @property
    def user(self) -> User:
        """As whom the wall sees it."""
        return User(
            user_id=self.screen.screen_id,
            login="",
            name=self.screen.name,
            role=Role.SCREEN,
            language=self.screen.language,
            areas=self.screen.areas,
        )


class ScreenRoom:
    """All screens of the centre."""

    def __init__(self, store: Store, accounts: Accounts, *, clock: Callable[[], datetime], address: str) -> None:
        """`address`: of the console, for pairing links."""
        self._store, self._accounts, self._clock, self._address = store, accounts, clock, address
        self._open: dict[str, set[asyncio.Event]] = {}

    async def everything(self) -> tuple[Screen, ...]:
        """All of them, those that are in use first."""
        return await self._store.read(lambda connection: screens.everything(connection, SHOWN_AT_ONCE))

    async def areas(self) -> tuple[tuple[str, str], ...]:
        """Places that a screen may be bound to: id and name."""
        return await self._store.read(admin.wide_places)

    async def make(self, by: User, name: str, areas: frozenset[str], language: str) -> tuple[Screen, str]:
        """A new one, and the code that pairs it. Raises NotNow for an area that nobody knows."""
        now, code = self._clock(), _new_code()

        def make(connection: Connection) -> Screen:
            lost = admin.unknown_places(connection, areas - EVERYWHERE)
            if lost:
                named = ", ".join(sorted(lost))
                raise NotNow(Sentence(zh=f"{_NO_PLACE.zh}：{named}", en=f"{_NO_PLACE.en}: {named}"))
            made = screens.add(
                connection, secrets.token_hex(4), name=name, areas=areas, language=language, by=by.login, at=now
            )
            told = kept((fact("screen", name=name, areas=" ".join(sorted(areas))),))
            tokens.changed(connection, by.login, "screen made", made.screen_id, told, at=now)
            return screens.offer(connection, made.screen_id, token_hash(code), now + CODE_LASTS)

        return await self._store.write(make), code

    async def new_code(self, by: User, screen_id: str) -> tuple[Screen, str]:
        """Another code; whatever hangs there goes on until it is used. Raises IllegalMove."""
        now, code = self._clock(), _new_code()

        def offer(connection: Connection) -> Screen:
            found = screens.offer(connection, screen_id, token_hash(code), now + CODE_LASTS)
            tokens.changed(connection, by.login, "screen code made", screen_id, found.name, at=now)
            return found

        return await self._store.write(offer), code

    def link(self, code: str) -> str:
        """The address that the wall's browser opens to be paired."""
        return f"{self._address}/screen?code={code}"

    async def pair(self, code: str, *, client: str) -> str:
        """The word for the cookie of the browser that has this code; "" for a wrong, old or used one. Raises TryLater.

        Whatever was paired with this screen before is out.
        """
        now, word, paired = self._clock(), secrets.token_urlsafe(_WORD_BYTES), ""

        def pair(connection: Connection) -> str:
            screen_id = screens.pair(
                connection, token_hash(clean(code)), token_hash(word), at=now, expires_at=now + GOOD_FOR
            )
            if screen_id:
                screens.seen(connection, screen_id, client, now)
                name = screens.get(connection, screen_id).name
                tokens.changed(connection, "screen", "screen paired", screen_id, f"{name}; {client}", at=now)
            return screen_id

        async def is_code() -> bool:
            nonlocal paired
            paired = await self._store.write(pair)
            return bool(paired)

        if not await self._accounts.checked(f"{_TRIES_OF} ", is_code, client=client, now=now):
            return ""
        self._leave(paired)
        return word

    async def shown(self, word: str, *, client: str) -> Shown | None:
        """The screen that this word opens, with a new word where it is a day old; None where it opens nothing."""
        now = self._clock()
        found = await self._store.read(lambda connection: screens.opened(connection, token_hash(word), now))
        if found is None or (found.is_previous and _is_over(found, now)):
            return None
        await soon(self._note(found, client, now))  # a busy disk must not darken the wall
        if found.is_previous:
            return Shown(screen=found.screen, word=_next(word, found.salt))
        is_old = now - found.rotated_at >= RENEWED_AFTER
        return Shown(screen=found.screen, word=await soon(self._turn(word, now)) or "" if is_old else "")

    async def is_good(self, word: str) -> bool:
        """Whether it opens the wall still."""
        now = self._clock()
        found = await self._store.read(lambda connection: screens.opened(connection, token_hash(word), now))
        return found is not None and not (found.is_previous and _is_over(found, now))

    async def end(self, by: User, screen_id: str) -> None:
        """Dark at once, with its stream. Raises IllegalMove where there is nothing to end."""
        now = self._clock()

        def end(connection: Connection) -> None:
            ended = screens.end(connection, screen_id, now)
            tokens.changed(connection, by.login, "screen ended", screen_id, ended.name, at=now)

        await self._store.write(end)
        self._leave(screen_id)

    @contextmanager
    def until_ended(self, screen_id: str) -> Iterator[asyncio.Event]:
        """Set as soon as somebody ends this screen here. Another server's end is seen by asking (`is_good`)."""
        ended = asyncio.Event()
        there = self._open.setdefault(screen_id, set())
        there.add(ended)
        try:
            yield ended
        finally:
            there.discard(ended)
            if not there:
                self._open.pop(screen_id, None)

    def _leave(self, screen_id: str) -> None:
        for ended in self._open.get(screen_id, ()):
            ended.set()

    async def _note(self, found: Opened, client: str, now: datetime) -> None:
        """That it lives, and from where; and that it has shown its newest word."""
        screen, last = found.screen, found.screen.last_seen_at
        is_new = not found.is_previous and found.confirmed_at is None
        if not is_new and last is not None and now - last < _SEEN_EVERY and screen.last_address == client:
            return

        def note(connection: Connection) -> None:
            screens.seen(connection, screen.screen_id, client, now)
            if is_new:
                screens.confirm(connection, screen.screen_id, now)

        await self._store.write(note)

    async def _turn(self, word: str, now: datetime) -> str:
        """Its next word. Of two requests at once the first one chooses it, and both answer with the same."""
        salt = secrets.token_bytes(_WORD_BYTES)
        fresh = _next(word, salt)

        def turn(connection: Connection) -> str:
            if screens.rotate(connection, token_hash(word), token_hash(fresh), salt, at=now, expires_at=now + GOOD_FOR):
                return fresh
            other = screens.opened(connection, token_hash(word), now)
            return "" if other is None else _next(word, other.salt)

        return await self._store.write(turn)


def clean(code: str) -> str:
    """A code as somebody types it from a sheet of paper."""
    return "".join(code.split()).replace("-", "").upper()


def is_silent(screen: Screen, now: datetime) -> bool:
    """Whether a screen that should hang has said nothing for long."""
    last = screen.last_seen_at
    return screen.ended_at is None and last is not None and now - last >= SILENT_AFTER


def _is_over(found: Opened, now: datetime) -> bool:
    return found.confirmed_at is not None and now - found.confirmed_at > OLD_WORD_LASTS


def _next(word: str, salt: bytes | None) -> str:
    return hashlib.sha256(b"screen:" + word.encode() + (salt or b"")).hexdigest()


def _new_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
