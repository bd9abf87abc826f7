"""`access:` of community.yaml: what a log-in needs, and the organisation's own provider of identities."""

from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from community.users import Role
from shouwang.bilingual import Bilingual

Guarded = Literal["operator", "supervisor", "auditor", "admin", "regulator"]
USUALLY_GUARDED = frozenset({Role.SUPERVISOR, Role.ADMIN})
"""Who needs an app where nothing is said: they close alarms from afar, change rights and limits."""


def _issuer(url: str) -> str:
    """The address as the provider itself writes it: it is compared letter by letter."""
    parts = urlsplit(url)
    is_here = parts.hostname == "localhost"
    with suppress(ValueError):
        is_here = is_here or ip_address(parts.hostname or "").is_loopback
    if not parts.netloc or parts.query or parts.fragment or not (parts.scheme == "https" or is_here):
        raise ValueError(
            Bilingual(
                "write the provider's address as it gives it, beginning with https://",
                zh="请照服务商给的写，以 https:// 开头",
            )
        )
    return url


class SecondFactorEntry(BaseModel):
    """How the provider says that somebody has shown more than a password: then no code is asked here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: Annotated[Literal["amr", "acr"], Field(description="which claim of the ID token says it")]
    values: Annotated[tuple[str, ...], Field(min_length=1, description="which of its values mean it, e.g. mfa")]


class OidcEntry(BaseModel):
    """Log-in by the organisation's own provider (OpenID Connect). It makes no users; passwords go on beside it.

    Tell the provider that we are reached at `public_url` of `web` followed by `/login/oidc/callback`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, AfterValidator(_issuer), Field(description="address of the provider, as it writes it")]
    client_id: Annotated[str, Field(min_length=1, max_length=256, description="what the provider calls this centre")]
    client_secret_file: Annotated[
        Path | None, Field(description="file with the secret that the provider gave; none for a public client")
    ] = None
    name: Annotated[str, Field(min_length=1, max_length=60, description="what stands on the button of the login page")]
    links_by_login: Annotated[
        bool, Field(description="whether the provider's preferred_username is the login here, at the first log-in")
    ] = False
    second_factor: Annotated[
        SecondFactorEntry | None, Field(description="how the provider says that a second factor was shown")
    ] = None


class AccessEntry(BaseModel):
    """What a log-in needs. `authenticator_for`: roles that do not get in without a code of an authenticator app.

    Where nothing is said, supervisors and admins need one as soon as the console is reached over https://. Give each
    of them an app first: `shouwang community user totp LOGIN`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    authenticator_for: Annotated[
        tuple[Guarded, ...] | None, Field(description="roles that need the code of an authenticator app to log in")
    ] = None
    oidc: Annotated[OidcEntry | None, Field(description="log-in by the organisation's own provider")] = None

    def totp_for(self, address: str) -> frozenset[Role]:
        """Roles that need an app at a console of this address."""
        if self.authenticator_for is not None:
            return frozenset(Role(name) for name in self.authenticator_for)
        return USUALLY_GUARDED if address.startswith("https://") else frozenset()

    def placed(self, folder: Path) -> "AccessEntry":
        """The same with its file made absolute from `folder`."""
        if self.oidc is None or self.oidc.client_secret_file is None:
            return self
        file = folder / self.oidc.client_secret_file
        return self.model_copy(update={"oidc": self.oidc.model_copy(update={"client_secret_file": file})})
