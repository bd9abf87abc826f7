"""Who works here, and which programs do: rights given, changed and taken, each written down with who did it."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from community import totp
from community.accounts import Accounts
from community.casefile import NotNow
from community.facts import Fact, fact, kept
from community.registry_sealing import Safe, sealed_words
from community.store import admin, identities, logins, passkeys
from community.store import tokens as books
from community.store.database import Connection, Store
from community.token_hash import token_hash
from community.tokens import USUAL_RATE, Agreement, Scope, Token, check_new, new_token
from community.users import EVERYWHERE, GIVEN, Role, User
from community.wording import MOVED_ON
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

USUAL_TERM_DAYS = 180
"""How long a token is good where nothing is said: it is renewed twice a year."""
_NOT_HIMSELF = Sentence(
    zh="不能停用自己，也不能撤掉自己的管理员角色。请另一位管理员来做。",
    en="You cannot disable yourself or give up your own role. Another administrator does that.",
)
_LAST_ADMIN = Sentence(
    zh="这是最后一位能登录的管理员。请先增加另一位。",
    en="This is the last administrator who can log in. Add another one first.",
)
_NO_PERSON = Sentence(zh="登记中没有这个人的编号", en="nobody in the register has this id")
_NO_PLACE = Sentence(zh="登记中没有这个区域", en="the register has no such area")
_WRONG_CODE = Sentence(
    zh="验证码不对，验证器没有启用。请核对手机时间，再试一次。",
    en="That code is not right: the app is not in use. See that the telephone's clock is right, and try again.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Newcomer:
    """Somebody who is to get a login; without a password he comes in by a link."""

    login: str
    name: str
    role: Role
    language: str = "zh"
    password: str | None = None
    areas: frozenset[str] = EVERYWHERE
    organisations: frozenset[str] = EVERYWHERE
    person: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenWish:
    """A program that is to ask the HTTP API, and what for."""

    name: str
    role: Role
    scopes: frozenset[Scope]
    areas: frozenset[str]
    organisations: frozenset[str] = EVERYWHERE
    person: str = ""
    agreement: str = ""
    a_minute: int = USUAL_RATE
    days: int = USUAL_TERM_DAYS


def standing(user: User) -> str:
    """How a user stands, in a word that forms carry: whoever decided on something older is told so."""
    told = (user.role, sorted(user.areas), sorted(user.organisations), user.person, user.is_disabled, user.has_totp)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, slots=True)
class Staff:
    """The books of users, tokens and agreements. `by`: who changes them, at `clock`'s time; `safe` seals app secrets.

    A user whose rights change is logged out everywhere: what he may is what he may from that moment on. `seen`: how he
    stood (`standing`) when that was decided on; empty: not asked. Nobody takes his own administrator's role, or the
    last one's.
    """

    store: Store
    by: str
    clock: Callable[[], datetime]
    safe: Safe = field(default_factory=Safe)
    seen: str = ""

    async def users(self) -> tuple[User, ...]:
        """All of them, by login."""
        return await self.store.read(logins.everybody)

    async def disable(self, login: str) -> User:
        """He gets in no more and is out now; his passkeys are gone. Raises IllegalMove for an unknown login, NotNow."""
        return await self._change(login, "disabled", lambda _: "", disabled_at=self.clock())

    async def enable(self, login: str) -> User:
        """He may log in again, and makes new passkeys. Raises IllegalMove for an unknown login."""
        return await self._change(login, "enabled", lambda _: "", disabled_at=None)

    async def set_role(self, login: str, role: Role) -> User:
        """Another role. Raises IllegalMove for an unknown login, NotNow."""

        def told(user: User) -> str:
            return kept((fact("role", old_role=user.role.value, new_role=role.value),))

        return await self._change(login, "role", told, role=role.value)

    async def set_scope(self, login: str, *, areas: frozenset[str], organisations: frozenset[str]) -> User:
        """Other areas and organisations. Raises IllegalMove for an unknown login."""
        after = _scope_of(areas, organisations, "scope-after")
        columns: dict[str, object] = {"areas": logins.joined(areas), "organisations": logins.joined(organisations)}

        def told(user: User) -> str:
            return kept((_scope_of(user.areas, user.organisations, "scope-before"), after))

        return await self._change(login, "scope", told, None, **columns)

    async def set_rights(self, login: str, wanted: Newcomer) -> User:
        """Name, role, areas, organisations and person as in `wanted`. Raises IllegalMove, NotNow."""
        columns: dict[str, object] = {
            "name": wanted.name,
            "role": wanted.role.value,
            "areas": logins.joined(wanted.areas),
            "organisations": logins.joined(wanted.organisations),
            "person": wanted.person,
        }

        def told(user: User) -> str:
            return kept((*_rights_of(user, "before"), *_rights_of(wanted, "after")))

        return await self._change(login, "rights", told, wanted=wanted, **columns)

    async def log_out(self, login: str) -> User:
        """All his sessions end. Raises IllegalMove for an unknown login."""
        return await self._change(login, "logged out", lambda _: "")

    async def take_on(self, accounts: Accounts, newcomer: Newcomer) -> str:
        """A new user; the token of his first login link where he has no password, else empty.

        Raises ConfigError for a password of the wrong length, IllegalMove where the login is taken.
        """
        now = self.clock()
        user = await accounts.add_user(
            login=newcomer.login,
            name=newcomer.name,
            role=newcomer.role,
            language=newcomer.language,
            password=newcomer.password,
            now=now,
            areas=newcomer.areas,
            organisations=newcomer.organisations,
            person=newcomer.person,
        )
        await self.welcome(user)
        return "" if newcomer.password is not None else await self.link(accounts, user.login)

    async def link(self, accounts: Accounts, login: str) -> str:
        """The token of a link that lets him in once. Raises IllegalMove for an unknown login."""
        now = self.clock()
        token = await accounts.make_link(login, now=now)
        await self.store.write(lambda connection: books.changed(connection, self.by, "link made", login, "", at=now))
        return token

    async def welcome(self, user: User) -> None:
        """Write down that he was added."""
        now = self.clock()
        await self.store.write(
            lambda connection: books.changed(
                connection, self.by, "added", user.login, kept(_rights_of(user, "after")), at=now
            )
        )

    async def give_app(self, login: str, secret: str = "", code: str | None = None, *, kept: str = "") -> str:
        """A secret for his authenticator app (a new one where none is given); the old one is good no more.

        `code`: what his app shows; a wrong one changes nothing. `kept`: the session that goes on; all others end.
        Raises IllegalMove, NotNow.
        """
        secret, now = secret or totp.new_secret(), self.clock()
        step = 0 if code is None else totp.accepted_step(secret, code, now, after=0)
        if step is None:
            raise NotNow(_WRONG_CODE)

        def give(connection: Connection) -> None:
            user = logins.user_called(connection, login)
            self._check_seen(user)
            sealed = sealed_words(self.safe, secret, of=user.user_id)
            logins.change(connection, login, {"totp_secret": sealed, "totp_step": step}, kept=token_hash(kept))
            books.changed(connection, self.by, "app given", login, "", at=now)

        await self.store.write(give)
        return secret

    async def link_identity(self, login: str, issuer: str, kind: str, subject: str) -> User:
        """Whom the provider calls so is this user from now on; an empty `subject`: nobody is. His sessions end.

        Raises IllegalMove for an unknown login, or a subject that is somebody else.
        """
        now = self.clock()

        def link(connection: Connection) -> User:
            user = logins.change(connection, login, {})
            if subject:
                identities.link(connection, issuer, kind, subject, login=login, at=now)
            else:
                identities.unlink(connection, issuer, user)
            what = "identity linked" if subject else "identity taken"
            books.changed(connection, self.by, what, login, f"{issuer} {subject}".rstrip(), at=now)
            return user

        return await self.store.write(link)

    async def take_app(self, login: str) -> User:
        """He needs no code any more. Raises IllegalMove for an unknown login."""
        return await self._change(login, "app taken", lambda _: "", totp_secret=None, totp_step=0)

    async def take_key(self, login: str, passkey_id: str) -> None:
        """This passkey opens nothing any more, and all his sessions end. Raises IllegalMove where he has none such."""
        now = self.clock()

        def take(connection: Connection) -> None:
            user = logins.change(connection, login, {})
            gone = passkeys.remove(connection, user.user_id, passkey_id)
            books.changed(connection, self.by, "passkey removed", login, gone.name, at=now)

        await self.store.write(take)

    async def add_token(self, token: Token) -> str:
        """What the program carries; it is shown here and never again. Raises ConfigError, IllegalMove."""
        now = self.clock()
        if token.role not in GIVEN:
            raise IllegalMove(f"no program can be a {token.role}")
        check_new(token, now)
        word = new_token()
        scopes, areas = logins.joined(token.scopes), logins.joined(token.areas)
        detail = kept((fact("token", role=token.role.value, scopes=scopes, areas=areas),))

        def add(connection: Connection) -> None:
            books.add(connection, token, token_hash(word))
            books.changed(connection, self.by, "token added", token.token_id, detail, at=now)

        await self.store.write(add)
        return word

    async def issue(self, wanted: TokenWish) -> tuple[Token, str]:
        """A token as wished, and what the program carries; that is shown here only. Raises ConfigError, IllegalMove."""
        now = self.clock()
        token = Token(
            token_id=secrets.token_hex(4),
            name=wanted.name,
            role=wanted.role,
            scopes=wanted.scopes,
            areas=wanted.areas,
            organisations=wanted.organisations,
            person=wanted.person,
            agreement=wanted.agreement,
            a_minute=wanted.a_minute,
            created_by=self.by,
            created_at=now,
            expires_at=now + timedelta(days=wanted.days),
        )
        return token, await self.add_token(token)

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
        fields, areas = logins.joined(made.fields), logins.joined(made.areas)
        detail = kept((fact("agreement", organisation=made.organisation, fields=fields, areas=areas),))

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

    async def _change(
        self,
        login: str,
        what: str,
        told: Callable[[User], str],
        wanted: Newcomer | None = None,
        **columns: object,
    ) -> User:
        now = self.clock()
        if columns.get("role", Role.OPERATOR.value) not in GIVEN:
            raise IllegalMove(f"nobody can be a {columns['role']}: screens are made at /admin/screens")

        def change(connection: Connection) -> User:
            before = logins.user_called(connection, login)
            self._check_seen(before)
            if wanted is not None:
                check_register(connection, wanted)
            self._check_admins(connection, before, columns)
            user = logins.change(connection, login, columns)
            books.changed(connection, self.by, what, login, told(before), at=now)
            if before.is_disabled or user.is_disabled:
                self._take_keys(connection, user, now)
            return user

        return await self.store.write(change)

    def _take_keys(self, connection: Connection, user: User, now: datetime) -> None:
        """A key that a thief made must not come back with the user who was disabled for it."""
        for gone in passkeys.remove_all(connection, user.user_id):
            books.changed(connection, self.by, "passkey removed", user.login, gone.name, at=now)

    def _check_seen(self, user: User) -> None:
        if self.seen and self.seen != standing(user):
            raise NotNow(MOVED_ON)

    def _check_admins(self, connection: Connection, before: User, columns: dict[str, object]) -> None:
        """Whoever could let somebody in again must not go as the last one, nor by his own hand."""
        leaves = columns.get("disabled_at") is not None or columns.get("role", before.role.value) != Role.ADMIN.value
        if before.role is not Role.ADMIN or before.is_disabled or not leaves:
            return
        if before.login == self.by:
            raise NotNow(_NOT_HIMSELF)
        if all(user.login == before.login for user in admin.admins(connection)):
            raise NotNow(_LAST_ADMIN)


def check_register(connection: Connection, wanted: Newcomer) -> None:
    """Raise NotNow for an area or a person that nobody knows: a typing error would keep somebody from every home."""
    lost = admin.unknown_places(connection, wanted.areas - EVERYWHERE)
    if lost:
        named = ", ".join(sorted(lost))
        raise NotNow(Sentence(zh=f"{_NO_PLACE.zh}：{named}", en=f"{_NO_PLACE.en}: {named}"))
    if wanted.person and not admin.is_person(connection, wanted.person):
        raise NotNow(Sentence(zh=f"{_NO_PERSON.zh}：{wanted.person}", en=f"{_NO_PERSON.en}: {wanted.person}"))


def _scope_of(areas: frozenset[str], organisations: frozenset[str], what: str) -> Fact:
    return fact(what, areas=logins.joined(areas), organisations=logins.joined(organisations))


def _rights_of(one: User | Newcomer, what: str) -> tuple[Fact, ...]:
    """`what`: before or after a change."""
    areas, organisations = logins.joined(one.areas), logins.joined(one.organisations)
    said = fact(what, name=one.name, role=one.role.value, areas=areas, organisations=organisations)
    return (said, fact("person", person=one.person)) if one.person else (said,)
