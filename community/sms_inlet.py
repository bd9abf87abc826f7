"""What homes send by SMS when their internet is down, brought here by a provider or an SMS gateway (kannel) over HTTP.

The sender's number of an SMS proves nothing; the text is signed by the home's own key. What is believed goes the same
way into the tables as an alert over the internet, in one transaction, and is answered after its COMMIT. What is not is
kept as a dead letter, and told as a technical case of the home that it says it is of: it may have been an alarm.
"""

import hmac
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

import msgspec

from community.settings import CommunitySettings, HomeEntry, SmsInletEntry
from community.store import sms_intake
from community.store.database import Store
from messaging.secret import read_secret
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import ConfigError, DecodeError, GiveUp
from shouwang.short_alert import ShortAlert, ShortTest, claimed_gateway, decode, key_from

TOKEN_CHARS = 20
"""The least that the token's file must hold; it travels in every request."""
PER_HOME_A_MINUTE = 60
"""A home sends 60 an hour, and the first of each alarm besides. A text that is stored already does not count: anybody
who has recorded one can play it again, and must not shut out what is new."""
REMEMBERED = 10_000
"""Texts of which it is known without the database that they are stored; 32 bytes of each."""
DEAD_LETTERS_AN_HOUR = 200
"""Anybody may send an SMS to a number: advertisements must not fill the database. Homes' own are kept apart."""
DEAD_LETTERS_PER_HOME_AN_HOUR = 20
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """What became of a message. STORED: it is in the tables, now or before. TOO_MANY: nothing was done, try later."""

    STORED = "stored"
    UNREADABLE = "unreadable"
    TOO_MANY = "too many"


class SmsLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One SMS as the provider brings it, joined where it had several parts."""

    sender: str
    text: str


class SmsInlet:
    """The one inlet of a centre."""

    def __init__(
        self,
        store: Store,
        *,
        token: str,
        keys: Mapping[str, bytes],
        clock: Callable[[], datetime],
        committed: Callable[[], None],
    ) -> None:
        """`keys` by gateway; `committed` is called after each alert."""
        self._store = store
        self._token = token.encode()
        self._keys = keys
        self._clock = clock
        self._committed = committed
        self._heard: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._buried: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._wrong: deque[datetime] = deque()
        self._stored: dict[bytes, None] = {}

    def admits(self, token: str) -> bool:
        """Whether this is who may bring messages; takes equally long for every wrong token."""
        if hmac.compare_digest(token.encode(), self._token):
            return True
        if _has_room(self._wrong, self._clock(), _MINUTE, 1):
            log.warning("somebody brings SMS with a missing or wrong token")
        return False

    async def take(self, letter: SmsLetter) -> Verdict:
        """Judge a message and store it. Raises TryLater where the database cannot now; it may be brought again."""
        now = self._clock()
        try:
            short = decode(letter.text, self._keys.get)
        except DecodeError as error:
            return await self._bury(letter, str(error), now)
        mark = sha256(letter.text.encode()).digest()
        if mark in self._stored:
            return Verdict.STORED
        if not _has_room(self._heard[short.gateway_id], now, _MINUTE, PER_HOME_A_MINUTE):
            log.warning("more than %d SMS a minute of gateway %s", PER_HOME_A_MINUTE, short.gateway_id)
            return Verdict.TOO_MANY
        try:
            await self._keep(short, letter.sender, now)
        except GiveUp as error:
            return await self._bury(letter, str(error), now)
        self._stored[mark] = None
        while len(self._stored) > REMEMBERED:
            del self._stored[next(iter(self._stored))]
        return Verdict.STORED

    async def _keep(self, short: ShortAlert | ShortTest, sender: str, now: datetime) -> None:
        await self._store.write(
            lambda connection: sms_intake.take_in(connection, short, sender=sender, at=now), urgent=True
        )
        if isinstance(short, ShortAlert):
            log.info("alert %s of gateway %s came by SMS", short.alert.alert_id, short.gateway_id)
        self._committed()

    async def _bury(self, letter: SmsLetter, reason: str, now: datetime) -> Verdict:
        claimed = claimed_gateway(letter.text)
        home = claimed if claimed in self._keys else None
        limit = DEAD_LETTERS_AN_HOUR if home is None else DEAD_LETTERS_PER_HOME_AN_HOUR
        if not _has_room(self._buried[home or ""], now, _HOUR, limit):
            return Verdict.UNREADABLE
        log.error("an SMS cannot be believed and is kept as a dead letter: it %s", reason)
        await self._store.write(
            lambda connection: sms_intake.bury(
                connection, letter.text, sender=letter.sender, reason=reason, at=now, home=home
            ),
            urgent=home is not None,
        )
        self._committed()
        return Verdict.UNREADABLE


def token_of(entry: SmsInletEntry) -> str:
    """What the provider must know. Raises ConfigError where the file cannot be used."""
    token = read_secret(entry.token_file)
    if len(token) < TOKEN_CHARS:
        raise ConfigError(
            Bilingual(
                f"{entry.token_file}: has {len(token)} characters, and needs {TOKEN_CHARS} at least; "
                "make one: openssl rand -hex 20",
                zh=f"{entry.token_file}：有 {len(token)} 个字符，至少要 {TOKEN_CHARS} 个；请做一个：openssl rand "
                f"-hex 20",
            )
        )
    return token


def keys_of(homes: Sequence[HomeEntry]) -> dict[str, bytes]:
    """The keys of the homes that have one, by gateway. Raises ConfigError where a file cannot be used."""
    found: dict[str, bytes] = {}
    for home in homes:
        if home.sms_key_file is None:
            continue
        words = read_secret(home.sms_key_file)
        try:
            found[home.gateway] = key_from(words)
        except ConfigError as error:
            raise ConfigError(
                both(
                    "home {home}: {file} {error}",
                    "家 {home}：{file} {error}",
                    home=home.id,
                    file=home.sms_key_file,
                    error=told_by(error),
                )
            ) from error
    return found


def inlet_of(
    settings: CommunitySettings, store: Store, *, clock: Callable[[], datetime], committed: Callable[[], None]
) -> SmsInlet | None:
    """The centre's inlet; None where it has none. Raises ConfigError."""
    if settings.sms_inlet is None:
        return None
    token, keys = token_of(settings.sms_inlet), keys_of(settings.homes)
    return SmsInlet(store, token=token, keys=keys, clock=clock, committed=committed)


def _has_room(moments: deque[datetime], now: datetime, within: timedelta, limit: int) -> bool:
    """Count one more, where there is room."""
    while moments and now - moments[0] >= within:
        moments.popleft()
    if len(moments) >= limit:
        return False
    moments.append(now)
    return True
