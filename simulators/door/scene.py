"""What the front door shows of the play: who is there, how far the newest life alarm has come, what was said."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from simulators.acts import Act, Acts
from simulators.ledger import Ledger
from simulators.phones import Sms
from simulators.stage import Stage

_SHOWN = 14
STEPS = ("OPEN", "ACKED", "DISPATCHED", "EN_ROUTE", "ON_SCENE", "FEEDBACK", "REVISIT", "CLOSED")
"""How far a case can have come, in the order of its table (community/workflows/emergency.yaml)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A line of the play: at what time who said what; `link`: the page that a message leads to."""

    at: datetime
    who: str
    words: str
    link: str = ""


class Scene:
    """The play as seen from the door."""

    def __init__(self, stage: Stage, acts: Acts) -> None:
        """Nothing has been said yet."""
        self._stage, self._acts = stage, acts
        self._ledger = Ledger(stage.database)
        self.lines: deque[Said] = deque(maxlen=_SHOWN)

    def home_said(self, words: str) -> None:
        """The loudspeaker of the home: its words, without the cue and the key that stand before them."""
        self._say("home", words.rpartition(" | ")[2])

    def phone_rang(self, sms: Sms) -> None:
        """A telephone got a message."""
        self._say("phone", f"{sms.to}: {sms.text}", link=sms.link or "")

    def went_wrong(self, words: str) -> None:
        """Something failed behind the scenes."""
        self._say("stage", words)

    @property
    def going(self) -> frozenset[Act]:
        """What is under way."""
        return self._acts.going

    @property
    def is_served(self) -> bool:
        """Whether the server runs."""
        return self._stage.community is not None and self._stage.community.is_running

    @property
    def has_audience(self) -> bool:
        """Whether somebody is logged in."""
        return self._ledger.has_audience()

    @property
    def reached(self) -> int:
        """How far the newest life alarm has come: a place in STEPS, -1 where there was none."""
        state = self._ledger.newest_life()
        return STEPS.index(state) if state in STEPS else -1

    def _say(self, who: str, words: str, link: str = "") -> None:
        self.lines.appendleft(Said(at=datetime.now(UTC), who=who, words=words, link=link))
