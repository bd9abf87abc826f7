"""Log-in by the organisation's provider, from the button to the session; bound to the browser that pressed it.

One random word in a short-lived cookie makes state, nonce and PKCE verifier: nothing is kept here for strangers who
only press the button.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from community.access_settings import OidcEntry
from community.accounts import Accounts, Shift
from community.oidc import NotVouched, Provider

CALLBACK = "/login/oidc/callback"
STEPS_LAST = timedelta(minutes=10)
"""How long somebody may take at the provider."""
_WORD_BYTES = 32


class SignOn:
    """The room behind the button. `name`: what stands on it."""

    def __init__(
        self, accounts: Accounts, entry: OidcEntry, *, secret: str | None, address: str, clock: Callable[[], datetime]
    ) -> None:
        """`secret`: what the provider knows us by; `address`: of the console."""
        self.name = entry.name
        self._accounts, self._entry, self._clock = accounts, entry, clock
        self._provider = Provider(entry, secret=secret, redirect_uri=f"{address}{CALLBACK}", clock=clock)

    async def begin(self, after: str) -> tuple[str, str]:
        """Where the browser goes, and what it keeps in its cookie; `after`: the page that it wants in the end.

        Raises TryLater, NotVouched.
        """
        page = base64.urlsafe_b64encode(after.encode()).decode()
        kept = f"{secrets.token_urlsafe(_WORD_BYTES)}.{page}"
        address = await self._provider.ask_address(
            state=_made_of(kept, "state"), nonce=_made_of(kept, "nonce"), verifier=_made_of(kept, "verifier")
        )
        return address, kept

    async def finish(self, kept: str, *, state: str, code: str) -> Shift | str | None:
        """As `Accounts.admit`. Raises TryLater, AppNeeded; NotVouched, also for the answer to another browser."""
        if not kept or not hmac.compare_digest(_made_of(kept, "state").encode(), state.encode()):
            raise NotVouched("the answer belongs to another browser, or came too late")
        if not code:
            raise NotVouched("the provider gave no code: somebody went back there, or may not use this console")
        nonce, verifier = _made_of(kept, "nonce"), _made_of(kept, "verifier")
        vouched = await self._provider.vouched(code, nonce=nonce, verifier=verifier)
        return await self._accounts.admit(vouched, links_by_login=self._entry.links_by_login, now=self._clock())


def page_after(kept: str) -> str:
    """The page that the browser wanted."""
    try:
        return base64.urlsafe_b64decode(kept.partition(".")[2]).decode()
    except ValueError:
        return "/"


def _made_of(kept: str, what: str) -> str:
    """43 signs; none of them tells another, or the cookie."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"{what}:{kept}".encode()).digest()).rstrip(b"=").decode()
