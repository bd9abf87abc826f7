"""Which program asks: its token, how often it may ask, and what its token was made for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from community.limits import Limits, Rate
from community.programs import Programs
from community.tokens import PREFIX, Caller, Scope
from community.web.api_problem import NoToken, TooOften

PER_ADDRESS = Rate(a_minute=1200, at_once=200)
"""Several programs may stand behind one address; a single one that runs wild is stopped here or by its own rate."""
WRONG_TOKENS = Rate(a_minute=20, at_once=20)
"""Nobody mistypes a token twenty times a minute."""
_MAX_TOKEN_CHARS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """The API's door. `time_s`: a clock that never steps back."""

    programs: Programs
    time_s: Callable[[], float]
    by_address: Limits = field(default_factory=lambda: Limits(PER_ADDRESS))
    wrong: Limits = field(default_factory=lambda: Limits(WRONG_TOKENS))
    by_token: Limits = field(default_factory=lambda: Limits(Rate(a_minute=60, at_once=10)))

    async def caller(self, request: Request) -> Caller:
        """Who asks. Raises TooOften, NoToken."""
        address = request.client.host if request.client else ""
        self._count(self.by_address, address)
        word = _bearer(request)
        caller = await self.programs.caller(word) if word else None
        if caller is None:
            self._count(self.wrong, address)
            raise NoToken
        a_minute = caller.token.a_minute
        self._count(self.by_token, caller.token.token_id, Rate(a_minute=a_minute, at_once=max(10, a_minute // 4)))
        return caller

    def _count(self, limits: Limits, key: str, rate: Rate | None = None) -> None:
        wait_s = limits.wait_s(key, self.time_s(), rate=rate)
        if wait_s > 0:
            raise TooOften(wait_s)


def gate_of(request: Request) -> Gate:
    """The door of this application."""
    gate = request.app.state.gate
    if not isinstance(gate, Gate):
        raise TypeError("create_api puts the gate here")
    return gate


def programs_of(request: Request) -> Programs:
    """What programs may read and order."""
    return gate_of(request).programs


ThePrograms = Annotated[Programs, Depends(programs_of)]


class Asks:
    """A dependency of a route: who asks, if his token was made for this. `scope` is what tests look for."""

    def __init__(self, scope: Scope) -> None:
        """`scope`: what a token needs here."""
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Who asks. Raises TooOften, NoToken, Refused."""
        caller = await gate_of(request).caller(request)
        caller.must(self.scope)
        return caller


def _bearer(request: Request) -> str:
    kind, _, word = request.headers.get("authorization", "").partition(" ")
    is_ours = kind.lower() == "bearer" and word.startswith(PREFIX) and len(word) <= _MAX_TOKEN_CHARS
    return word if is_ours else ""
