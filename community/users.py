"""Who may sit at the desk, and what each may do there."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a user is at this console."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def may_act(self) -> bool:
        """Whether he may take, close and annotate cases."""
        return self in {Role.OPERATOR, Role.SUPERVISOR}

    @property
    def may_read_cases(self) -> bool:
        """Whether he may see residents and cases. An admin has no right to medical data."""
        return self is not Role.ADMIN


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A person with a login. `language` is `zh` or `en`."""

    user_id: str
    login: str
    name: str
    role: Role
    language: str
