"""The home's modem as a sensor (decision 008): heard while a network has taken it in, down with the reason otherwise.

One visit opens the port, brings the modem up (modem_start), and then does four things at a time over one AtActor: it
looks at network and signal, gives queued messages, reads what came in, and makes calls. A visit ends where the port is
lost, the modem is silent or was restarted. While there is only no network or no credit it goes on, without a word: so
the sensor stays down, and the modem tries.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Never

from drivers.rejects import Rejects
from drivers.serial.at_actor import AtActor
from drivers.serial.codec.at_lines import (
    Registration,
    Stat,
    message_place,
    pdu_from,
    prefix_of,
    registration,
    sent_ref,
    signal_dbm,
)
from drivers.serial.link import Line, SerialLink
from drivers.serial.modem_credit import Credit
from drivers.serial.modem_models import Abilities
from drivers.serial.modem_part import MODEM_ID, ModemPart
from drivers.serial.modem_start import Memory, start
from drivers.serial.sms_inbox import Inbox
from drivers.serial.sms_mail import Mail
from drivers.serial.sms_queue import SmsQueue
from drivers.serial.voice_call import Booth
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Emit, Sample
from shouwang.errors import DecodeError, DeviceError, ShouwangError
from shouwang.quantities import Quantity

log = logging.getLogger(__name__)

POLL_S = 30.0
REGISTER_S = 60.0
"""A modem finds its network within a minute after power; a shorter loss is a handover or a lift."""
WEAK_DBM = -107.0
"""Below three of 31 steps of +CSQ, registration comes and goes."""
_SWEEP_S = 600.0
"""Messages are looked for this often, whatever the modem told of them."""
_BOOTS = frozenset({"RDY", "START", "NORMAL POWER DOWN", "UNDER-VOLTAGE POWER DOWN", "OVER-VOLTAGE POWER DOWN"})
_REGISTRATIONS = ("+CREG", "+CEREG")


class ModemDriver:
    """One modem. It is a driver; the queue, the inbox and the booth are how the rest of the home uses it."""

    def __init__(self, part: ModemPart, queue: SmsQueue, inbox: Inbox, booth: Booth, memory: Memory) -> None:
        """Nothing is opened before `run`."""
        self._part = part
        self._link = SerialLink(part.port, Line(baudrate=part.baudrate))
        self._queue = queue
        self._inbox = inbox
        self._booth = booth
        self._memory = memory
        self._rejects = Rejects(MODEM_ID)
        self._credit = None if part.balance is None else Credit(part.balance)
        self._is_told = False

    @property
    def sensor_id(self) -> str:
        """The modem's own; a home has one."""
        return MODEM_ID

    @property
    def max_silence(self) -> timedelta | None:
        """None: it says nothing while there is no network, and watches over the port itself."""
        return None

    @property
    def rejected(self) -> int:
        """How many lines and messages could not be read since the start."""
        return self._rejects.count

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled; raises DeviceError with what is wrong."""
        async with self._link.opened() as port:
            visit = _Visit(self._credit, self._queue, self._inbox, self._booth, self._rejects)
            actor = AtActor(port, visit.heard)
            ordered_to_stop = _orders_to_stop()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(actor.run(), name="modem-reader")
                    await self._work(visit, actor, emit)
            except* ShouwangError as failures:
                failure = _first(failures)
            finally:
                await self._queue.doubt_handed()
        if _orders_to_stop() > ordered_to_stop:
            raise asyncio.CancelledError
        raise failure

    async def _work(self, visit: "_Visit", actor: AtActor, emit: Emit) -> None:
        pin_file, centre = self._part.pin_file, self._part.smsc
        abilities = await start(actor, pin_file=pin_file, centre=centre, memory=self._memory)
        await visit.stay(actor, abilities, lambda trouble: self._tell(trouble, emit, visit))

    def _tell(self, trouble: str, emit: Emit, visit: "_Visit") -> None:
        """Say how the modem is: a reading while all is well; raises DeviceError once for each trouble."""
        if trouble and not self._is_told:
            self._is_told = True
            raise DeviceError(trouble)
        self._is_told = bool(trouble)
        if trouble:
            return
        strength = visit.strength_dbm
        emit(Alive() if strength is None else Sample(quantity=Quantity.SIGNAL_STRENGTH, value=strength))


class _Visit:
    """What is going on between one opening of the port and its closing."""

    def __init__(self, credit: Credit | None, queue: SmsQueue, inbox: Inbox, booth: Booth, rejects: Rejects) -> None:
        self.strength_dbm: float | None = None
        self._queue = queue
        self._booth = booth
        self._rejects = rejects
        self._credit = credit
        self._mail = Mail(queue, inbox, rejects)
        self._registrations: dict[str, Registration] = {}
        self._registered = asyncio.Event()
        self._news = asyncio.Event()
        self._late: deque[int] = deque(maxlen=4)
        self._is_started = False
        self._echoes = 0
        self._lost_at = _now()
        self._dropped = 0

    async def stay(self, actor: AtActor, abilities: Abilities, tell: Callable[[str], None]) -> None:
        """Work until something ends it with a DeviceError."""
        self._echoes, self._dropped = actor.echoes, actor.dropped
        self._is_started = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(actor), name="modem-send")
            group.create_task(self._mail.run(actor, sweep_s=_SWEEP_S), name="modem-mail")
            group.create_task(self._booth.serve(actor, abilities, self._registered), name="modem-calls")
            await self._watch(actor, tell)

    # ---- what the modem says by itself ----

    def heard(self, line: str, pdu: str) -> None:
        """One line that nobody asked for. Raises DeviceError where the modem has restarted."""
        if self._is_started and (line in _BOOTS or line == "+CFUN: 1"):
            raise DeviceError(
                Bilingual(
                    "the modem has restarted by itself; can its power supply give 2 A for a moment?",
                    zh="调制解调器自行重启；它的电源能瞬间提供 2 A 吗？",
                )
            )
        try:
            self._hear(line, pdu)
        except DecodeError as error:
            self._rejects.add(error)

    def _hear(self, line: str, pdu: str) -> None:
        prefix = prefix_of(line)
        if prefix in _REGISTRATIONS:
            self._take_registration(line)
            self._news.set()
        elif prefix in ("+CMTI", "+CDSI"):
            self._mail.arrived(*message_place(line))
        elif prefix in ("+CMT", "+CDS"):
            self._mail.came(pdu_from(pdu))
        elif prefix == "+CMGS":
            self._late.append(sent_ref(line))
            self._news.set()
        elif prefix == "+CUSD" and self._credit is not None:
            self._credit.heard(line)
        else:
            self._booth.heard(line)

    def _take_registration(self, line: str) -> None:
        self._registrations[prefix_of(line)] = registration(line)
        if self._can_send:
            self._registered.set()
        elif self._registered.is_set():
            self._registered.clear()
            self._lost_at = _now()

    @property
    def _can_send(self) -> bool:
        return any(found.can_send for found in self._registrations.values())

    # ---- network and signal ----

    async def _watch(self, actor: AtActor, tell: Callable[[str], None]) -> Never:
        while True:
            await self._look(actor)
            if self._can_send:
                tell(self._credit.trouble if self._credit is not None else "")
            elif _now() - self._lost_at >= REGISTER_S:
                tell(self._why_not())
            if self._credit is not None and self._can_send:
                await self._credit.ask(actor)
            await self._wait()

    async def _look(self, actor: AtActor) -> None:
        answer = await actor.ask("AT+CSQ", "+CSQ")
        with suppress(DecodeError):
            self.strength_dbm = signal_dbm(answer.lines[-1]) if answer.lines else None
        for prefix in _REGISTRATIONS:
            for line in (await actor.ask(f"AT{prefix}?", prefix)).lines:
                try:
                    self._take_registration(line)
                except DecodeError as error:
                    self._rejects.add(error)
        if actor.echoes > self._echoes:
            raise DeviceError(
                Bilingual(
                    "the modem has forgotten its settings: it was restarted; is its power supply good?",
                    zh="调制解调器丢失了设置：它重启过；电源可靠吗？",
                )
            )
        for _ in range(actor.dropped - self._dropped):
            self._rejects.add(DecodeError("the modem sent a line without an end; is the baud rate right?"))
        self._dropped = actor.dropped

    async def _wait(self) -> None:
        """Until the next look, or the modem tells of a change."""
        left_s = self._lost_at + REGISTER_S - _now()
        is_searching = not self._can_send and left_s > 0
        with suppress(TimeoutError):
            async with asyncio.timeout(min(POLL_S, left_s) if is_searching else POLL_S):
                await self._news.wait()
        self._news.clear()
        while self._late:
            await self._queue.answered_late(self._late.popleft())

    def _why_not(self) -> str:
        stats = {found.stat for found in self._registrations.values()}
        if Stat.DENIED in stats:
            return "the network denies this SIM; is its contract in force? Ask the operator"
        if Stat.EMERGENCY_ONLY in stats:
            return "the network allows this SIM emergency calls only; is its contract in force?"
        if self.strength_dbm is None:
            return "no network is heard; is the antenna screwed on? (In places 2G is switched off: take an LTE modem)"
        if self.strength_dbm <= WEAK_DBM:
            return f"the signal is too weak ({self.strength_dbm:.0f} dBm); put the antenna at a window"
        strength = f"{self.strength_dbm:.0f} dBm"
        return f"no network has taken the modem in ({strength}); does the SIM belong to one that is here?"

    # ---- sending ----

    async def _send(self, actor: AtActor) -> Never:
        while True:
            job = await self._queue.job(self._registered)
            submitted = await actor.submit(job.pdu, job.tpdu_size)
            await self._queue.handed_over(job, submitted)


def _orders_to_stop() -> int:
    """How often this task was told to stop.

    A TaskGroup of Python 3.11 that ends with failures forgets an order that came at the same moment, and the gateway
    would not stop. It counts right only where something is awaited inside of it, and not only its end.
    """
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _first(group: BaseExceptionGroup[ShouwangError]) -> ShouwangError:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _now() -> float:
    return asyncio.get_running_loop().time()
