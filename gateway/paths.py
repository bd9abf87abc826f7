"""The ways from this home to the centre, each judged on its own: up, down, since when, and when it last proved itself.

A failure or a restore is stored like any other message, so that it is told over whatever way works first, with its
times (EN 50136-1 supervision: a primary path within 180 s, a standby path within 25 h). What was told survives a
restart: a restart tells nothing twice.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Never

import msgspec

from gateway.clock import Clock
from gateway.noted import read_back, written
from shouwang.bilingual import Bilingual, chinese
from shouwang.reading import Moment
from shouwang.wire import Body, Lane, Path, PathBody

log = logging.getLogger(__name__)

STANDBY_HOLDS = timedelta(hours=25)
"""A standby path without a test for so long counts as failed (EN 50136-1, dual path: 25 h)."""
TELL_TESTED = timedelta(hours=24)
"""The internet path proves itself with each receipt; the centre is told so once a day."""
NOTES = "gateway/paths"
"""Under this name, which no sensor can have, the card keeps the states."""
_LOOK_S = 60.0
_STANDBY = frozenset({Path.SMS, Path.VOICE})


class PathState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one path is. `is_up` None: not known yet. `proven` is the engine ms of the last test, or of the beginning."""

    path: Path
    is_up: bool | None
    since: Moment
    reason: str = ""
    reason_zh: str = ""
    tested_at: Moment | None = None
    proven: int = 0


class Paths:
    """The states of this home's paths; whoever uses one reports here."""

    def __init__(
        self,
        clock: Clock,
        used: Iterable[Path],
        *,
        noted: Mapping[str, str],
        send: Callable[[Lane, Body], None],
        note: Callable[[str, str, str], None],
    ) -> None:
        """`used` are the paths that this home has; go on from what was `noted` on the card (by path).

        `send` stores a message for the centre; `note(NOTES, path, text)`, called just before it, belongs into the same
        transaction. Neither blocks.
        """
        self._clock = clock
        self._send = send
        self._note = note
        self._watchers: list[Callable[[PathState], None]] = []
        self._states = {path: read_back(noted.get(path), PathState) or self._unknown(path) for path in used}
        self._told = {path: state.proven for path, state in self._states.items()}
        for path, state in self._states.items():
            if path not in noted:  # the 25 h of a standby path count from here, over restarts too
                self._keep(state)

    def use(self, used: Iterable[Path]) -> None:
        """The home has these paths from now on; of those that are new nothing is known."""
        self._states = {path: self._states.get(path) or self._unknown(path) for path in used}
        for path, state in self._states.items():
            if path not in self._told:
                self._told[path] = state.proven
                self._keep(state)

    def report(self, path: Path, is_up: bool, reason: str = "", *, since: datetime | None = None) -> None:  # noqa: FBT001 - read aloud
        """The path works, or does not and why (a sentence for the operator); `since` when, if not now.

        Only a change is told. A standby path without a test for too long stays failed until `tested`.
        """
        state = self._states.get(path)
        if state is None or (is_up and self._is_stale(state)):
            return
        said = {"reason": "", "reason_zh": ""} if is_up else {"reason": str(reason), "reason_zh": chinese(reason)}
        if state.is_up is is_up:
            self._states[path] = msgspec.structs.replace(state, **said)
            return
        changed = msgspec.structs.replace(state, is_up=is_up, since=since or self._clock.now(), **said)
        self._become(changed, is_first=state.is_up is None)

    def tested(self, path: Path) -> None:
        """The path has just carried something that was answered: so it is up."""
        state = self._states.get(path)
        if state is None:
            return
        now, mono = self._clock.now(), self._clock.mono()
        proven = msgspec.structs.replace(state, tested_at=now, proven=mono)
        self._states[path] = proven
        if state.is_up is not True:
            self._become(
                msgspec.structs.replace(proven, is_up=True, since=now, reason="", reason_zh=""),
                is_first=state.is_up is None,
            )
        elif path in _STANDBY or self._is_day_over(path, mono):
            self._tell(proven)

    def is_up(self, path: Path) -> bool:
        """Whether it worked when last looked at. A path that is neither up nor down is not known yet."""
        state = self._states.get(path)
        return state is not None and state.is_up is True

    def is_down(self, path: Path) -> bool:
        """Whether it is known to have failed, or this home does not have it."""
        state = self._states.get(path)
        return state is None or state.is_up is False

    def watch(self, changed: Callable[[PathState], None]) -> None:
        """Call this at each change from now on; it must not block."""
        self._watchers.append(changed)

    def states(self) -> tuple[PathState, ...]:
        """All paths of this home, as they are now."""
        return tuple(self._states.values())

    async def run(self) -> Never:
        """Watch over the age of the standby paths' tests, until cancelled."""
        while True:
            for state in self.states():
                if state.is_up is not False and self._is_stale(state):
                    hours = STANDBY_HOLDS // timedelta(hours=1)
                    why = Bilingual(
                        f"no test of this path succeeded for {hours} h", zh=f"{hours} 小时内没有一次测试成功"
                    )
                    self.report(state.path, is_up=False, reason=why)
            await asyncio.sleep(_LOOK_S)  # not until the deadline: the loop's clock stands still in suspend

    def _is_stale(self, state: PathState) -> bool:
        age_ms = self._clock.mono() - state.proven
        return state.path in _STANDBY and age_ms > STANDBY_HOLDS // timedelta(milliseconds=1)

    def _is_day_over(self, path: Path, mono: int) -> bool:
        return mono - self._told[path] > TELL_TESTED // timedelta(milliseconds=1)

    def _unknown(self, path: Path) -> PathState:
        return PathState(path=path, is_up=None, since=self._clock.now(), proven=self._clock.mono())

    def _become(self, state: PathState, *, is_first: bool) -> None:
        self._states[state.path] = state
        if state.is_up:
            log.info("path %s to the centre %s", state.path.value, "is up" if is_first else "is up again")
        else:
            log.warning("path %s to the centre is down: %s", state.path.value, state.reason)
        self._tell(state)
        for changed in self._watchers:
            changed(state)

    def _tell(self, state: PathState) -> None:
        mono = self._clock.mono()
        self._told[state.path] = mono
        self._keep(state)
        self._send(
            Lane.STATE,
            PathBody(
                path=state.path,
                is_up=state.is_up is True,
                since=state.since,
                at=self._clock.now(),
                mono=mono,
                reason=state.reason,
                reason_zh=state.reason_zh,
                tested_at=state.tested_at,
            ),
        )

    def _keep(self, state: PathState) -> None:
        self._note(NOTES, state.path.value, written(state))
