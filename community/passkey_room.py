"""Passkeys: made by a user in his own device, and good for password and second factor in one.

What a browser is asked is bound to a random word in its cookie, kept in the database, and answered once.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address

from community import passkeys as keys
from community.accounts import Accounts, Shift
from community.casefile import NotNow
from community.limits import Limits, Rate
from community.passkeys import Claim, NotThisKey, Site
from community.store import logins, tokens
from community.store import passkeys as kept
from community.store.database import Connection, Store
from community.store.passkeys import Passkey
from community.token_hash import token_hash
from community.users import User
from community.word_tries import tried
from shouwang.alert import Sentence
from shouwang.errors import TryLater

CHALLENGE_LASTS = timedelta(minutes=5)
"""WebAuthn level 2, 5.4: what a person is asked may take minutes; nothing here waits longer."""
MOST_KEYS = 10
"""Of one user: telephone, computers, a key in the safe."""
ASKS_OF_ONE = Rate(a_minute=60, at_once=60)
"""Of strangers from one address, behind which a whole office may sit: sixty come to their shift at once."""
ASKS_OF_ALL = Rate(a_minute=600, at_once=200)
"""Of all strangers together: 3,200 within CHALLENGE_LASTS, fewer than are kept, so that no crowd pushes one out."""
ASKS_OF_USER = Rate(a_minute=12, at_once=12)
"""Of somebody who is signed in, whatever his browsers: one each five seconds is more than a finger gives. Whoever asks
more waits those seconds; his password and his code go on, so that nobody on shift is kept out."""
_NETWORK_BITS = 64
"""RFC 4291, 2.5.4: whoever has one IPv6 address has the rest of its /64 too."""
_WORD_BYTES = 32
WORD_BEGINS = "passkey:"
"""So begins what stands for a colleague's passkey where his password is asked for."""
_TOO_MANY = Sentence(
    zh=f"每人最多 {MOST_KEYS} 个通行密钥。请先删除一个。",
    en=f"One user has at most {MOST_KEYS} passkeys. Remove one first.",
)
_NOBODY = Claim(credential_id=b"", user_id="")
_log = logging.getLogger(__name__)


class AskedTooOften(TryLater):
    """More was asked of us from there than people ask; `wait_s`: how long to wait."""

    def __init__(self, wait_s: float) -> None:
        """Ask again after so many seconds."""
        super().__init__(f"passkeys are asked for too often; again in {wait_s:.0f} s")
        self.wait_s = wait_s


