"""What stands behind the pages of users and programs: the books (community.staff) and what is read beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from community import totp
from community.accounts import Accounts
from community.registry_sealing import Safe
from community.staff import Newcomer, Staff, check_register
from community.store import admin, logins, passkeys
from community.store.admin import Change, Seen
from community.store.database import Store
from community.store.passkeys import Passkey
from community.tokens import Agreement, Token
from community.users import User

CHANGES_AT_ONCE = 50
"""Lines of one page of the record of rights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffPage:
    """All users, and who of them is here."""

    users: tuple[User, ...]
    seen: Mapping[str, Seen]


class StaffRoom:
    """The administrator's books."""

    def __init__(
        self, store: Store, accounts: Accounts, *, clock: Callable[[], datetime], safe: Safe, centre: str, address: str
    ) -> None:
        """`centre`: what an authenticator app calls us; `address`: of the console, for login links."""
        self._store, self._accounts, self._clock, self._safe = store, accounts, clock, safe
        self._centre, self._address = centre, address

    def books(self, by: User, seen: str = "") -> Staff:
        """The books, in the hands of this user; `seen`: how the one whom he changes stood on his page."""
        return Staff(store=self._store, by=by.login, clock=self._clock, safe=self._safe, seen=seen)

    async def everybody(self) -> StaffPage:
        """All users."""
        now = self._clock()
        return await self._store.read(
            lambda connection: StaffPage(users=logins.everybody(connection), seen=admin.seen(connection, now))
        )

    async def keys(self, user: User) -> tuple[Passkey, ...]:
        """His passkeys."""
        return await self._store.read(lambda connection: passkeys.of(connection, user.user_id))

    async def user(self, login: str) -> tuple[User, Seen | None, tuple[Change, ...]]:
        """One user, his sessions, what was changed of him. Raises IllegalMove for an unknown login."""
        now = self._clock()
        return await self._store.read(
            lambda connection: (
                logins.user_called(connection, login),
                admin.seen(connection, now).get(login),
                admin.changes(connection, whom=login, limit=CHANGES_AT_ONCE),
            )
        )

    async def take_on(self, by: User, newcomer: Newcomer) -> str:
        """Add a user; the address of his first login link where he has no password. Raises IllegalMove, ConfigError."""
        await self._store.read(lambda connection: check_register(connection, newcomer))
        token = await self.books(by).take_on(self._accounts, newcomer)
        return self._link(token) if token else ""

    async def link(self, by: User, login: str) -> str:
        """The address of a login link that is good once. Raises IllegalMove."""
        return self._link(await self.books(by).link(self._accounts, login))

    def app_address(self, secret: str, login: str) -> str:
        """What an authenticator app takes."""
        return totp.address(secret, login, self._centre)

    async def programs(self) -> tuple[tuple[Token, ...], tuple[Agreement, ...]]:
        """All tokens, and the agreements that stand."""
        staff = Staff(store=self._store, by="", clock=self._clock)
        agreed = [one for one in await staff.agreements() if one.stands(self._clock())]
        return (*reversed(await staff.tokens()),), tuple(agreed)

    async def changes(self, before: int) -> tuple[Change, ...]:
        """A page of the record, and one more where there is one."""
        return await self._store.read(
            lambda connection: admin.changes(connection, before=before, limit=CHANGES_AT_ONCE + 1)
        )

    async def areas(self) -> tuple[tuple[str, str], ...]:
        """Places that a user may be bound to: id and name."""
        return await self._store.read(admin.wide_places)

    def _link(self, token: str) -> str:
        return f"{self._address}/login/once/{token}"
