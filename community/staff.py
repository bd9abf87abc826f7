"""Who works here, and which programs do: rights given, changed and taken, each written down with who did it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from community import totp
from community.registry_sealing import Safe, sealed_words
from community.store import logins
from community.store import tokens as books
from community.store.database import Connection, Store
from community.tokens import Agreement, Token, check_new, digest, new_token
from community.users import Role, User


@dataclass(frozen=True, kw_only=True, slots=True)
class Staff:
    """The books of users, tokens and agreements. `by`: who changes them, at `clock`'s time; `safe` seals app secrets.

    A user whose rights change is logged out everywhere: what he may is what he may from that moment on.
    """

    store: Store
    by: str
    clock: Callable[[], datetime]
    safe: Safe = field(default_factory=Safe)

    async def users(self) -> tuple[User, ...]:
        """All of them, by login."""
        return await self.store.read(logins.everybody)

    async def disable(self, login: str) -> User:
        """He gets in no more, and is out now. Raises IllegalMove for an unknown login."""
        return await self._change(login, "disabled", "", disabled_at=self.clock())

    async def enable(self, login: str) -> User:
        """He may log in again. Raises IllegalMove for an unknown login."""
        return await self._change(login, "enabled", "", disabled_at=None)

    async def set_role(self, login: str, role: Role) -> User:
        """Another role. Raises IllegalMove for an unknown login."""
        return await self._change(login, "role", role.value, role=role.value)

    async def set_scope(self, login: str, *, areas: frozenset[str], organisations: frozenset[str]) -> User:
        """Other areas and organisations. Raises IllegalMove for an unknown login."""
        detail = f"areas {logins.joined(areas)}; organisations {logins.joined(organisations)}"
        columns = {"areas": logins.joined(areas), "organisations": logins.joined(organisations)}
        return await self._change(login, "scope", detail, **columns)

    async def log_out(self, login: str) -> User:
        """All his sessions end. Raises IllegalMove for an unknown login."""
        return await self._change(login, "logged out", "")

    async def welcome(self, user: User) -> None:
        """Write down that he was added."""
        now = self.clock()
        detail = f"{user.role}; areas {logins.joined(user.areas)}; organisations {logins.joined(user.organisations)}"
        await self.store.write(
            lambda connection: books.changed(connection, self.by, "added", user.login, detail, at=now)
        )

    async def give_app(self, login: str) -> str:
        """A new secret for his authenticator app; the old one is good no more. Raises IllegalMove."""
        secret, now = totp.new_secret(), self.clock()

        def give(connection: Connection) -> None:
            user = logins.user_called(connection, login)
            kept = sealed_words(self.safe, secret, of=user.user_id)
            logins.change(connection, login, {"totp_secret": kept, "totp_step": 0})
            books.changed(connection, self.by, "app given", login, "", at=now)

        await self.store.write(give)
        return secret

    async def take_app(self, login: str) -> User:
        """He needs no code any more. Raises IllegalMove for an unknown login."""
        return await self._change(login, "app taken", "", totp_secret=None, totp_step=0)

    async def add_token(self, token: Token) -> str:
        """What the program carries; it is shown here and never again. Raises ConfigError, IllegalMove."""
        now = self.clock()
        check_new(token, now)
        word = new_token()
        detail = f"{token.role} {logins.joined(token.scopes)}; areas {logins.joined(token.areas)}"

        def add(connection: Connection) -> None:
            books.add(connection, token, digest(word))
            books.changed(connection, self.by, "token added", token.token_id, detail, at=now)

        await self.store.write(add)
        return word

    async def revoke_token(self, token_id: str) -> Token:
        """It opens nothing any more. Raises IllegalMove where there is nothing to revoke."""
        now = self.clock()

        def revoke(connection: Connection) -> Token:
            revoked = books.revoke(connection, token_id, now)
            books.changed(connection, self.by, "token revoked", token_id, revoked.name, at=now)
            return revoked

        return await self.store.write(revoke)

    async def tokens(self) -> tuple[Token, ...]:
        """All of them, the oldest first."""
        return await self.store.read(books.everything)

    async def agree(self, made: Agreement) -> None:
        """A new agreement. Raises IllegalMove where there is one of this id."""
        now = self.clock()
        detail = f"{made.organisation}: {logins.joined(made.fields)}; areas {logins.joined(made.areas)}"

        def agree(connection: Connection) -> None:
            books.agree(connection, made)
            books.changed(connection, self.by, "agreement made", made.agreement_id, detail, at=now)

        await self.store.write(agree)

    async def end_agreement(self, agreement_id: str) -> None:
        """It holds no longer than now. Raises IllegalMove where there is none that holds."""
        now = self.clock()

        def end(connection: Connection) -> None:
            books.end_agreement(connection, agreement_id, now)
            books.changed(connection, self.by, "agreement ended", agreement_id, "", at=now)

        await self.store.write(end)

    async def agreements(self) -> tuple[Agreement, ...]:
        """All of them, by id."""
        return await self.store.read(books.all_agreements)

    async def _change(self, login: str, what: str, detail: str, **columns: object) -> User:
        now = self.clock()

        def change(connection: Connection) -> User:
            user = logins.change(connection, login, columns)
            books.changed(connection, self.by, what, login, detail, at=now)
            return user

        return await self.store.write(change)
