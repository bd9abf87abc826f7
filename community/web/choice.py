"""Which rows of the queue somebody wants to see, and how many there are of each kind. A life is never left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from community.desk import QueueRow
from community.web.words import marked
from shouwang.alert import Severity


class Show(StrEnum):
    """What an operator may look at alone."""

    MINE = "mine"
    ALL = "all"
    TECH = "tech"
    CARE = "care"
    TEST = "test"


SHOWS = {
    Show.MINE: marked("mine"),
    Show.ALL: marked("all"),
    Show.TECH: marked("technical"),
    Show.CARE: marked("care only"),
    Show.TEST: marked("tests"),
}

_TECHNICAL = "technical"
_CARE = frozenset({"care", "request"})
"""Workflows of what is no alarm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is searched for and shown; `login`: whose cases are "mine"."""

    login: str
    find: str = ""
    show: Show = Show.ALL

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.show is Show.ALL and not self.find.strip()

    def rows(self, rows: Sequence[QueueRow]) -> Sequence[QueueRow]:
        """Those that are wanted, and every life."""
        if self.is_whole:
            return rows
        word = self.find.strip().casefold()
        return [
            row for row in rows if row.priority is Severity.P1 or (self._is_of(row, self.show) and _says(row, word))
        ]

    def kinds(self, rows: Sequence[QueueRow]) -> list[tuple[Show, str, int]]:
        """What may be shown: its name (a msgid), and how many rows are of it."""
        flows = Counter([row.workflow for row in rows])  # a few looks, not five questions of each of thousands
        counted = {
            Show.MINE: sum([row.owner == self.login for row in rows]),
            Show.ALL: len(rows),
            Show.TECH: flows[_TECHNICAL],
            Show.CARE: sum(flows[flow] for flow in _CARE),
            Show.TEST: sum([row.is_test for row in rows]),
        }
        return [(show, SHOWS[show], counted[show]) for show in Show]

    def _is_of(self, row: QueueRow, show: Show) -> bool:
        match show:
            case Show.MINE:
                return row.owner == self.login
            case Show.TECH:
                return row.workflow == _TECHNICAL
            case Show.CARE:
                return row.workflow in _CARE
            case Show.TEST:
                return row.is_test
            case Show.ALL:
                return True


def _says(row: QueueRow, word: str) -> bool:
    said = (row.resident_name, row.address, row.home_id, row.hazard, row.why.zh, row.why.en)
    return not word or any(word in text.casefold() for text in said)
