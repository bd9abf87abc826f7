"""`access:` of community.yaml: what a log-in needs."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from community.users import Role

Guarded = Literal["operator", "supervisor", "auditor", "admin", "regulator"]


class AccessEntry(BaseModel):
    """What a log-in needs. `authenticator_for`: roles that do not get in without a code of an authenticator app.

    Give each of them an app first: `shouwang community user totp LOGIN`. Recommended: [supervisor, admin].
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    authenticator_for: Annotated[
        tuple[Guarded, ...], Field(description="roles that need the code of an authenticator app to log in")
    ] = ()

    @property
    def totp_for(self) -> frozenset[Role]:
        """The same as roles."""
        return frozenset(Role(name) for name in self.authenticator_for)
