"""What people say by a key of their telephone, and what providers tell of messages: kept, and acted on.

1 of a family member or keyholder: "I am going" is noted in the case. 1 of a responder or of a unit accepts, 2 declines.
Anything else only shows that somebody was there.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from community import notice_words
from community.channels.port import Outcome
from community.desk import Wish
from community.store import answers
from community.store.answers import Reply
from community.store.database import Store
from community.store.notices import RungFailed
from shouwang.errors import IllegalMove

ACCEPT, DECLINE = "1", "2"
_ORDERS = {
    "responders": {ACCEPT: "accept", DECLINE: "decline"},
    "units": {ACCEPT: "unit_accept", DECLINE: "unit_decline"},
}
_GOES = frozenset({"family", "keyholder"})

log = logging.getLogger(__name__)

Order = Callable[[Wish], Awaitable[object]]
"""community.desk.Desk.order."""


class Replies:
    """The one place where answers arrive."""

    def __init__(
        self, store: Store, *, token: str, clock: Callable[[], datetime], order: Order, rung_failed: RungFailed
    ) -> None:
        """`token`: what a provider must know; empty: nobody may bring anything."""
        self._store = store
        self._token = token.encode()
        self._clock = clock
        self._order = order
        self._rung_failed = rung_failed

    def admits(self, token: str) -> bool:
        """Whether this is a provider of ours; takes equally long for every wrong token."""
        return hmac.compare_digest(token.encode(), self._token) and bool(self._token)

    async def pressed(self, key: str, digit: str) -> bool:
        """Somebody answered the attempt of this key; False where there is none. Raises TryLater."""
        now = self._clock()
        if not await self._came(key, Outcome.ANSWERED, f"key {digit}".strip(), now):
            return False
        reply = await self._store.read(lambda connection: answers.reply_of(connection, key, digit, now))
        if reply is not None and digit:
            await self.act_on(reply)
        return True

    async def told(self, key: str, outcome: Outcome, code: str) -> bool:
        """A provider tells what became of it; False where there is no such attempt. Raises TryLater."""
        return await self._came(key, outcome, code, self._clock())

    async def act_on(self, reply: Reply) -> None:
        """Do what the key asks for. A repeat does nothing; what the case does not allow any more is only logged."""
        wish = wish_of(reply)
        if wish is None:
            return
        try:
            await self._order(wish)
        except IllegalMove as error:
            log.info("case %d: the answer by telephone comes too late: %s", reply.incident_id, error)
            if wish.command == "accept":
                now = self._clock()
                await self._store.write(
                    lambda connection: answers.came_too_late(connection, reply.incident_id, wish.by, now)
                )

    async def _came(self, key: str, outcome: Outcome, code: str, now: datetime) -> bool:
        return await self._store.write(
            lambda connection: answers.came(connection, key, outcome, code, now, rung_failed=self._rung_failed),
            urgent=True,
        )


def wish_of(reply: Reply) -> Wish | None:
    """What the key orders of the case; None: nothing."""
    command_id = f"{reply.key}-{reply.digit}"
    if reply.audience in _GOES and reply.digit == ACCEPT:
        words = notice_words.going(reply.name, reply.relation)
        return Wish(
            incident_id=reply.incident_id,
            command="note",
            by=reply.person,
            role="caller",
            command_id=command_id,
            text=f"{words.zh} / {words.en}",
        )
    command = _ORDERS.get(reply.audience, {}).get(reply.digit)
    if command is not None:
        return Wish(
            incident_id=reply.incident_id,
            command=command,
            by=reply.person.removeprefix("responder:").removeprefix("unit:"),
            role="responder",
            command_id=command_id,
        )
    return None
