"""The steps from an alarm that the centre has not confirmed to a person who knows of it. No clock, no modem, no word.

An alarm waits for its receipt until it is due. Then it is astray: it is told by SMS to the centre and to the contact
circle, and the circle is called, one after the other, twice; after a pause all of it begins again. An alarm leaves the
ladder by a receipt, by a person who presses the key in a call, by an order of the centre, or by its end at home.

All moments are engine milliseconds. What `saved` gives is enough to go on after a power cut: which SMS were given (each
is numbered, so that the queue of messages never sends one twice), which call comes next, and when.
"""

from collections.abc import Collection

import msgspec

from drivers.serial.sms import Outcome
from gateway.climb import CENTRE, ON_ITS_WAY, TAKEN, Climb, Letter, Parcel
from gateway.noted import read_back, written
from shouwang.alert import Alert

CYCLES = 2
"""Contacts are cycled twice (telecare practice: phone twice, then the next; each must accept by a key)."""
PAUSE_FIRST_MS, PAUSE_CAP_MS = 60_000, 300_000
"""Between two rounds: 1, 2, 4, then 5 minutes, for ever."""
CALL_AFTER_MS = 15_000
"""A modem that dials sends no SMS meanwhile: calls wait for the SMS to be handed over, and not longer than this."""
NO_MODEM_MS = 10_000
"""A modem that is not ready is tried again so soon (practice: retry every 5 to 20 s)."""
SMS_AN_HOUR = {True: 60, False: 12}
"""To the centre and to one person, beyond the first of each alarm: a button that flaps must not empty a purse or bury
what matters; 12 texts an hour are more than anybody reads, 60 still cost less than one ambulance."""
CALLS_AN_HOUR = 20
"""To one person. Two cycles with pauses of 5 minutes are at most 16."""
CLIMBS = 200
"""More alarms at a time are not those of a home; those that are settled go first, then the oldest."""
_HOUR_MS = 3_600_000


class _Spent(msgspec.Struct, frozen=True, kw_only=True):
    """One SMS or call within the last hour, and which alarms it was about: a call is about all that ring."""

    at: int
    to: str
    keys: tuple[str, ...]
    is_call: bool = False


