"""Watches each alarm until the centre has it, and finds another way where its receipt does not come.

A pure `Ladder` decides; here its SMS and calls are made, its state is kept on the card beside the SMS queue before
anything is given, and the elder hears what is going on. Nothing here waits for the internet, and nothing delays siren
or voice. It also serves a home without a modem: there it only says that the line is down, and that it goes on trying.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any, Never

from config.second_path import AFTER, CirclePart
from drivers.serial.sms import Outcome, masked
from drivers.serial.voice_call import CallFate, CallOutcome
from gateway import circle_words as words
from gateway.batch import Key
from gateway.climb import CENTRE, Climb, Parcel
from gateway.clock import Clock
from gateway.courier import CARD_S, Courier, Marks, Means, Sender
from gateway.ladder import Ladder
from gateway.stored import Stored
from shouwang.alert import Alert, AlertState, Sentence
from shouwang.errors import DecodeError, GiveUp, TryLater
from shouwang.outage import Outage
from shouwang.wire import AlertBody, Lane, decode_envelope

log = logging.getLogger(__name__)

MARK = "second-path"
"""Under this name the card keeps the ladder, beside the SMS queue."""
_CALL_S = 300.0
"""A call rings 45 s and talks 90 s at most; after this the modem's driver has forgotten it."""
_LOOK_S = 60.0
_REMEMBERED = 1000
"""Alerts whose messages' numbers are remembered until their receipts; alerts that have theirs, until the card knows."""
_AT_ONCE = 50
"""Messages that are decoded in one go: 20 ms on a small box, which may have thousands after a day without internet."""
_START_MS = 10_000
"""After a restart the uplink has this long to get a receipt that came just before: nobody is called for that."""

Say = Callable[[Sentence, str], None]
"""Says something to the elder about the alarm with this key; must not block."""
Unconfirmed = Callable[[], Awaitable[Sequence[Stored]]]
"""What waits on the card for receipts. Raises TryLater."""


