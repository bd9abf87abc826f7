"""Whose turn it is on an RS-485 line. Pure: moments are the loop's, in seconds.

Earliest deadline first, and what a life may hang on before all else. A unit that did not answer twice is silent and is
asked ever less often, at last once in 30 s, and only when nothing urgent is due: it cannot delay the others. A register
that a unit does not give is asked for once in 30 s.
"""

from collections.abc import Mapping, Sequence
from enum import Enum

from drivers.serial.modbus_block import Block

TRIES = 2
"""Unanswered questions in a row after which a unit counts as silent (shared design of serial devices, 2.1)."""
PROBE_S = 30.0
"""How often a silent unit, and a register that is refused, is asked again (shared design, section 8)."""
PROBES_S = (2.0, 4.0, 8.0, 16.0, PROBE_S)
"""When a silent unit is asked again, the last one for ever: two answers lost to a lift motor must not blind a smoke
detector for half a minute."""
LATE_S = 1.0
"""After a question without answer its unit is left alone for so long: its late answer would be taken for one to the
next question, as Modbus-RTU answers do not say what they answer."""
_IN_A_ROW = 4
"""After so many urgent questions one that is not urgent has its turn, if it is due: a full line starves nobody."""


class Outcome(Enum):
    """What a question without a value means for its unit."""

    AGAIN = "it is asked again soon"
    SILENT = "the unit does not answer to anything"
    WITHHELD = "the unit answers, but does not give this"


class Turn:
    """One block of one unit, and when it is to be read next."""

    def __init__(self, block: Block) -> None:
        """Due at once."""
        self.block = block
        self.due = 0.0
        self.failures = 0
        self.is_told = False
        """Whether it was told that this is withheld."""
        self._period_s = block.poll.total_seconds()

    @property
    def unit(self) -> int:
        """The address of its unit."""
        return self.block.question.unit

    @property
    def is_withheld(self) -> bool:
        """Whether its unit answers to others, but not to this."""
        return self.failures >= TRIES

    @property
    def deadline(self) -> float:
        """When it is late."""
        return self.due + (PROBE_S if self.is_withheld else self._period_s)

    def read_at(self, asked_at: float) -> None:
        """It was answered; the next time is a period after it was asked."""
        self.failures, self.is_told = 0, False
        self.due = asked_at + self._period_s


class _Unit:
    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = turns
        self.failures = 0
        self.free_at = 0.0
        self.is_silent = False
        self._probed = 0
        self._probes = 0

    def begin(self, now: float) -> None:
        self.failures, self.is_silent, self.free_at, self._probes = 0, False, now, 0
        for turn in self.turns:
            turn.failures, turn.is_told, turn.due = 0, False, now

    def probe(self, now: float) -> None:
        """One question after a while, and no other before: each time the next of its blocks."""
        for turn in self.turns:
            turn.due = float("inf")
        self.turns[self._probed % len(self.turns)].due = now + PROBES_S[min(self._probes, len(PROBES_S) - 1)]
        self._probed += 1
        self._probes += 1

    def ask_others(self, now: float) -> None:
        """Whatever has not failed is due."""
        for turn in self.turns:
            turn.due = turn.due if turn.failures else min(turn.due, now)

    def wake(self, now: float) -> None:
        self.failures = 0
        if self.is_silent:
            self.begin(now)


class Turns:
    """The turns of one line."""

    def __init__(self, units: Mapping[int, Sequence[Block]]) -> None:
        """`units`: what is read of each, by its address."""
        self._units: dict[int, _Unit] = {}
        self._urgent_in_a_row = 0
        for unit, blocks in units.items():
            self.join(unit, blocks)

    def join(self, unit: int, blocks: Sequence[Block]) -> None:
        """Ask this unit too, at once; the others keep their turns. One of the same address is asked no more."""
        self._units[unit] = _Unit([Turn(block) for block in sorted(blocks, key=lambda block: not block.is_urgent)])

    def leave(self, unit: int) -> None:
        """Ask this unit no more."""
        self._units.pop(unit, None)

    @property
    def are_all_silent(self) -> bool:
        """Whether no unit answers."""
        return all(unit.is_silent for unit in self._units.values())

    def begin(self, now: float) -> None:
        """The line is open: everything is due, and nobody is silent before being asked."""
        for unit in self._units.values():
            unit.begin(now)

    def next_at(self) -> float:
        """When the next turn is due; infinity where there is none."""
        return min((self._due(turn) for turn in self._turns()), default=float("inf"))

    def next(self, now: float) -> Turn | None:
        """Whose turn it is now; None where nothing is due."""
        due = [turn for turn in self._turns() if self._due(turn) <= now]
        others = [turn for turn in due if not self._is_urgent(turn)]
        if others and (len(others) == len(due) or self._urgent_in_a_row >= _IN_A_ROW):
            self._urgent_in_a_row = 0
            return min(others, key=lambda turn: turn.deadline)
        self._urgent_in_a_row += 1
        return min((turn for turn in due if self._is_urgent(turn)), key=lambda turn: turn.deadline, default=None)

    def answered(self, turn: Turn, asked_at: float) -> list[Turn]:
        """A value came. Returns what its unit withholds, as is clear now that it does answer to something."""
        unit = self._units[turn.unit]
        unit.wake(asked_at)
        turn.read_at(asked_at)
        found = [other for other in unit.turns if other.is_withheld and not other.is_told]
        for other in found:
            other.is_told = True
        return found

    def refused(self, turn: Turn, now: float) -> Outcome:
        """An exception came: the unit is there."""
        failures = turn.failures
        self._units[turn.unit].wake(now)
        turn.failures = failures + 1
        turn.due = now + (PROBE_S if turn.is_withheld else LATE_S)
        turn.is_told = turn.is_withheld
        return Outcome.WITHHELD if turn.is_withheld else Outcome.AGAIN

    def missed(self, turn: Turn, now: float, *, may_come_late: bool) -> Outcome:
        """Nothing came that could be read. `may_come_late`: not even a garbled answer came."""
        unit = self._units[turn.unit]
        unit.failures += not turn.is_withheld  # that one more of these is missing says nothing new
        turn.failures += 1
        unit.free_at = now + (LATE_S if may_come_late else 0.0)
        if unit.is_silent or (unit.failures >= TRIES and all(other.failures for other in unit.turns)):
            unit.is_silent = True
            unit.probe(now)
            return Outcome.SILENT
        turn.due = now + (PROBE_S if turn.is_withheld else 0.0)
        if turn.is_withheld:  # is it the unit, or only this? The others know
            unit.ask_others(now)
        return Outcome.AGAIN

    def _turns(self) -> list[Turn]:
        return [turn for unit in self._units.values() for turn in unit.turns]

    def _due(self, turn: Turn) -> float:
        return max(turn.due, self._units[turn.unit].free_at)

    def _is_urgent(self, turn: Turn) -> bool:
        return turn.block.is_urgent and not turn.is_withheld and not self._units[turn.unit].is_silent
