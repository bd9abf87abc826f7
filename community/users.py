"""Who has a login at the centre: people, what they are there, and for which areas and organisations."""

from dataclasses import dataclass
from enum import StrEnum

EVERYWHERE = frozenset({"*"})
"""The scope of who is bound to no area (or organisation); no id of a place holds a star."""


class Role(StrEnum):
    """What a user is here. What each may do stands in community.rights."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    RESPONDER = "responder"
    FAMILY = "family"
    AUDITOR = "auditor"
    ADMIN = "admin"
    REGULATOR = "regulator"
    SCREEN = "screen"
    """On the wall, with nobody at it (community.screen_room): no person and no program has this role."""

    @property
    def may_act(self) -> bool:
        """Whether he may take, close and annotate cases."""
        return self in {Role.OPERATOR, Role.SUPERVISOR}

    @property
    def may_read_cases(self) -> bool:
        """Whether he may see the queue. An admin has no right to it, responders and families see their own only."""
        return self in {Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR, Role.REGULATOR}


GIVEN = tuple(role for role in Role if role is not Role.SCREEN)
"""Roles that a user or a token may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A person with a login, or a program with a token. `language` is `zh` or `en`.

    `person`: whom the login belongs to in the register (a responder's or a contact's id); empty for the desk.
    `areas`, `organisations`: ids of the tree of places and of providers; EVERYWHERE for all.
    """

    user_id: str
    login: str
    name: str
    role: Role
    language: str
    areas: frozenset[str] = EVERYWHERE
    organisations: frozenset[str] = EVERYWHERE
    person: str = ""
    is_disabled: bool = False
    has_totp: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Under which ids cases and rosters may know him."""
        return frozenset({self.login, self.person} - {""})
