"""The queue of short messages: on the card before anything is promised, and before the modem hears of it.

A message is written as handed before it is given to the modem, so after a power cut it is known that it may have gone.
Such a message is never given again: a status report settles its fate, or it is told as uncertain after `DOUBT_S`.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Never, TypeVar

import msgspec

from drivers.serial.at_actor import Handover, Submitted
from drivers.serial.codec.sms_fields import is_e164
from drivers.serial.codec.sms_pdu import StatusReport
from drivers.serial.codec.sms_submit import Envelope, count_parts, encode_submit
from drivers.serial.sms import Fate, Outcome, masked
from drivers.serial.sms_letter import (
    Letter,
    Part,
    PartState,
    doubted,
    handed,
    handed_over,
    not_handed,
    reported,
    settled,
    taken_late,
    whose,
)
from drivers.serial.sms_store import SmsStore
from shouwang.bilingual import Bilingual
from shouwang.errors import DecodeError, GiveUp, IllegalMove, TryLater
from shouwang.outage import Outage

log = logging.getLogger(__name__)

MAX_PARTS = 8
"""An alarm fits into one part of 70 Chinese characters, a detailed one into three; each part is paid for."""
ORDINARY_BOUND = 100
"""Messages that are not urgent and not settled; more are refused."""
URGENT_BOUND = 200
_KEPT = 500
"""Settled letters that are kept, so that keys are known and late reports find theirs: more than references (256)."""
DOUBT_S = 60.0
"""A status report comes within seconds where the receiver's telephone is on; after this the caller must decide."""
REPORT_S = 86_400.0
"""The network tries to deliver for the validity that we ask for, one day; after that no report is waited for."""
LIFE_S = 86_400.0
"""A message that could not be given to the network for a day is about yesterday."""
VALIDITY = timedelta(hours=24)
_RETRY_START_S, _RETRY_CAP_S, _URGENT_CAP_S = 5.0, 600.0, 30.0
_CARD_RETRY_S = 5.0
_LAST_REF, _LAST_CONCAT = "last-ref", "last-concat"

