"""The telephone at the other end of a call: it rings, is taken or not, and keys are pressed on it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(kw_only=True)
class Scene:
    """What the called person does. `keys` are pressed one by one, `key_after_s` apart; `urc` tells of them."""

    is_busy: bool = False
    has_line: bool = True
    answers_after_s: float | None = 2.0
    keys: str = "1"
    key_after_s: float = 3.0
    hangs_up_after_s: float | None = None
    urc: str = "+RXDTMF: {}"


class Telephone:
    """One line. `scene` may be changed between calls."""

    def __init__(self, urc: Callable[[str], None]) -> None:
        """Nobody is called; `urc` is how the modem tells what happens."""
        self.scene = Scene()
        self.dialled: list[str] = []
        self.played: list[str] = []
        self.hung_up = 0
        self._urc = urc
        self._state: int | None = None
        self._number = ""
        self._call: asyncio.Task[None] | None = None

    def listed(self) -> tuple[str, ...]:
        """The lines of +CLCC."""
        return () if self._state is None else (f'+CLCC: 1,0,{self._state},0,0,"{self._number}",145',)

    def dial(self, number: str) -> None:
        """A call begins."""
        self.dialled.append(number)
        self._number, self._state = number, 2
        self._call = asyncio.create_task(self._go_on(), name="call")

    def hang_up(self) -> None:
        """Our side ends it."""
        if self._state is not None:
            self.hung_up += 1
        self._state = None
        if self._call is not None:
            self._call.cancel()
            self._call = None

    @property
    def is_on(self) -> bool:
        """Whether a call is on."""
        return self._state is not None

    async def _go_on(self) -> None:
        scene = self.scene
        await asyncio.sleep(0.5)
        if not scene.has_line:
            self._end("NO DIALTONE")
            return
        if scene.is_busy:
            self._end("BUSY")
            return
        self._state = 3
        if scene.answers_after_s is None:
            await asyncio.sleep(60)
            self._end("NO ANSWER")
            return
        await asyncio.sleep(scene.answers_after_s)
        self._state = 0
        self._urc("VOICE CALL: BEGIN")
        for key in scene.keys:
            await asyncio.sleep(scene.key_after_s)
            self._urc(scene.urc.format(ord(key) if "QTONEDET" in scene.urc else key))
        if scene.hangs_up_after_s is not None:
            await asyncio.sleep(scene.hangs_up_after_s)
            self._end("NO CARRIER")

    def _end(self, word: str) -> None:
        self._state = None
        self._urc(word)