class _State(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    climbs: dict[str, Climb] = {}
    round: int = 0
    rests: int = 0
    calls: int = 0
    resume_at: int = 0
    spent: list[_Spent] = []


class Ladder:
    """One home's."""

    def __init__(self, *, after_ms: int, has_centre: bool, people: tuple[str, ...], calls_people: bool) -> None:
        """`people` are telephone numbers, the first to be told first."""
        self._state = _State()
        self.use(after_ms=after_ms, has_centre=has_centre, people=people, calls_people=calls_people)

    def use(self, *, after_ms: int, has_centre: bool, people: tuple[str, ...], calls_people: bool) -> None:
        """Tell and call these from now on, also of what rings already."""
        self._after_ms = after_ms
        self._receivers = ((CENTRE,) if has_centre else ()) + people
        self._people = people if calls_people else ()
        for climb in self._state.climbs.values():
            if climb.is_call:
                climb.receivers = self._receivers

    def saved(self) -> str:
        """What must survive; empty where nothing must."""
        kept = {alert_id: climb for alert_id, climb in self._state.climbs.items() if climb.is_met}
        if not kept and not self._state.spent:
            return ""
        return written(msgspec.structs.replace(self._state, climbs=kept))

    def go_on_from(self, saved: str, now: int) -> None:
        """Take over what was `saved`, beside what has been raised since; what another version saved is forgotten.

        Where engine time began anew meanwhile, moments that lie ahead of `now` would stop calls for weeks.
        """
        state = read_back(saved or None, _State) or _State()
        for climb in state.climbs.values():
            climb.due = min(climb.due, now + self._after_ms)
            for letter in climb.letters.values():
                letter.given_at = min(letter.given_at, now)
        state.resume_at = min(state.resume_at, now + PAUSE_CAP_MS)
        state.spent = [one for one in state.spent if one.at <= now]
        state.climbs = {**state.climbs, **self._state.climbs}
        self._state = state

    # ---- what happens ----

    def raised(self, alert: Alert, now: int) -> None:
        """An alarm rings. What is known already, or older than what is known, changes nothing."""
        climbs = self._state.climbs
        same = [climb for climb in climbs.values() if climb.alert.key == alert.key and climb.is_call]
        if any(climb.alert.since >= alert.since for climb in same):
            return
        for old in same:  # its end was never heard
            del climbs[old.alert.alert_id]
        while len(climbs) >= CLIMBS:
            del climbs[min(climbs, key=lambda one: (climbs[one].is_open, climbs[one].due))]
        climbs[alert.alert_id] = self._climb(alert, now, self._receivers)

    def ended(self, alert: Alert, now: int) -> None:
        """An alarm is over at home: whoever was told of it is told so."""
        climbs = self._state.climbs
        for climb in [one for one in climbs.values() if one.alert.key == alert.key and one.is_call]:
            if climb.alert.since > alert.since:
                continue
            del climbs[climb.alert.alert_id]
            told = tuple(one for one in climb.told if one != CENTRE or climb.settled_by != CENTRE)
            if told:
                climbs[alert.alert_id] = self._climb(alert, now, told, is_met=True)
        self._rest_if_idle()

    def confirmed(self, alert_id: str) -> Climb | None:
        """The centre has this step. Gives what was still open, None where nothing was."""
        climb = self._state.climbs.get(alert_id)
        if climb is None:
            return None
        was_open = climb.is_open
        self._settle(climb, CENTRE)
        return climb if was_open else None

    def taken(self, alert_ids: Collection[str], by: str) -> None:
        """A person, or the centre by an order, has these."""
        for climb in [climb for alert_id in alert_ids if (climb := self._state.climbs.get(alert_id)) is not None]:
            if climb.is_open:
                self._settle(climb, by)

    def keep_only(self, alert_ids: Collection[str]) -> None:
        """Of the alarms that ring, forget all but these: they ended while nobody looked."""
        climbs = self._state.climbs
        self._state.climbs = {one: climb for one, climb in climbs.items() if not climb.is_call or one in alert_ids}
        self._rest_if_idle()

    def not_before(self, moment: int) -> None:
        """What was not found astray yet waits for its receipt until then at least."""
        for climb in self._state.climbs.values():
            if climb.is_open and not climb.is_met:
                climb.due = max(climb.due, moment)

    @property
    def alert_ids(self) -> tuple[str, ...]:
        """All steps on the ladder."""
        return tuple(self._state.climbs)

    @property
    def open_ids(self) -> tuple[str, ...]:
        """The alarms that nobody has yet."""
        return tuple(alert_id for alert_id, climb in self._state.climbs.items() if climb.is_open)

    def open_ids_of(self, keys: Collection[str]) -> tuple[str, ...]:
        """Of the alarms that nobody has yet, those with these keys."""
        climbs = self._state.climbs
        return tuple(alert_id for alert_id in self.open_ids if climbs[alert_id].alert.key in keys)

    @property
    def is_text_out(self) -> bool:
        """Whether the network has taken an SMS about an alarm that nobody has yet."""
        letters = [
            letter for climb in self._state.climbs.values() if climb.is_open for letter in climb.letters.values()
        ]
        return any(letter.fate in TAKEN for letter in letters)

    # ---- what is to be done ----

    def astray(self, now: int, *, is_dead: bool) -> tuple[Climb, ...]:
        """Alarms that must go another way now. `is_dead`: the internet is known to be gone, nothing is waited for."""
        return tuple(
            climb
            for climb in self._state.climbs.values()
            if climb.is_open and (climb.is_met or is_dead or now >= climb.due)
        )

    def meet(self, now: int, *, is_dead: bool) -> tuple[Climb, ...]:
        """Those that have just gone astray. They end a pause: somebody must hear of them at once."""
        new = tuple(climb for climb in self.astray(now, is_dead=is_dead) if not climb.is_met)
        for climb in new:
            climb.is_met = True
        if new and self._state.resume_at > now:
            self._state.resume_at, self._state.calls = now, 0
        if new:
            self._state.rests = 0
        return new

    def parcels(self, now: int, *, is_dead: bool) -> tuple[Parcel, ...]:
        """The SMS to give now; each must be told by `given` before the queue hears of it."""
        self._state.spent = [one for one in self._state.spent if now - one.at < _HOUR_MS]
        ends = [climb for climb in self._state.climbs.values() if not climb.is_call]
        return tuple(
            Parcel(alert=climb.alert, receiver=receiver, n=_next_n(climb, receiver))
            for climb in (*self.astray(now, is_dead=is_dead), *ends)
            for receiver in climb.receivers
            if climb.wants(receiver, now, in_round=self._state.round, is_followed_by_call=bool(self._people))
            and (receiver != CENTRE or climb.is_call or is_dead or now >= climb.due)
            and self._may_spend(receiver, climb.alert.key, now)
        )

    def given(self, parcel: Parcel, now: int) -> None:
        """The SMS is about to be given."""
        climb = self._state.climbs[parcel.alert.alert_id]
        letter = Letter(n=parcel.n, given_at=now, in_round=self._state.round)
        climb.letters = {**climb.letters, parcel.receiver: letter}
        self._state.spent.append(_Spent(at=now, to=parcel.receiver, keys=(parcel.alert.key,)))

    def posted(self, parcel: Parcel, outcome: Outcome) -> None:
        """What became of it, so far."""
        climb = self._state.climbs.get(parcel.alert.alert_id)
        letter = None if climb is None else climb.letters.get(parcel.receiver)
        if climb is not None and letter is not None and letter.n == parcel.n:
            letter.fate, letter.is_final = outcome.fate, outcome.is_final
            self._forget_if_done(climb)

    def open_parcels(self) -> tuple[Parcel, ...]:
        """SMS that were given before a restart and whose end is not known."""
        return tuple(
            Parcel(alert=climb.alert, receiver=receiver, n=letter.n)
            for climb in self._state.climbs.values()
            for receiver, letter in climb.letters.items()
            if not letter.is_final
        )

    def is_wanted(self, parcel: Parcel) -> bool:
        """Whether this SMS is still the last word to its receiver."""
        climb = self._state.climbs.get(parcel.alert.alert_id)
        if climb is None or climb.settled_by:
            return False
        letter = climb.letters.get(parcel.receiver)
        return letter is not None and letter.n == parcel.n

    def next_call(self, now: int, *, is_dead: bool) -> str | None:
        """The number to call now, None where nobody is."""
        climbs = self.astray(now, is_dead=is_dead)
        if not climbs or now < self._calls_at(climbs):
            return None
        while self._state.calls < CYCLES * len(self._people):
            number = self._people[self._state.calls % len(self._people)]
            if any(self._may_spend(number, climb.alert.key, now, is_call=True) for climb in climbs):
                return number
            self._state.calls += 1
        return None

    def calling(self, number: str, now: int, *, is_dead: bool) -> tuple[str, ...]:
        """The call is about to be made; gives the alarms that it is about."""
        self._state.calls += 1
        climbs = self.astray(now, is_dead=is_dead)
        for climb in climbs:
            climb.called = tuple(dict.fromkeys((*climb.called, number)))
        keys = tuple(climb.alert.key for climb in climbs)
        self._state.spent.append(_Spent(at=now, to=number, keys=keys, is_call=True))
        return tuple(climb.alert.alert_id for climb in climbs)

    def not_called(self, number: str, now: int) -> None:
        """The modem could not call at all: the same number comes again, soon."""
        self._state.calls = max(0, self._state.calls - 1)
        self._state.resume_at = now + NO_MODEM_MS
        self._state.spent = [
            one for one in self._state.spent if not (one.is_call and one.to == number and now - one.at < NO_MODEM_MS)
        ]

    def rested(self, now: int, *, is_dead: bool) -> bool:
        """Whether a round has just ended without anybody; then the pause begins."""
        climbs = self.astray(now, is_dead=is_dead)
        is_round_on = self._state.calls < CYCLES * len(self._people)
        if not climbs or is_round_on or now < self._calls_at(climbs):
            return False
        pause = min(PAUSE_CAP_MS, PAUSE_FIRST_MS << min(self._state.rests, 8))
        self._state.resume_at, self._state.calls = now + pause, 0
        self._state.round += 1
        self._state.rests += 1
        return True

    def wake_at(self, now: int, *, is_dead: bool) -> int | None:
        """When to look again, if nothing happens."""
        found = [climb.due for climb in self._state.climbs.values() if not climb.settled_by and climb.due > now]
        climbs = self.astray(now, is_dead=is_dead)
        if climbs:
            found.append(self._calls_at(climbs))
        return min(found, default=None)

    # ---- inside ----

    def _climb(self, alert: Alert, now: int, receivers: tuple[str, ...], *, is_met: bool = False) -> Climb:
        bare = msgspec.structs.replace(alert, evidence=())
        due = min(alert.mono, now) + self._after_ms
        return Climb(alert=bare, due=due, receivers=receivers, is_met=is_met)

    def _settle(self, climb: Climb, by: str) -> None:
        """An alarm that people know of is kept: they must hear of its end."""
        if not climb.is_call:
            climb.receivers = tuple(one for one in climb.receivers if one != CENTRE)
            self._forget_if_done(climb)
        elif any(one != CENTRE for one in climb.told) or (climb.told and by != CENTRE):
            climb.settled_by = by
        else:
            del self._state.climbs[climb.alert.alert_id]
        self._rest_if_idle()

    def _forget_if_done(self, climb: Climb) -> None:
        followed = bool(self._people)
        if not climb.is_call and all(climb.is_done(one, is_followed_by_call=followed) for one in climb.receivers):
            del self._state.climbs[climb.alert.alert_id]

    def _rest_if_idle(self) -> None:
        if not any(climb.is_open and climb.is_met for climb in self._state.climbs.values()):
            self._state.calls = self._state.rests = self._state.resume_at = 0

    def _calls_at(self, climbs: tuple[Climb, ...]) -> int:
        """Not in a pause, and not before the SMS that are under way have been handed to the network."""
        waits = [
            letter.given_at + CALL_AFTER_MS
            for climb in climbs
            for letter in climb.letters.values()
            if letter.fate in ON_ITS_WAY
        ]
        return max([self._state.resume_at, *waits])

    def _may_spend(self, to: str, key: str, now: int, *, is_call: bool = False) -> bool:
        recent = [
            one for one in self._state.spent if one.to == to and one.is_call is is_call and now - one.at < _HOUR_MS
        ]
        limit = CALLS_AN_HOUR if is_call else SMS_AN_HOUR[to == CENTRE]
        return len(recent) < limit or all(key not in one.keys for one in recent)


def _next_n(climb: Climb, receiver: str) -> int:
    letter = climb.letters.get(receiver)
    return 1 if letter is None else letter.n + 1
