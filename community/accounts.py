"""Who may sit at the desk: users, shifts (login sessions) and one-time login links.

Of a session or link only the SHA-256 of its random token is stored, so that a stolen database opens no session.
Failed logins are slowed down, never locked: a lock would let a stranger keep the night shift out.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from community import totp
from community.desk import Desk
from community.guarded_desk import GuardedDesk
from community.registry_sealing import Safe, opened
from community.slowing import Failures, soon
from community.store import identities, logins, tokens
from community.store.database import Connection, Store
from community.store.identities import Vouched
from community.store.logins import OwnSessions
from community.token_hash import token_hash
from community.users import EVERYWHERE, GIVEN, Role, User
from community.word_tries import WordTries, tried
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, IllegalMove, TryLater

SHIFT = timedelta(hours=12)
"""Length of a session: the longest shift; who stays on logs in again."""
LINK_LIFE = timedelta(minutes=15)
MIN_PASSWORD = 12
"""OWASP ASVS 4.0.3, 2.1.1."""
MAX_PASSWORD = 128
"""OWASP ASVS 4.0.3, 2.1.2."""
PROOF_LASTS = timedelta(minutes=15)
"""A key-safe code opens a home: who asks for one has proved within this time who he is (NIST SP 800-63B, 7.2)."""
MAX_WAITING_LOGINS = 32
"""Whose password is looked at, two at once: the last of them waits for some seconds."""
MAX_SLOWED_LOGINS = 32
"""Who has failed often waits on seats of his own: strangers who fail for hours keep nobody else out."""

_TOKEN_BYTES = 32
_HASHING_AT_ONCE = 2
_SEEN_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """A user who is logged in until `expires_at`; `token` is what the browser holds, it is stored nowhere.

    `proved_at`: when he last proved anew who he is, after the log-in.
    """

    token: str
    user: User
    expires_at: datetime
    proved_at: datetime | None = None

    def is_proved(self, now: datetime) -> bool:
        """Whether he has proved who he is lately enough for a key-safe code."""
        began = self.expires_at - SHIFT
        return now - max(began, self.proved_at or began) <= PROOF_LASTS

    @property
    def csrf(self) -> str:
        """What the forms of this session carry. It tells nothing of the token."""
        return hashlib.sha256(b"csrf:" + self.token.encode()).hexdigest()


class CodeNeeded(Exception):
    """Login and password are right, and the code of the authenticator app is missing, wrong or used already."""


class AppNeeded(Exception):
    """A user of this role needs an authenticator app, and has none yet."""


class Accounts:
    """Users and their sessions in the centre's database. The caller says what time it is."""

    def __init__(
        self,
        store: Store,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        hasher: PasswordHasher | None = None,
        totp_for: frozenset[Role] = frozenset(),
        safe: Safe | None = None,
    ) -> None:
        """`pause` waits that many seconds before a slowed-down login; `hasher` None is argon2's recommended cost.

        `totp_for`: roles that need an app's code; who has an app needs it in any role. `safe` opens key-safe codes.
        """
        self._store = store
        self._safe = safe
        self._totp_for = totp_for
        self._pause = pause
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        self._hashing = asyncio.Semaphore(_HASHING_AT_ONCE)
        self._waiting = self._slowed = 0
        self._failures = Failures(store)
        self._tries = WordTries()

    async def add_user(
        self,
        *,
        login: str,
        name: str,
        role: Role,
        language: str,
        password: str | None,
        now: datetime,
        areas: frozenset[str] = EVERYWHERE,
        organisations: frozenset[str] = EVERYWHERE,
        person: str = "",
    ) -> User:
        """A new user; without a password he comes in by login links only.

        Raises ConfigError for a password of the wrong length, IllegalMove where the login is taken or the role is no
        person's.
        """
        if role not in GIVEN:
            raise IllegalMove(f"nobody can be a {role}: screens are made at /admin/screens")
        user = User(
            user_id=secrets.token_hex(8),
            login=login,
            name=name,
            role=role,
            language=language,
            areas=areas,
            organisations=organisations,
            person=person,
        )
        hashed = None if password is None else await self._hash(password)
        await self._store.write(lambda connection: logins.add(connection, user, password_hash=hashed, at=now))
        return user

    async def names(self) -> dict[str, str]:
        """What people are called, by login."""
        return await self._store.read(logins.names)

    async def set_password(self, user_id: str, password: str) -> None:
        """A new password; all his sessions end. Raises ConfigError for a wrong length."""
        hashed = await self._hash(password)
        await self._store.write(lambda connection: logins.set_password(connection, user_id, hashed))

    async def set_language(self, user_id: str, language: str) -> None:
        """What he reads the console in from now on."""
        await self._store.write(lambda connection: logins.set_language(connection, user_id, language))

    async def log_in(self, login: str, password: str, *, client: str, now: datetime, code: str = "") -> Shift | None:
        """A new session, or None for a wrong login or password, or one that was changed meanwhile.

        `client` is the address that asks. Raises TryLater where too many wait already, CodeNeeded, AppNeeded.
        """
        await self._slowly(login, client, now)
        if self._waiting >= MAX_WAITING_LOGINS:
            raise TryLater("too many people are logging in at this moment")
        self._waiting += 1
        try:
            found = await self._store.read(lambda connection: logins.of(connection, login))
            hashed = None if found is None else found[1].password_hash
            if not await self._is_password(hashed, password) or found is None or found[0].is_disabled:
                await self._failures.keep(login, client, now)
                return None
            await self._second_factor(found, code, client=client, now=now)
        finally:
            self._waiting -= 1
        await self._failures.forget(login, client)
        shift = _new_shift(found[0], now)

        def begin(connection: Connection) -> bool:
            is_his = logins.has_password(connection, shift.user.user_id, hashed)
            if is_his:
                _keep(connection, shift, now)
            return is_his

        return shift if await self._store.write(begin) else None

    async def make_link(self, login: str, *, now: datetime) -> str:
        """The token of a link that lets this user in once within LINK_LIFE. Raises IllegalMove for an unknown login."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        digest, until = token_hash(token), now + LINK_LIFE
        await self._store.write(lambda connection: logins.add_link(connection, login, digest, at=now, until=until))
        return token

    async def use_link(self, token: str, *, now: datetime, code: str = "", client: str = "") -> Shift | None:
        """A new session; None where the link is unknown, used or too old. Of two who press at once, one gets in.

        Raises CodeNeeded, AppNeeded: the link is good still.
        """
        owner = await self._store.read(lambda connection: logins.owner_of_link(connection, token_hash(token), now))
        if owner is None or owner[0].is_disabled:
            return None
        await self._slowly(owner[0].login, client, now)
        await self._second_factor(owner, code, client=client, now=now)
        await self._failures.forget(owner[0].login, client)
        user = await self._store.write(lambda connection: logins.spend_link(connection, token_hash(token), now))
        return None if user is None else await self.begin(user, now)

    async def admit(self, vouched: Vouched, *, links_by_login: bool, now: datetime) -> Shift | str | None:
        """A session for whom the provider of identities vouches, or the token of a link that asks for his app's code.

        None where nobody is linked, he is disabled, or this answer was used already. Raises AppNeeded.
        """
        found = await self._store.write(
            lambda connection: identities.met(connection, vouched, at=now, links_by_login=links_by_login)
        )
        if found is None:
            return None
        if not vouched.has_second_factor:
            try:
                await self._second_factor(found, "", client="", now=now)
            except CodeNeeded:
                return await self.make_link(found[0].login, now=now)
        return await self.begin(found[0], now)

    async def prove(self, shift: Shift, secret: str, *, client: str, now: datetime) -> bool:
        """Whether this is his password (or, where he has an app, its code): he has proved anew who he is.

        Raises TryLater where too many wait already.
        """
        is_he = await self._word(shift.user.login, secret, asker="", client=client, now=now) is not None
        if is_he:
            await self._store.write(lambda connection: logins.proved(connection, token_hash(shift.token), now))
        return is_he

    async def vouch(self, login: str, secret: str, *, asker: str, client: str, now: datetime) -> User | None:
        """Who gives his word with his password (or, where he has an app, its code); None where it is not he.

        Wrong ones make the next try at the screens of `asker` wait, and nobody's log-in. Raises TryLater.
        """
        with self._tries.asking(asker):
            return await self._word(login, secret, asker=asker, client=client, now=now)

    async def _word(self, login: str, secret: str, *, asker: str, client: str, now: datetime) -> User | None:
        whose = tried(login, asker=asker)
        await self._slowly(whose, client, now)
        found = await self._store.read(lambda connection: logins.of(connection, login))
        is_code = found is not None and not found[0].is_disabled and await self._is_code(found, secret, now, asker)
        hashed = None if found is None else found[1].password_hash
        is_he = is_code or await self._is_password(hashed, secret)
        if found is None or found[0].is_disabled or not is_he:
            await self._failures.keep(whose, client, now)
            return None
        await self._failures.forget(whose, client)
        return found[0]

    async def checked(self, login: str, check: Callable[[], Awaitable[bool]], *, client: str, now: datetime) -> bool:
        """Whether `check` holds, counted as a try of this login (or as `tried` says) from this address.

        Wrong ones make the next wait. Raises TryLater where too many wait already.
        """
        await self._slowly(login, client, now)
        is_right = await check()
        if is_right:
            await self._failures.forget(login, client)
        else:
            await self._failures.keep(login, client, now)
        return is_right

    async def proved(self, shift: Shift, *, now: datetime) -> None:
        """He has proved anew who he is, by something else than his password or his code."""
        await self._store.write(lambda connection: logins.proved(connection, token_hash(shift.token), now))

    async def change_password(self, shift: Shift, old: str, new: str, *, client: str, now: datetime) -> bool:
        """A new password where the old one is right; his other sessions end. Who has none needs none.

        Raises ConfigError for a wrong length, TryLater.
        """
        found = await self._store.read(lambda connection: logins.of(connection, shift.user.login))
        before = None if found is None else found[1].password_hash
        hashed = await self._hash(new)

        async def is_old() -> bool:
            return before is None or await self._is_password(before, old)

        if not await self.checked(shift.user.login, is_old, client=client, now=now):
            return False

        def change(connection: Connection) -> None:
            logins.set_password(connection, shift.user.user_id, hashed, kept=token_hash(shift.token))
            tokens.changed(connection, shift.user.login, "password changed", shift.user.login, "", at=now)

        await self._store.write(change)
        return True

    async def end_others(self, shift: Shift, *, now: datetime) -> None:
        """All his sessions but this one end; written down."""

        def end(connection: Connection) -> None:
            logins.end_all(connection, shift.user.user_id, kept=token_hash(shift.token))
            tokens.changed(connection, shift.user.login, "other sessions ended", shift.user.login, "", at=now)

        await self._store.write(end)

    async def own_sessions(self, shift: Shift, *, now: datetime) -> OwnSessions:
        """Where else he is logged in, and whether he has a password."""
        own = token_hash(shift.token)
        return await self._store.read(lambda connection: logins.own(connection, shift.user.login, own, now))

    async def shift(self, token: str, *, now: datetime) -> Shift | None:
        """The session that this token opens, if it has not ended."""
        session = await self._store.read(lambda connection: logins.session(connection, token_hash(token), now))
        if session is None:
            return None
        if now - session.last_seen_at > _SEEN_EVERY:
            # a busy disk must not keep an operator from the queue
            await soon(self._store.write(lambda connection: logins.seen(connection, token_hash(token), now)))
        return Shift(token=token, user=session.user, expires_at=session.expires_at, proved_at=session.proved_at)

    def guarded(self, desk: Desk, user: User, clock: Callable[[], datetime]) -> GuardedDesk:
        """The desk as this user may see it."""
        return GuardedDesk(self._store, desk, user, clock, safe=self._safe)

    async def log_out(self, token: str) -> None:
        """End the session."""
        await self._store.write(lambda connection: logins.end(connection, token_hash(token)))

    async def _slowly(self, login: str, client: str, now: datetime) -> None:
        """Count an attempt, and let it wait where it comes after several. Raises TryLater where too many do."""
        delay = await self._failures.count(login, client, now)
        if delay <= 0:
            return
        if self._slowed >= MAX_SLOWED_LOGINS:
            raise TryLater("too many people who have failed often are logging in at this moment")
        self._slowed += 1
        try:
            await self._pause(delay)
        finally:
            self._slowed -= 1

    async def _second_factor(
        self, found: tuple[User, logins.Secrets], code: str, *, client: str, now: datetime
    ) -> None:
        """Raises CodeNeeded, AppNeeded; TryLater after very many wrong codes."""
        if not found[0].has_totp:
            if found[0].role in self._totp_for:
                raise AppNeeded
            return
        if not await self._is_code(found, code, now):
            if code:
                await self._failures.keep(found[0].login, client, now)
            raise CodeNeeded

    async def _is_code(self, found: tuple[User, logins.Secrets], code: str, now: datetime, asker: str = "") -> bool:
        user, kept = found
        if kept.totp_secret is None or not totp.is_code(code):
            return False
        self._tries.code(user.login, now.timestamp(), asker=asker)
        secret = opened(self._safe or Safe(), kept.totp_secret, of=user.user_id)
        step = totp.accepted_step(secret, code, now, after=kept.totp_step)
        if step is None:
            return False
        is_good = await self._store.write(lambda connection: logins.spend_code(connection, user.user_id, step))
        if is_good:
            self._tries.was_right(user.login, asker=asker)
        return is_good

    async def begin(self, user: User, now: datetime) -> Shift:
        """A session of somebody who has shown who he is."""
        shift = _new_shift(user, now)
        await self._store.write(lambda connection: _keep(connection, shift, now))
        return shift

    async def _hash(self, password: str) -> str:
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise ConfigError(
                Bilingual(
                    f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters, not {len(password)}",
                    zh=f"密码要有 {MIN_PASSWORD} 到 {MAX_PASSWORD} 个字符，现在是 {len(password)} 个",
                )
            )
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _is_password(self, hashed: str | None, password: str) -> bool:
        """An unknown login takes as long as a known one."""
        async with self._hashing:
            matches = await asyncio.to_thread(self._verify, hashed or self._nobody, password[:MAX_PASSWORD])
        return matches and hashed is not None

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False


def _new_shift(user: User, now: datetime) -> Shift:
    return Shift(token=secrets.token_urlsafe(_TOKEN_BYTES), user=user, expires_at=now + SHIFT)


def _keep(connection: Connection, shift: Shift, now: datetime) -> None:
    logins.begin(connection, token_hash(shift.token), shift.user, at=now, until=shift.expires_at)
