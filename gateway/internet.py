"""Judges the way over the internet by what the uplink meets: connection, refusals, and receipts that come or do not.

A connection proves nothing: the path is up when the centre has confirmed something, and down when it is known that it
would not. The slowest case is a quiet home whose line dies without a word: 60 s until the next heartbeat and
`UNCONFIRMED_S` (EN 50136 SP4/DP3 asks for 180 s).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Never

from gateway.clock import Clock
from gateway.paths import Paths
from shouwang.bilingual import Bilingual
from shouwang.wire import Lane, Path

LOST_S = 10.0
"""Without a connection for so long: a broker that restarts, or a router that dials anew, is no failure yet."""
BOOT_S = 60.0
"""The same before the first connection: after a power cut the box is up before the router is."""
UNCONFIRMED_S = 30.0
"""Something waits, the connection stands (or has come back), and the centre has confirmed nothing for so long."""
_LOOK_S = 1.0


class Internet:
    """What the uplink tells of its line, and what follows for the path."""

    def __init__(self, paths: Paths, clock: Clock) -> None:
        """Nothing is judged before `run`."""
        self._paths = paths
        self._clock = clock
        self._time: Callable[[], float] = lambda: asyncio.get_running_loop().time()
        self._line: str | None = "not connected yet"
        self._line_since = 0.0
        self._patience_s = BOOT_S
        self._barred: dict[Lane | None, str] = {}
        self._hint = ""
        self._asked_at: float | None = None

    def connected(self) -> None:
        """The broker has let us in."""
        self._line = None
        self._barred.pop(None, None)

    def lost(self, why: str, *, is_refusal: bool = False) -> None:
        """There is no connection; `is_refusal`: the broker does not want us, and will not without a person's help."""
        if self._line is None:
            self._line_since = self._time()
            self._patience_s = LOST_S
        self._line = why  # what was asked stays so: a line that comes back again and again may still carry nothing
        self._barred.pop(None, None)
        if is_refusal:
            self.barred(None, why)

    def barred(self, lane: Lane | None, why: str) -> None:
        """What goes on this lane is refused, and will be until a person mends it."""
        self._barred[lane] = why
        self.judge()

    def unheard(self, why: str) -> None:
        """The broker has thrown a message away; a centre that restarts is not to blame yet."""
        self._hint = why

    def asked(self) -> None:
        """Something was sent that wants a receipt."""
        if self._asked_at is None:
            self._asked_at = self._time()

    def confirmed(self, lane: Lane, *, is_more_waiting: bool) -> None:
        """A receipt has come."""
        self._barred.pop(lane, None)
        self._hint = ""
        self._asked_at = self._time() if is_more_waiting else None
        if not self._barred:
            self._paths.tested(Path.INTERNET)

    def judge(self) -> None:
        """Look at all signs, and report a failure where there is one."""
        now = self._time()
        if self._barred:
            self._fail(next(iter(self._barred.values())), 0.0)
        elif self._line is not None:
            if now - self._line_since >= self._patience_s:
                self._fail(self._line, now - self._line_since)
        elif self._asked_at is not None and now - self._asked_at >= UNCONFIRMED_S:
            self._fail(self._hint or _SILENT, now - self._asked_at)

    async def run(self) -> Never:
        """Judge until cancelled."""
        self._line_since = self._time()
        while True:
            self.judge()
            await asyncio.sleep(_LOOK_S)

    def _fail(self, why: str, for_s: float) -> None:
        self._paths.report(Path.INTERNET, is_up=False, reason=why, since=self._ago(for_s))

    def _ago(self, seconds: float) -> datetime:
        return self._clock.now() - timedelta(seconds=seconds)


_SILENT = Bilingual(
    "the broker takes messages but the centre confirms none: its server is down, or the broker keeps the receipts from "
    "this box (its ACL needs: pattern read v1/%u/down/#)",
    zh="消息服务器收下了消息，但中心没有确认：中心的服务器可能停了，或消息服务器不把回执发给这台网关"
    "（ACL 需要：pattern read v1/%u/down/#）",
)
