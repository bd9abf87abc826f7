"""Tokens of programs and the agreements under which data goes to organisations. Values and judgement; no store.

A token is a role with less: scopes, areas, organisations and a term. Of the token itself only its SHA-256 is stored.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from community.rights import Ground, Refused
from community.users import EVERYWHERE, Role, User
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

PREFIX = "swt_"
"""By this, programs that look for leaked secrets know a token of ours."""
LONGEST_TERM = timedelta(days=366)
"""A key that nobody renews is a key that nobody remembers (NIST SP 800-57, 5.3.6: at most one to two years)."""
USUAL_RATE = 120
"""Requests a minute, where nothing else is said."""
_BYTES = 32


class Scope(StrEnum):
    """What a token was made for."""

    CASES_READ = "cases:read"
    CASES_WORK = "cases:work"
    NOTICES_READ = "notices:read"
    RESIDENTS_READ = "residents:read"
    MEDICAL_READ = "medical:read"
    HOMES_READ = "homes:read"
    KPIS_READ = "kpis:read"
    REQUESTS_FILE = "requests:file"
    CHANGES_READ = "changes:read"


class Field(StrEnum):
    """What of a resident can be agreed on."""

    NAME = "name"
    ADDRESS = "address"
    BORN = "born"
    LIVING = "living"
    CONTACTS = "contacts"
    CONDITIONS = "conditions"
    ALLERGIES = "allergies"
    MEDICINES = "medicines"
    NOTES = "notes"


MEDICAL = frozenset({Field.CONDITIONS, Field.ALLERGIES, Field.MEDICINES, Field.NOTES})
"""The medical card: sensitive (PIPL, art. 28), and asked for by a right and a scope of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Who gets which fields of whom, for what, and how long."""

    agreement_id: str
    organisation: str
    purpose: str
    fields: frozenset[Field]
    areas: frozenset[str]
    starts_at: datetime
    ends_at: datetime

    def stands(self, now: datetime) -> bool:
        """Whether it holds at this moment."""
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """What is known of a token. `agreement`: the id of that under which it reads residents; empty for none."""

    token_id: str
    name: str
    role: Role
    scopes: frozenset[Scope]
    areas: frozenset[str]
    organisations: frozenset[str]
    person: str
    agreement: str
    a_minute: int
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it opens anything at this moment."""
        return self.revoked_at is None and now < self.expires_at

    @property
    def user(self) -> User:
        """Whom the token stands for."""
        return User(
            user_id=f"token:{self.token_id}",
            login=f"token:{self.name}",
            name=self.name,
            role=self.role,
            language="zh",
            areas=self.areas,
            organisations=self.organisations,
            person=self.person,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A program that asks now: its token, and the agreement that it names if that stands."""

    token: Token
    agreement: Agreement | None

    @property
    def user(self) -> User:
        """Whom it stands for."""
        return self.token.user

    def must(self, scope: Scope) -> None:
        """Raise Refused where the token was not made for this."""
        if scope not in self.token.scopes:
            raise Refused(Ground.SCOPE)

    def fields(self, asked: frozenset[Field] | None) -> frozenset[Field]:
        """The fields that it gets; None asks for all that the agreement covers. Raises Refused for one more than that.

        Without an agreement that stands there are none (以协议方式).
        """
        covered = self.agreement.fields if self.agreement is not None else frozenset()
        if Scope.MEDICAL_READ not in self.token.scopes:
            covered -= MEDICAL
        wanted = covered if asked is None else asked
        if not wanted or wanted - covered:
            raise Refused(Ground.FIELDS)
        return wanted


def new_token() -> str:
    """What the program carries."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def check_new(token: Token, now: datetime) -> None:
    """Raise ConfigError where such a token must not be made."""
    if not token.scopes:
        raise ConfigError(
            Bilingual(
                f"name what the token is for with --scope: {', '.join(Scope)}",
                zh=f"请用 --scope 写明令牌用来做什么：{', '.join(Scope)}",
            )
        )
    if not now < token.expires_at <= now + LONGEST_TERM:
        raise ConfigError(
            Bilingual(
                f"a token is good for at most {LONGEST_TERM.days} days", zh=f"令牌最多有效 {LONGEST_TERM.days} 天"
            )
        )
    if Scope.RESIDENTS_READ in token.scopes and not token.agreement:
        raise ConfigError(
            Bilingual(
                "a token that reads residents needs an agreement: shouwang community agreement add",
                zh="能读老人信息的令牌需要协议：shouwang community agreement add",
            )
        )
    if Scope.MEDICAL_READ in token.scopes and Scope.RESIDENTS_READ not in token.scopes:
        raise ConfigError(
            Bilingual(
                "medical:read adds to residents:read: give both scopes",
                zh="medical:read 是加在 residents:read 上的：请两个都写",
            )
        )


def scope_of(ids: Iterable[str]) -> frozenset[str]:
    """The areas or organisations of a list of ids. Raises ConfigError for an id with a space, or none at all."""
    found = frozenset(ids)
    if not found or any(not one or any(sign.isspace() for sign in one) for one in found):
        raise ConfigError(
            Bilingual("name an id without spaces, or * for all", zh="请写不带空格的编号，或用 * 表示全部")
        )
    return EVERYWHERE if "*" in found else found