class Purpose(StrEnum):
    """What an answer is good for: one that was asked for a log-in makes no key."""

    LOG_IN = "log in"
    MAKE = "make"
    PROVE = "prove"
    SECOND = "second"
    SECOND_WORD = "second's word"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the browser keeps in its cookie (`word`), and what its script needs (`options`, JSON)."""

    word: str
    options: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """What came from a browser: the word in its cookie and what the device has signed, from the address `client`."""

    cookie: str
    answer: str
    client: str


class PasskeyRoom:
    """The keys of all users at one console."""

    def __init__(self, store: Store, accounts: Accounts, site: Site, *, clock: Callable[[], datetime]) -> None:
        """`site`: whom browsers see; keys of another one are none here."""
        self._store, self._accounts, self._site, self._clock = store, accounts, site, clock
        self._by_place, self._by_all, self._by_user = Limits(ASKS_OF_ONE), Limits(ASKS_OF_ALL), Limits(ASKS_OF_USER)

    async def of(self, user: User) -> tuple[Passkey, ...]:
        """His keys."""
        return await self._store.read(lambda connection: kept.of(connection, user.user_id))

    async def ask_log_in(self, *, client: str) -> Asked:
        """For somebody who has not said who he is: his device knows. `client` is the address that asks.

        Raises AskedTooOften, before anything is written.
        """
        self._measure_stranger(client)
        return await self._asked(Purpose.LOG_IN, "", lambda challenge: keys.to_sign(self._site, challenge))

    async def ask_proof(self, user: User) -> Asked:
        """For a user who is here, with one of his own keys. Raises AskedTooOften, before anything is written."""
        self._measure(user)
        known = [key.credential_id for key in await self.of(user)]
        return await self._asked(
            Purpose.PROVE, user.user_id, lambda challenge: keys.to_sign(self._site, challenge, known)
        )

    async def ask_key(self, user: User) -> Asked:
        """For a new key of this user. Raises NotNow where he has very many, AskedTooOften."""
        self._measure(user)
        known = [key.credential_id for key in await self.of(user)]
        if len(known) >= MOST_KEYS:
            raise NotNow(_TOO_MANY)
        return await self._asked(
            Purpose.MAKE, user.user_id, lambda challenge: keys.to_make(self._site, user, challenge, known)
        )

    async def ask_second(self, shift: Shift, login: str) -> Asked:
        """For a colleague who gives his word at somebody else's screen. Raises NotThisKey where he has no key."""
        self._measure(shift.user)
        colleague = await self._colleague(shift, login)
        known = [key.credential_id for key in await self.of(colleague)]
        if not known:  # none named would mean whichever the person picks
            raise NotThisKey(f"{colleague.login} has no passkey")
        return await self._asked(
            Purpose.SECOND, _for(colleague, shift), lambda challenge: keys.to_sign(self._site, challenge, known)
        )

    async def second(self, shift: Shift, incident_id: int, login: str, said: Words) -> str:
        """What stands for this colleague's password, once, at this screen and for this case.

        Raises NotThisKey where no key of his has signed, TryLater.
        """
        colleague = await self._colleague(shift, login)
        if await self._shown(Purpose.SECOND, said, user=colleague, at=shift) is None:
            raise NotThisKey(f"no passkey of {colleague.login} has signed")
        given, now = secrets.token_urlsafe(_WORD_BYTES), self._clock()
        place, until = _at(shift, incident_id), now + CHALLENGE_LASTS

        def keep(connection: Connection) -> None:
            his = {"purpose": Purpose.SECOND_WORD, "user_id": _for(colleague, shift)}
            kept.ask(connection, token_hash(given), place, **his, at=now, until=until)

        await self._store.write(keep)
        return WORD_BEGINS + given

    async def vouched(self, shift: Shift, incident_id: int, login: str, secret: str) -> User | None:
        """The colleague whose passkey this word stands for, here and for this case; it is good no more."""
        try:
            colleague = await self._colleague(shift, login)
            word = secret.removeprefix(WORD_BEGINS)
            place = await self._spend(word, Purpose.SECOND_WORD, _for(colleague, shift))
        except NotThisKey as error:
            _log.warning("%s", error)
            return None
        return colleague if place == _at(shift, incident_id) else None

    async def log_in(self, word: str, answer: str, *, client: str) -> Shift | None:
        """A session for whoever holds this key; None where the answer is not good, or he is disabled.

        Raises TryLater where too many wait already.
        """
        owner = await self._shown(Purpose.LOG_IN, Words(cookie=word, answer=answer, client=client))
        return None if owner is None else await self._accounts.begin(owner, self._clock())

    async def prove(self, shift: Shift, word: str, answer: str, *, client: str) -> bool:
        """Whether a key of his own has signed: he has proved anew who he is. Raises TryLater."""
        said = Words(cookie=word, answer=answer, client=client)
        owner = await self._shown(Purpose.PROVE, said, user=shift.user)
        if owner is None:
            return False
        await self._accounts.proved(shift, now=self._clock())
        return True

    async def make(self, shift: Shift, word: str, answer: str, *, name: str) -> Passkey:
        """Keep the new key of this user; his other sessions end. Raises NotThisKey, NotNow, IllegalMove."""
        user, now = shift.user, self._clock()
        challenge = await self._spend(word, Purpose.MAKE, user.user_id)
        found = keys.made(self._site, challenge, answer)
        key = Passkey(
            passkey_id=secrets.token_hex(8),
            credential_id=found.credential_id,
            user_id=user.user_id,
            name=name,
            public_key=found.public_key,
            sign_count=found.sign_count,
            created_at=now,
        )

        def keep(connection: Connection) -> None:
            if len(kept.of(connection, user.user_id)) >= MOST_KEYS:
                raise NotNow(_TOO_MANY)
            kept.add(connection, key)
            logins.change(connection, user.login, {}, kept=token_hash(shift.token))
            tokens.changed(connection, user.login, "passkey made", user.login, name, at=now)

        await self._store.write(keep)
        return key

    async def remove(self, shift: Shift, passkey_id: str) -> None:
        """A key of his own opens nothing any more; his other sessions end. Raises IllegalMove where he has none so."""
        user, now = shift.user, self._clock()

        def remove(connection: Connection) -> None:
            gone = kept.remove(connection, user.user_id, passkey_id)
            logins.change(connection, user.login, {}, kept=token_hash(shift.token))
            tokens.changed(connection, user.login, "passkey removed", user.login, gone.name, at=now)

        await self._store.write(remove)

    async def _colleague(self, shift: Shift, login: str) -> User:
        """Somebody else, who may be here. Raises NotThisKey."""
        found = await self._store.read(lambda connection: logins.of(connection, login))
        if found is None or found[0].is_disabled or found[0].user_id == shift.user.user_id:
            raise NotThisKey("there is no such colleague")
        return found[0]

    def _measure(self, user: User) -> None:
        wait_s = self._by_user.wait_s(user.user_id, self._clock().timestamp())
        if wait_s > 0:
            raise AskedTooOften(wait_s)

    def _measure_stranger(self, client: str) -> None:
        """Whoever is over his own measure takes nothing of everybody's."""
        now_s = self._clock().timestamp()
        wait_s = self._by_place.wait_s(_place(client), now_s) or self._by_all.wait_s("", now_s)
        if wait_s > 0:
            raise AskedTooOften(wait_s)

    async def _asked(self, purpose: Purpose, user_id: str, options: Callable[[bytes], str]) -> Asked:
        word, challenge, now = (
            secrets.token_urlsafe(_WORD_BYTES),
            secrets.token_bytes(keys.CHALLENGE_BYTES),
            self._clock(),
        )
        until = now + CHALLENGE_LASTS

        def ask(connection: Connection) -> None:
            kept.ask(connection, token_hash(word), challenge, purpose=purpose, user_id=user_id, at=now, until=until)

        await self._store.write(ask)
        return Asked(word=word, options=options(challenge))

    async def _spend(self, word: str, purpose: Purpose, user_id: str) -> bytes:
        """What this browser was asked; asked no more. Raises NotThisKey."""
        now = self._clock()
        challenge = await self._store.write(
            lambda connection: kept.spend(connection, token_hash(word), purpose=purpose, user_id=user_id, at=now)
        )
        if challenge is None:
            raise NotThisKey("this browser was not asked for a passkey, or too long ago, or has answered already")
        return challenge

    async def _shown(
        self, purpose: Purpose, said: Words, *, user: User | None = None, at: Shift | None = None
    ) -> User | None:
        """Who has signed what this browser was asked; of `user` alone where he is named. None where nobody has.

        `at`: who asks him for his word. It is counted as a try of `user` there, else of whom the answer names.
        """
        try:
            claim = keys.claimed(said.answer)
        except NotThisKey as error:
            _log.warning("%s", error)
            claim = _NOBODY
        found = await self._store.read(lambda connection: kept.find(connection, claim.credential_id))
        login = "" if found is None else found[1].login
        whose = "" if user is None else user.user_id if at is None else _for(user, at)

        async def is_good() -> bool:
            try:
                challenge = await self._spend(said.cookie, purpose, whose)
                key = _key_of(found, claim, user)
                count = keys.signed(self._site, challenge, key.public_key, said.answer)
            except NotThisKey as error:
                _log.warning("%s", error)
                return False
            return await self._count(key, login, count)

        name = login if user is None else tried(user.login, asker="" if at is None else at.user.login)
        if not await self._accounts.checked(name, is_good, client=said.client, now=self._clock()):
            return None
        return None if found is None else found[1]

    async def _count(self, key: Passkey, login: str, count: int) -> bool:
        """Whether its counter has gone up. One that goes back is told: a copy of the key may be about."""
        now = self._clock()

        def use(connection: Connection) -> bool:
            is_on = kept.used(connection, key, count, now)
            if not is_on:
                detail = f"{key.name}: {key.sign_count} -> {count}"
                tokens.changed(connection, login, "passkey counter back", login, detail, at=now)
            return is_on

        is_on = await self._store.write(use)
        if not is_on:
            _log.warning("a passkey of %s has counted back: is there a copy of it?", login)
        return is_on


def _key_of(found: tuple[Passkey, User] | None, claim: Claim, user: User | None) -> Passkey:
    """The key, if it may be used here: by this `user` alone where he is named. Raises NotThisKey."""
    if found is None or claim.user_id not in {"", found[1].user_id}:
        raise NotThisKey("a passkey is nobody's here")
    if found[1].is_disabled or (user is not None and found[1].user_id != user.user_id):
        raise NotThisKey(f"the passkey of {found[1].login} is not good here")
    return found[0]


def _for(colleague: User, shift: Shift) -> str:
    """Whose word is asked for at whose screen: questions of one who asks push out none of another's."""
    return f"{colleague.user_id} for {shift.user.user_id}"


def _at(shift: Shift, incident_id: int) -> bytes:
    """A session and a case, as they are kept with the word of a second person."""
    return token_hash(f"{shift.token} {incident_id}")


def _place(client: str) -> str:
    """Whence somebody asks: his address, of IPv6 the network whose addresses are all his."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address):
        return client
    return str(address.ipv4_mapped or int(address) >> (address.max_prefixlen - _NETWORK_BITS))
