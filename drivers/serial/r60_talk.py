"""A conversation with a radar of the R60 family: who it is, what to ask it, and what it says. Pure but for its memory.

Presence, motion, fall and bed are reported on change only, so they are asked for at the start and in turn after that.
Setting frames are never sent: repeated ones jam the module (Seeed's wiki, Radar_MR60BHA1, demo 5).
"""

from collections import deque

from drivers.serial.codec import r60, r60_fields
from drivers.serial.codec.r60 import R60Frame, What
from drivers.serial.framing import Framer
from drivers.serial.instrument import Questions
from shouwang.bilingual import Bilingual, both
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity

BAUDRATE = 115200
POLL_S = 30.0
"""Each state is asked for this often: it is reported on change only, and the report may have been garbled."""
START_GAP_S = 0.1
"""Between the first questions, so that the module need not hold two."""
MODEL_AGAIN_S = 0.5
"""A module answers within some milliseconds: after this long, the question or its answer was lost."""
MODEL_WAIT_S = 2.0
"""What is said before the module has told its model waits for so long, but a fall; then it is believed without."""
_HELD_MAX = 256

_FALL, _BED = Bilingual("fall radar", zh="跌倒雷达"), Bilingual("bed radar", zh="床旁雷达")
_KINDS = {
    "AFD1": ("fall_radar_r60", _FALL),
    "FDA1": ("fall_radar_r60", _FALL),
    "ABD1": ("bed_radar_r60", _BED),
    "BHA1": ("bed_radar_r60", _BED),
}
_OTHER_ONE = (
    (
        "the radar on this port says that it is {model}, a {name}; write kind: {kind} for it, or plug in the radar "
        "that is meant"
    ),
    "这个串口上的雷达说自己是 {model}，属于{name}；请为它写 kind: {kind}，或改接要用的雷达",
)


class Talk:
    """With one radar that is of this kind. `framer` begins anew; `questions` and `sieve` belong to the same talk."""

    def __init__(self, kind: str, says: frozenset[Quantity], asked: tuple[What, ...]) -> None:
        """`says`: what this kind measures; `asked`: what it is asked for."""
        self._kind = kind
        self._says = says
        self._asked = asked
        self.model: str | None = None
        self._is_echoing = False
        self._since: float | None = None
        self._held: deque[Said] = deque(maxlen=_HELD_MAX)

    def framer(self) -> Framer[list[Said]]:
        """Of a connection that begins: nothing is known of what hangs on it."""
        self.model = None
        self._is_echoing = False
        self._since = None
        self._held.clear()
        return Framer(r60.HEAD, r60.size_of, self.hear, max_frame=r60.MAX_FRAME)

    def hear(self, frame: bytes) -> list[Said]:
        """What a frame says; raises DecodeError, and DeviceError where the radar is of another kind."""
        opened = r60.opened(frame)
        if opened.may_be_question and opened.what in (r60.MODEL, *self._asked) and not r60_fields.is_rate(opened):
            self._is_echoing = True
        if opened.may_be_question and self._is_echoing:
            return []
        if opened.what == r60.MODEL:
            self._learn(r60.text(opened))
        return meant(self.meaning(opened, frame), self._says)

    def meaning(self, opened: R60Frame, frame: bytes) -> list[Said]:
        """What a sound frame measures."""
        return r60_fields.said(opened, None, frame)

    def questions(self) -> Questions:
        """The model and all states at once, then the states in turn, and the model until it is told."""
        for what in (r60.MODEL, *self._asked):
            yield r60.question(what), START_GAP_S
        for _ in range(int(MODEL_WAIT_S / MODEL_AGAIN_S) - 1):
            if self.model is None:
                yield r60.question(r60.MODEL), MODEL_AGAIN_S
        while True:
            if self.model is None:
                yield r60.question(r60.MODEL), START_GAP_S
            for what in self._asked:
                yield r60.question(what), POLL_S / len(self._asked)

    def sieve(self) -> "Talk":
        """That of the connection that has begun."""
        return self

    def pick(self, said: list[Said], now: float) -> list[Said]:
        """A fall at once; all else when the radar is known to be of this kind, or does not tell."""
        self._since = now if self._since is None else self._since
        if self.model is None and now < self._since + MODEL_WAIT_S:
            self._held.extend(one for one in said if not _is_fall(one))
            return [one for one in said if _is_fall(one)]
        picked = [*self._held, *said]
        self._held.clear()
        return picked

    def _learn(self, model: str) -> None:
        kind, name = next((kind for mark, kind in _KINDS.items() if mark in model.upper()), (self._kind, ""))
        if kind != self._kind:
            raise DeviceError(both(*_OTHER_ONE, model=model, name=name, kind=kind))
        self.model = model


def meant(said: list[Said], says: frozenset[Quantity]) -> list[Said]:
    """What is said, a life sign in place of what this kind does not measure."""
    return [one if not isinstance(one, Sample) or one.quantity in says else Alive() for one in said]


def _is_fall(one: Said) -> bool:
    return isinstance(one, Sample) and one.quantity is Quantity.FALL and one.value > 0