class SecondPath:
    """One home's. `means` None: it has no modem, or uses it for nothing."""

    def __init__(
        self,
        sender: Sender,
        means: Means | None,
        *,
        clock: Clock,
        say: Say,
        is_dead: Callable[[], bool],
        is_card_whole: bool = True,
    ) -> None:
        """`is_dead`: whether the internet is known to be gone. Nothing is done before `run`.

        `is_card_whole` False: the card's messages were damaged, and what waits for a receipt may not stand there.
        """
        self._clock = clock
        self._say = say
        self._is_dead = is_dead
        self._is_card_whole = is_card_whole
        self._ladder = Ladder(after_ms=0, has_centre=False, people=(), calls_people=False)
        self.use(sender, means)
        self._numbers: dict[Key, str] = {}
        self._arrivals: dict[str, None] = {}
        self._is_reading = False
        self._early: set[Key] = set()
        self._changed = asyncio.Event()
        self._call: asyncio.Task[None] | None = None
        self._saved = ""
        self._card = Outage(log, "the second path goes on from memory: %s", ends="the second path is on the card again")
        self._is_first_call = True
        self._has_rung = False
        self._no_modem_told_at: int | None = None

    def use(self, sender: Sender, means: Means | None) -> None:
        """Go this way from the next `run` on; what rings already goes on where it stands."""
        self._sender = sender
        self._means = means
        self._courier = None if means is None else Courier(sender, means, is_clock_unsure=self._is_clock_unsure)
        part = None if means is None else means.part
        self._circle = {} if part is None else {contact.phone: contact for contact in part.contacts}
        self._severities = frozenset({"P1"} if part is None else part.severities)
        self._ladder.use(
            after_ms=(AFTER if part is None else part.after) // timedelta(milliseconds=1),
            has_centre=part is not None and part.centre_number is not None,
            people=tuple(self._circle),
            calls_people=part is not None and part.call,
        )

    # ---- what the gateway tells ----

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms, as they are raised; never blocks."""
        for alert in alerts:
            if alert.severity.value not in self._severities or alert.is_test:
                continue
            if alert.state is AlertState.FIRING and alert.alert_id not in self._arrivals:
                self._ladder.raised(alert, self._clock.mono())
            elif alert.state in _ENDS:
                self._ladder.ended(alert, self._clock.mono())
        self._changed.set()

    def stored(self, messages: Iterable[Stored]) -> None:
        """Messages that go up, from the card or from memory: which alert each of them is."""
        steps = ((message.key, self._alert_in(message)) for message in messages)
        self._number({key: alert.alert_id for key, alert in steps if alert is not None})

    def confirmed(self, keys: Iterable[Key]) -> None:
        """Receipts: the centre has these messages."""
        for key in keys:
            alert_id = self._numbers.pop(key, None)
            if alert_id is not None:
                self._arrived(alert_id)
            elif self._is_reading:
                self._early.add(key)

    def help_coming(self, keys: Collection[str]) -> None:
        """The centre has taken the case of these alarms (of all, where it names none); of others it may not know."""
        self._ladder.taken(self._ladder.open_ids_of(keys) if keys else self._ladder.open_ids, CENTRE)
        self._changed.set()

    def look(self) -> None:
        """A path has failed or is back."""
        self._changed.set()

    # ---- work ----

    async def run(self, unconfirmed: Unconfirmed, active: Callable[[], Iterable[Alert]]) -> Never:
        """Climb until cancelled. `unconfirmed` gives what waits for receipts, `active` the alarms that are on."""
        await self._go_on(unconfirmed, active)
        async with asyncio.TaskGroup() as group:
            self._carry(group, self._ladder.open_parcels())
            while True:
                self._changed.clear()
                await self._give(group)
                await self._keep_calling(group)
                await self._save()
                await self._wait()

    async def _go_on(self, unconfirmed: Unconfirmed, active: Callable[[], Iterable[Alert]]) -> None:
        """From where the last run of the gateway stopped."""
        saved = "" if self._means is None else await self._marked(self._means.marks)
        waiting = await self._read(unconfirmed)
        fresh = set(self._ladder.alert_ids)
        self._ladder.go_on_from(saved, self._clock.mono())
        if waiting is None:
            return
        if self._is_card_whole:
            for alert_id in set(self._ladder.alert_ids) - fresh - {alert.alert_id for alert in waiting.values()}:
                self._ladder.confirmed(alert_id)  # its receipt came before the restart
        self.alerts(waiting.values())
        self._ladder.not_before(self._clock.mono() + _START_MS)
        if self._is_card_whole:
            self._ladder.keep_only(fresh | {alert.alert_id for alert in active()})
        self._number({key: alert.alert_id for key, alert in waiting.items()})

    async def _read(self, unconfirmed: Unconfirmed) -> dict[Key, Alert] | None:
        """The steps that wait on the card, without those that get their receipts while it is read.

        After a long outage there is much to read, and meanwhile the loop serves siren and sensors.
        """
        self._is_reading, found = True, dict[Key, Alert]()
        try:
            waiting = await _read_once(unconfirmed)
            for place, message in enumerate(waiting or ()):
                if place % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                alert = self._alert_in(message)
                if alert is not None:
                    found[message.key] = alert
        finally:
            self._is_reading, early, self._early = False, self._early, set()
        return None if waiting is None else {key: alert for key, alert in found.items() if key not in early}

    async def _give(self, group: asyncio.TaskGroup) -> None:
        """Give the SMS that are due, each noted on the card before."""
        now, is_dead = self._clock.mono(), self._is_dead()
        for climb in self._ladder.meet(now, is_dead=is_dead):
            log.warning("no receipt for %s: it goes by the second path", climb.alert.alert_id)
            self._tell_astray(climb)
        parcels = self._ladder.parcels(now, is_dead=is_dead)
        for parcel in parcels:
            self._ladder.given(parcel, now)
        await self._save()
        self._carry(group, parcels)

    def _carry(self, group: asyncio.TaskGroup, parcels: Iterable[Parcel]) -> None:
        if self._courier is None:
            return
        for parcel in parcels:
            work = self._courier.carry(parcel, is_wanted=self._ladder.is_wanted, told=self._posted)
            group.create_task(work, name=f"sms-{parcel.key}")

    def _posted(self, parcel: Parcel, outcome: Outcome) -> None:
        self._ladder.posted(parcel, outcome)
        self._changed.set()

    # ---- calls ----

    async def _keep_calling(self, group: asyncio.TaskGroup) -> None:
        now, is_dead = self._clock.mono(), self._is_dead()
        if self._call is not None:
            if not self._ladder.astray(now, is_dead=is_dead):
                self._call.cancel()
            return
        number = self._ladder.next_call(now, is_dead=is_dead)
        if number is not None and self._means is not None:
            alert_ids = self._ladder.calling(number, now, is_dead=is_dead)
            await self._save()
            work = self._ring(self._means, self._circle[number], alert_ids)
            self._call = group.create_task(work, name="second-path-call")
        elif self._ladder.rested(now, is_dead=is_dead):
            self._tell_nobody()

    async def _ring(self, means: Means, contact: CirclePart, alert_ids: tuple[str, ...]) -> None:
        try:
            if means.voice.is_ready:  # else nobody is called, and that must not be said
                self._tell(words.calling(contact, is_first=self._is_first_call))
                self._is_first_call = False
            async with asyncio.timeout(_CALL_S):
                outcome = await means.voice.call(contact.phone, confirm="1", prompt=means.part.prompt)
            self._called(contact, alert_ids, outcome)
        except GiveUp as error:
            log.error("%s cannot be called: %s", masked(contact.phone), error)  # noqa: TRY400 - said in words
        except TryLater as error:
            log.warning("%s cannot be called now: %s", masked(contact.phone), error)
            self._ladder.not_called(contact.phone, self._clock.mono())
            self._tell_no_modem()
        except TimeoutError:
            log.error("the modem did not end the call to %s", masked(contact.phone))  # noqa: TRY400
        finally:
            self._call = None
            self._changed.set()

    def _called(self, contact: CirclePart, alert_ids: tuple[str, ...], outcome: CallOutcome) -> None:
        log.info("called %s: %s %s", masked(contact.phone), outcome.fate, outcome.reason)
        self._has_rung |= outcome.fate is not CallFate.FAILED
        if outcome.fate is CallFate.CONFIRMED:
            self._tell(words.has_taken(contact))
            self._ladder.taken(alert_ids, contact.phone)
        elif outcome.fate is CallFate.ANSWERED and not outcome.can_hear_keys:
            log.warning("this modem hears no keys: nobody can confirm an alarm by pressing 1, and the calls go on")

    # ---- what the elder hears ----

    def _arrived(self, alert_id: str) -> None:
        self._arrivals[alert_id] = None
        _bound(self._arrivals)
        climb = self._ladder.confirmed(alert_id)
        if climb is not None and climb.is_call:
            self._say(words.ARRIVED_AT_LAST if climb.is_met else words.ARRIVED, climb.alert.key)
        self._changed.set()

    def _tell_astray(self, climb: Climb) -> None:
        """Where nobody is called, and where somebody is texted; else the first call, or the first pause, tells it."""
        if self._means is not None and not self._calls:
            self._say(words.TEXTING, climb.alert.key)
        self._is_first_call = True

    def _tell_nobody(self) -> None:
        """A call that the network refused has rung with nobody: then it is not "nobody answers"."""
        if self._calls and self._has_rung:
            self._tell(words.NOBODY)
        else:
            self._tell(words.TEXTED if self._ladder.is_text_out else words.NO_WAY)
        self._has_rung = False

    def _tell_no_modem(self) -> None:
        """At most once in a while: a modem without network is tried every few seconds."""
        now = self._clock.mono()
        if self._no_modem_told_at is None or now - self._no_modem_told_at >= _NO_MODEM_AGAIN_MS:
            self._no_modem_told_at = now
            self._tell(words.NO_WAY)

    def _tell(self, sentence: Sentence) -> None:
        climbs = self._ladder.astray(self._clock.mono(), is_dead=self._is_dead())
        if climbs:
            self._say(sentence, climbs[0].alert.key)

    # ---- inside ----

    @property
    def _calls(self) -> bool:
        return self._means is not None and self._means.part.call and bool(self._circle)

    def _number(self, alert_ids: dict[Key, str]) -> None:
        """Remember whose receipts are waited for; not all, but those of what rings: the oldest get theirs first."""
        self._numbers |= alert_ids
        if len(self._numbers) <= _REMEMBERED:
            return
        rings = set(self._ladder.alert_ids)
        others = [key for key, alert_id in self._numbers.items() if alert_id not in rings]
        for key in others[: len(self._numbers) - _REMEMBERED]:
            del self._numbers[key]

    def _is_clock_unsure(self, alert: Alert) -> bool:
        return self._clock.mark().era_of(alert.mono).is_clock_unsure

    def _alert_in(self, message: Stored) -> Alert | None:
        if message.lane is not Lane.LIFE_SAFETY:
            return None
        try:
            body = decode_envelope(message.payload, gateway=self._sender.gateway_id).body
        except DecodeError:  # of another version of this program: the uplink carries it all the same
            return None
        if not isinstance(body, AlertBody) or body.alert.severity.value not in self._severities:
            return None
        return body.alert

    async def _marked(self, marks: Marks) -> str:
        try:
            async with asyncio.timeout(CARD_S):
                self._saved = await marks.mark(MARK)
        except (TryLater, TimeoutError) as error:
            log.error("where the second path stood cannot be read, it begins anew: %s", error)  # noqa: TRY400
        return self._saved

    async def _save(self) -> None:
        """A card that fails stops nothing: what is given twice then is better than what is not given."""
        saved = self._ladder.saved()
        if self._means is None or saved == self._saved:
            return
        try:
            async with asyncio.timeout(CARD_S):
                await self._means.marks.set_mark(MARK, saved)
        except (TryLater, TimeoutError) as error:
            self._card.begin(error)
        else:
            self._saved = saved
            self._card.over()

    async def _wait(self) -> None:
        now = self._clock.mono()
        wake_at = self._ladder.wake_at(now, is_dead=self._is_dead())
        pause = None if wake_at is None and not self._ladder.alert_ids else _LOOK_S
        if wake_at is not None and self._call is None:
            pause = min(_LOOK_S, self._clock.seconds_until(wake_at))
        try:
            async with asyncio.timeout(pause):
                await self._changed.wait()
        except TimeoutError:
            return


_NO_MODEM_AGAIN_MS = 300_000
_ENDS = (AlertState.RESOLVED, AlertState.CANCELLED)


def _bound(remembered: dict[Any, Any]) -> None:
    while len(remembered) > _REMEMBERED:
        del remembered[next(iter(remembered))]


async def _read_once(read: Unconfirmed) -> Sequence[Stored] | None:
    """What waits on the card; None where it does not answer: then what is saved counts as unconfirmed."""
    end = asyncio.get_running_loop().time() + CARD_S
    while True:
        try:
            return await read()
        except TryLater as error:
            if asyncio.get_running_loop().time() >= end:
                log.error("%s; the second path begins without it", error)  # noqa: TRY400 - said in words
                return None
            await asyncio.sleep(1.0)
