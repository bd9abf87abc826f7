"""One alarm on the second path: whom it was told by SMS, who was called about it, and who has taken it. Pure.

All moments are engine milliseconds.
"""

import msgspec

from drivers.serial.sms import Fate
from shouwang.alert import Alert, AlertState

CENTRE = "centre"
"""The receiver that is no person: it believes signed texts, and knows one that comes twice."""
CENTRE_AGAIN_MS = 30 * 60_000
"""The centre is told again where its receipt does not come although the network took the SMS."""
TRIES_TO_PERSON = 3
"""An SMS to a person that was refused is tried so often; then the calls must do."""
END_AGAIN_MS = 300_000
"""The end of an alarm is urgent to nobody."""
ON_ITS_WAY = (Fate.QUEUED, Fate.HANDED)
TAKEN = (Fate.SENT, Fate.DELIVERED)


class Letter(msgspec.Struct, kw_only=True):
    """The last SMS about one step to one receiver; `n` counts them, from 1."""

    n: int
    given_at: int
    in_round: int
    fate: Fate = Fate.QUEUED
    is_final: bool = False


class Climb(msgspec.Struct, kw_only=True):
    """One step of an alarm: a FIRING, or the end of one that people or the centre were told of.

    `is_met`: it was found astray, and is saved from then on. `settled_by`: CENTRE, or the number of who has taken it.
    """

    alert: Alert
    due: int
    receivers: tuple[str, ...]
    letters: dict[str, Letter] = {}
    called: tuple[str, ...] = ()
    is_met: bool = False
    settled_by: str = ""

    @property
    def is_call(self) -> bool:
        """Whether it calls for help, and not off."""
        return self.alert.state is AlertState.FIRING

    @property
    def is_open(self) -> bool:
        """Whether it calls for help, and nobody has it yet."""
        return self.is_call and not self.settled_by

    @property
    def told(self) -> tuple[str, ...]:
        """Who knows of it, or may."""
        return tuple(dict.fromkeys((*self.letters, *self.called)))

    def wants(self, receiver: str, now: int, *, in_round: int, is_followed_by_call: bool) -> bool:
        """Whether one more SMS goes to this receiver now.

        Uncertain is never doubled in silence (decision 013): the centre knows duplicates, so it is told once more at
        once; a person is called instead, and texted again only where nobody is called.
        """
        letter = self.letters.get(receiver)
        if letter is None:
            return True
        if receiver != CENTRE:
            is_lost = is_lost_to_person(letter, is_followed_by_call=is_followed_by_call)
            return is_lost and letter.n < TRIES_TO_PERSON and self._is_time_again(letter, now, in_round)
        if letter.fate in TAKEN:
            return self.is_call and now - letter.given_at >= CENTRE_AGAIN_MS
        if letter.fate is Fate.UNCERTAIN and letter.n == 1:
            return True
        return letter.is_final and self._is_time_again(letter, now, in_round)

    def is_done(self, receiver: str, *, is_followed_by_call: bool) -> bool:
        """Whether nothing more is to be said to this receiver."""
        letter = self.letters.get(receiver)
        if letter is None or letter.fate in ON_ITS_WAY:
            return False
        if receiver == CENTRE:
            return letter.fate in TAKEN
        return letter.n >= TRIES_TO_PERSON or not is_lost_to_person(letter, is_followed_by_call=is_followed_by_call)

    def _is_time_again(self, letter: Letter, now: int, in_round: int) -> bool:
        """Once in each round; the end of an alarm has no rounds."""
        return letter.in_round < in_round if self.is_call else now - letter.given_at >= END_AGAIN_MS


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """An SMS to be given now."""

    alert: Alert
    receiver: str
    n: int

    @property
    def key(self) -> str:
        """Its name in the queue of messages: the same after a power cut."""
        return f"{self.alert.alert_id}>{self.receiver}#{self.n}"


def is_lost_to_person(letter: Letter, *, is_followed_by_call: bool) -> bool:
    """Whether this person does not know by SMS."""
    return letter.fate is Fate.FAILED or (letter.fate is Fate.UNCERTAIN and not is_followed_by_call)