T = TypeVar("T")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One part that is to be given to the modem, and is on the card as handed."""

    number: int
    n: int
    pdu: bytes
    tpdu_size: int


class SmsQueue:
    """The messages of one home. `run` keeps their deadlines; whoever has a modem takes jobs."""

    def __init__(self, store: SmsStore, thread: ThreadPoolExecutor, *, centre: str | None = None) -> None:
        """`thread` has exactly one worker, in which the store was opened. `centre` replaces the SIM's own."""
        self._store = store
        self._thread = thread
        self._centre = centre
        self._letters: dict[int, Letter] = {}
        self._since: dict[int, float] = {}
        self._retry_at: dict[int, float] = {}
        self._numbers: dict[str, int] = {}
        self._last_doubt: tuple[int, int] | None = None
        self._last_ref: int | None = None
        self._concat_ref = 0
        self._changed = asyncio.Event()
        self._sending = asyncio.Lock()
        self._card = Outage(log, "%s; urgent SMS are sent from memory, others wait", ends="SMS are on the card again")

    async def open(self) -> None:
        """Read what the card holds. What was handed when the last run ended is doubtful now."""
        for letter in await self._in_thread(self._store.letters):
            self._remember(letter)
        mark = await self._in_thread(lambda: self._store.mark(_LAST_REF))
        self._last_ref = int(mark) if mark else None
        self._concat_ref = int(await self._in_thread(lambda: self._store.mark(_LAST_CONCAT)) or 0)
        await self.doubt_handed()

    # ---- the port ----

    async def send(self, to: str, text: str, *, key: str, urgent: bool = False) -> Outcome:
        """As `Sms.send`."""
        parts = _count(to, text)
        digest = hashlib.sha256(f"{to}\n{text}".encode()).hexdigest()
        async with self._sending:
            known = self._letters.get(self._numbers.get(key, -1))
            if known is not None:
                if known.digest != digest:
                    raise IllegalMove(f"the key {key} was used for another message; nothing was sent")
                return known.outcome
            self._must_have_room(urgent=urgent)
            letter = Letter(
                number=max(self._letters, default=0) + 1,
                key=key,
                digest=digest,
                to=to,
                is_urgent=urgent,
                parts=await self._encoded(to, text, parts),
            )
            await self._promise(letter)
        log.info("SMS %d to %s is queued, %d parts%s", letter.number, masked(to), parts, ", urgent" if urgent else "")
        return letter.outcome

    async def next(self, seen: Outcome) -> Outcome:
        """As `Sms.next`."""
        while True:
            letter = self._letters.get(self._numbers.get(seen.key, -1))
            if letter is None:
                return seen
            if letter.outcome != seen or seen.is_final:
                return letter.outcome
            await self._change()

    @property
    def backlog(self) -> int:
        """How many messages are not settled."""
        return sum(not letter.outcome.is_final for letter in self._letters.values())

    # ---- whoever has a modem ----

    async def job(self, registered: asyncio.Event) -> Job:
        """The next part to give to the modem, once it is registered; it is on the card as handed when this returns.

        May be cancelled: then nothing is handed.
        """
        while True:
            await registered.wait()
            letter, pause_s = self._due()
            if letter is None or (n := letter.waiting) is None:
                await self._change(pause_s)
                continue
            taken = handed(letter, n, self._last_ref)
            if not await self._hand(taken, n):
                continue
            part = taken.parts[n]
            return Job(number=taken.number, n=n, pdu=part.pdu, tpdu_size=part.tpdu_size)

    async def handed_over(self, job: Job, submitted: Submitted) -> None:
        """What the modem said to it. May be cancelled: it is noted all the same."""
        letter = handed_over(self._letters[job.number], job.n, submitted)
        self._last_doubt = (job.number, job.n) if submitted.handover is Handover.UNKNOWN else None
        if submitted.ref is not None:
            self._last_ref = submitted.ref
        if letter.waiting == job.n:
            self._retry_at[letter.number] = _now() + _pause_s(letter)
            log.warning("SMS %d is not taken: %s", letter.number, letter.reason)
        await self._note(letter, ref=submitted.ref)

    async def answered_late(self, ref: int) -> None:
        """The modem has told a reference that nobody waited for any more."""
        if self._last_doubt is None:
            return
        number, n = self._last_doubt
        self._last_doubt, self._last_ref = None, ref
        await self._note(taken_late(self._letters[number], n, ref), ref=ref)

    async def reported(self, report: StatusReport) -> bool:
        """The network tells the fate of a message; False where it is not clear of which."""
        found = whose(self._letters.values(), report)
        if found is None:
            return False
        letter, n = found
        await self._note(reported(letter, n, report))
        return True

    async def doubt_handed(self) -> None:
        """Whoever had the modem has gone: what was handed may have been sent."""
        for letter in list(self._letters.values()):
            if PartState.HANDED in letter.states:
                await self._note(doubted(letter))

    # ---- deadlines ----

    async def run(self) -> Never:
        """Settle what is waited for too long, until cancelled."""
        while True:
            now = _now()
            for letter in list(self._letters.values()):
                if not letter.is_settled and now >= self._deadline(letter):
                    await self._settle(letter)
            await self._prune()
            waits = [self._deadline(letter) for letter in self._letters.values() if not letter.is_settled]
            await self._change(max(0.0, min(waits) - _now()) if waits else None)

    def _deadline(self, letter: Letter) -> float:
        since = self._since[letter.number]
        if letter.fate in (Fate.FAILED, Fate.DELIVERED):
            return since
        if letter.fate is Fate.SENT:
            return since + REPORT_S
        is_given = not letter.states & {PartState.WAITING, PartState.HANDED}
        return since + (DOUBT_S if is_given else LIFE_S)

    async def _settle(self, letter: Letter) -> None:
        reasons = {
            Fate.QUEUED: "it could not be given to the network within a day",
            Fate.HANDED: "" if PartState.DOUBTFUL in letter.states else "not all of it could be given within a day",
            Fate.SENT: "no report of its delivery came",
        }
        await self._note(settled(letter, reasons.get(letter.fate, "")))

    async def _prune(self) -> None:
        old = [number for number, letter in self._letters.items() if letter.is_settled][:-_KEPT]
        if not old:
            return
        for number in old:
            del self._numbers[self._letters.pop(number).key]
            self._since.pop(number, None)
        await self._after_the_fact(lambda: self._store.forget(old))

    # ---- inside ----

    async def _promise(self, letter: Letter) -> None:
        try:
            await self._in_thread(partial(self._store.save, letter))
        except TryLater as error:
            if not letter.is_urgent:
                raise
            self._card.begin(error)
        self._remember(letter)

    def _must_have_room(self, *, urgent: bool) -> None:
        bound = URGENT_BOUND if urgent else ORDINARY_BOUND
        if sum(not letter.is_settled and letter.is_urgent is urgent for letter in self._letters.values()) >= bound:
            raise TryLater(
                Bilingual(
                    f"{bound} {'urgent' if urgent else 'ordinary'} SMS wait already; no more are taken",
                    zh=f"已有 {bound} 条{'紧急' if urgent else '普通'}短信在排队；不再接收",
                )
            )

    async def _encoded(self, to: str, text: str, parts: int) -> tuple[Part, ...]:
        if parts > 1:
            self._concat_ref = (self._concat_ref + 1) % 256
            await self._after_the_fact(lambda: self._store.set_mark(_LAST_CONCAT, str(self._concat_ref)))
        envelope = Envelope(
            to=to, centre=self._centre, wants_report=True, validity=VALIDITY, concat_ref=self._concat_ref
        )
        return tuple(Part(pdu=pdu.octets, tpdu_size=pdu.tpdu_size) for pdu in encode_submit(text, envelope))

    def _due(self) -> tuple[Letter | None, float | None]:
        """The letter whose turn it is, or how long to wait for one."""
        now = _now()
        open_letters = [letter for letter in self._letters.values() if letter.waiting is not None]
        ready = [letter for letter in open_letters if self._retry_at.get(letter.number, now) <= now]
        if ready:
            return min(ready, key=lambda letter: (not letter.is_urgent, letter.number)), None
        waits = [self._retry_at[letter.number] - now for letter in open_letters]
        return None, min(waits) if waits else None

    async def _hand(self, taken: Letter, n: int) -> bool:
        """Write a part as handed; False where the card does not take it and the letter can wait."""
        self._remember(taken)  # at once: what is noted meanwhile must build on it
        try:
            await self._in_thread(partial(self._store.save, taken))
        except TryLater as error:
            self._card.begin(error)
            if taken.is_urgent:
                return True
            self._retry_at[taken.number] = _now() + _CARD_RETRY_S
        except BaseException:
            self._remember(not_handed(self._letters[taken.number], n))  # the modem has not heard of it
            raise
        else:
            return True
        self._remember(not_handed(self._letters[taken.number], n))
        return False

    async def _note(self, letter: Letter, *, ref: int | None = None) -> None:
        """A fact: in memory at once, and on the card as soon as it takes it, also where the caller is cancelled."""
        before = self._letters.get(letter.number)
        if letter == before:
            return
        self._remember(letter)
        if before is None or before.fate is not letter.fate:
            log.info("SMS %d to %s is %s%s", letter.number, masked(letter.to), letter.fate, _because(letter))
        if ref is not None:
            await self._after_the_fact(lambda: self._store.set_mark(_LAST_REF, str(ref)))
        await self._after_the_fact(lambda: self._store.save(letter))

    async def _after_the_fact(self, write: Callable[[], None]) -> None:
        try:
            await self._in_thread(write)
        except TryLater as error:  # a crash before the next word about it makes it doubtful, never sent again
            self._card.begin(error)
        else:
            self._card.over()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # shielded: the thread goes on anyway, in the order in which it was asked
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _remember(self, letter: Letter) -> None:
        before = self._letters.get(letter.number)
        self._letters[letter.number] = letter
        self._numbers[letter.key] = letter.number
        if before is None or before.states != letter.states:
            self._since[letter.number] = _now()
        if letter.waiting is None:
            self._retry_at.pop(letter.number, None)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _change(self, within_s: float | None = None) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return


def _count(to: str, text: str) -> int:
    if not is_e164(to):
        raise GiveUp(
            Bilingual(
                f"{masked(to)} is no number of the form +countrycode...; nothing was sent",
                zh=f"{masked(to)} 不是“+国家码…”形式的号码；没有发送",
            )
        )
    try:
        parts = count_parts(text)
    except DecodeError as error:
        raise GiveUp(Bilingual(f"this text cannot be sent: {error}", zh=f"这段文字发不了：{error}")) from error
    if not text or parts > MAX_PARTS:
        raise GiveUp(
            Bilingual(
                f"a text of {parts} SMS cannot be sent; from 1 to {MAX_PARTS} are",
                zh=f"要分成 {parts} 条短信的文字发不了；最多 {MAX_PARTS} 条，最少 1 条",
            )
        )
    return parts


def _pause_s(letter: Letter) -> float:
    """Before the next try, with full jitter: after a city's power cut not all homes shall send in one second."""
    cap_s = _URGENT_CAP_S if letter.is_urgent else _RETRY_CAP_S
    return random.uniform(0, min(cap_s, _RETRY_START_S * 2 ** min(letter.tries, 16)))  # noqa: S311 - no secret


def _because(letter: Letter) -> str:
    return f": {letter.reason}" if letter.reason else ""


def _now() -> float:
    return asyncio.get_running_loop().time()
