"""A mobile modem of the SIM800, SIM7600 or EC25 class on a pseudo terminal, with a SIM and a network behind it.

It speaks as 3GPP TS 27.005 and 27.007 and the makers' AT manuals say. `faults` holds what goes wrong; each that counts
down happens so many times.
"""

import argparse
import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from simulators.serial.modem_call import Telephone
from simulators.serial.pdu import CENTRE, Submitted, deliver, read_submit, status_report
from simulators.serial.ptypair import PtyPair

_PROMPT = b"\r\n> "
_TRIES = 3
_CALLS = ("AT", "AT+CMEE?")
"""What a modem is called with by who does not know what it is doing."""
_INDEXES = 20


@dataclass(kw_only=True)
class Faults:
    """What goes wrong, in the modem, the SIM and the network."""

    refusals: deque[str] = field(default_factory=deque)
    """Final lines instead of sending, e.g. `+CMS ERROR: 38`."""
    no_prompt: int = 0
    lost_sent: int = 0
    """The message goes out, and nothing is said of it."""
    lost_unsent: int = 0
    """The message does not go out, and nothing is said of it."""
    late_s: float | None = None
    """The answer to a message comes so much later."""
    reset_in_message: int = 0
    """The supply breaks down when it begins to transmit: the message is lost."""
    sim_busy: int = 0
    interject: str = ""
    """Said by itself in the middle of each answer."""
    slow_s: float = 0.0
    """Each answer comes so much later."""
    mute: bool = False
    """Commands are taken and nothing is answered."""


@dataclass(kw_only=True)
class Network:
    """What the network does, and what it has got."""

    stat: int = 1
    signal: int = 20
    sent: list[tuple[int, Submitted]] = field(default_factory=list)
    status: int | None = 0
    """Of the report on each message that asks for one; None: no report comes."""
    report_after_s: float = 0.0
    credit: str = ""


class Modem:
    """One modem. `line` has the faults of its cable."""

    def __init__(self, link: Path, *, model: str = "SIMCOM_SIM7600E", pin: str = "", sim: str = "READY") -> None:
        """Unplugged until `running`. `sim` is READY, SIM PIN, SIM PUK or NOT INSERTED; `pin` opens it."""
        self.line = PtyPair(link, self._heard)
        self.faults = Faults()
        self.network = Network()
        self.telephone = Telephone(self.urc)
        self.sim = sim
        self.pin = pin
        self.pins_tried: list[str] = []
        self.commands: list[str] = []
        self.interrupted: list[str] = []
        """Commands that came before the one before was answered; real modems give up that one then."""
        self.stored: dict[int, str] = {}
        self.is_2g = "SIM800" in model
        self._model = model
        self._tries = _TRIES
        self._ref = 0
        self._echo = True
        self._report_mode = 0
        self._registration_mode = 0
        self._buffer = b""
        self._awaits_pdu = False
        self._unanswered = 0
        self._said: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Powered and plugged in."""
        self.line.plug()
        self._spawn(self._speak())
        try:
            yield self
        finally:
            self.telephone.hang_up()
            for task in list(self._tasks):
                task.cancel()
            ended = await asyncio.gather(*self._tasks, return_exceptions=True)
            self.line.unplug()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    # ---- the world ----

    def urc(self, line: str) -> None:
        """Say a line that nobody asked for."""
        self._say(f"\r\n{line}\r\n")

    def receive(self, sender: str, text: str, *, ref: int = 0, only: tuple[int, ...] = ()) -> None:
        """A message comes in; `only` these parts of it (from 1), all where it is empty."""
        for seq, pdu in enumerate(deliver(sender, text, ref=ref), 1):
            if not only or seq in only:
                self._store(pdu, "+CMTI")

    def report(self, ref: int, to: str, status: int = 0) -> None:
        """The network tells the fate of a message."""
        pdu = status_report(ref, to, status)
        if self._report_mode == 2:
            self._store(pdu, "+CDSI")
        elif self._report_mode == 1:
            self._say(f"\r\n+CDS: {len(pdu) - 1 - pdu[0]}\r\n{pdu.hex().upper()}\r\n")

    def register(self, stat: int) -> None:
        """The network takes it in, or not."""
        self.network.stat = stat
        if self._registration_mode:
            self.urc(f'+CREG: {stat},"5E25","0000605F"' if stat in (1, 5) else f"+CREG: {stat}")

    def reset(self) -> None:
        """The supply breaks down for a moment: all settings are lost."""
        self._echo, self._report_mode, self._registration_mode = True, 0, 0
        self._awaits_pdu, self._buffer = False, b""
        if self.pin:
            self.sim = "SIM PIN"
        for line in ("RDY", "+CFUN: 1", f"+CPIN: {self.sim}", "SMS Ready"):
            self.urc(line)

    def _store(self, pdu: bytes, urc: str) -> None:
        index = next((n for n in range(1, _INDEXES + 1) if n not in self.stored), None)
        if index is None:
            return
        self.stored[index] = pdu.hex().upper()
        self.urc(f'{urc}: "SM",{index}')

    # ---- the line ----

    def _say(self, text: str, *, after_s: float = 0.0) -> None:
        self._said.put_nowait((after_s, text.encode("latin-1")))

    async def _speak(self) -> None:
        while True:
            after_s, data = await self._said.get()
            if after_s:
                await asyncio.sleep(after_s)
            await self.line.say(data)
            if data.endswith(b"\r\nOK\r\n"):
                self._unanswered = 0

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload] # a coroutine
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _heard(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer:
            end = self._end()
            if end is None:
                return
            taken, ending, self._buffer = self._buffer[:end], self._buffer[end], self._buffer[end + 1 :]
            if self._awaits_pdu:
                self._awaits_pdu = False
                self._take_pdu(taken, is_cancelled=ending == 0x1B)
            else:
                self._take_line(taken.decode("latin-1").strip("\x1b\n "))

    def _end(self) -> int | None:
        ends = b"\x1a\x1b" if self._awaits_pdu else b"\r"
        return next((at for at, byte in enumerate(self._buffer) if byte in ends), None)

    def _take_line(self, line: str) -> None:
        if not line:
            return
        self.commands.append(line)
        if self._unanswered and line not in _CALLS:
            self.interrupted.append(line)
        if self.faults.mute:
            return
        if self._echo:
            self._say(f"{line}\r")
        if not line.upper().startswith("AT"):
            return
        for pattern, answer in self._table():
            found = re.fullmatch(pattern, line[2:])
            if found:
                answer(*found.groups())
                return
        self._error(4)

    def _table(self) -> list[tuple[str, Callable[..., None]]]:
        return [
            (r"", self._ok),
            (r"E([01])", self._set_echo),
            (r"\+CMEE=\d", self._ok),
            (r"\+CMEE\?", lambda: self._answer("+CMEE: 1")),
            (r"\+CGMM", lambda: self._answer(self._model)),
            (r"\+CPIN\?", self._tell_sim),
            (r'\+CPIN="(.*)"', self._enter_pin),
            (r"\+CREG=(\d)", self._set_registration),
            (r"\+CEREG=\d", lambda: self._error(4) if self.is_2g else self._ok()),
            (r"\+CREG\?", lambda: self._answer(f"+CREG: {self._registration_mode},{self.network.stat}")),
            (r"\+CEREG\?", lambda: self._error(4) if self.is_2g else self._answer("+CEREG: 2,0")),
            (r"\+CSQ", lambda: self._answer(f"+CSQ: {self.network.signal},99")),
            (r"\+CMGF=0", self._ok),
            (r"\+CPMS=.*", lambda: self._answer(f"+CPMS: {len(self.stored)},{_INDEXES}")),
            (r"\+CNMI=2,1,0,(\d),0", self._set_reports),
            (r"\+CSCA=.*", self._ok),
            (r"\+CSCA\?", lambda: self._answer(f'+CSCA: "{CENTRE}",145')),
            (r"\+CMGS=(\d+)", self._ask_for_pdu),
            (r"\+CMGL=4", self._list),
            (r"\+CMGR=(\d+)", self._read),
            (r"\+CMGD=(\d+)", self._delete),
            (r'\+CUSD=1,"(.*)",15', self._ussd),
            (r"\+(DDET|QTONEDET)=1", lambda _: self._ok()),
            (r"D(.*);", self._dial),
            (r"\+CLCC", lambda: self._answer(*self.telephone.listed())),
            (r"\+CHUP|H", self._hang_up),
            (r"\+CCMXPLAYWAV=(.*)|\+QPSND=1,(.*)|\+CREC=4,(.*)", self._play),
            (r"\+CCMXSTOPWAV|\+QPSND=0|\+CREC=5", self._ok),
        ]

    def _answer(self, *lines: str) -> None:
        between = f"{self.faults.interject}\r\n" if self.faults.interject else ""
        text = "".join(f"\r\n{line}\r\n{between}" for line in lines) + "\r\nOK\r\n"
        self._unanswered += 1
        self._say(text, after_s=self.faults.slow_s)

    def _ok(self) -> None:
        self._answer()

    def _error(self, code: int) -> None:
        self._say(f"\r\n+CME ERROR: {code}\r\n")

    # ---- settings and SIM ----

    def _set_echo(self, value: str) -> None:
        self._echo = value == "1"
        self._ok()

    def _set_registration(self, mode: str) -> None:
        self._registration_mode = int(mode)
        self._ok()

    def _set_reports(self, mode: str) -> None:
        if self.is_2g and mode == "2":
            self._say("\r\n+CMS ERROR: 303\r\n")
            return
        self._report_mode = int(mode)
        self._ok()

    def _tell_sim(self) -> None:
        if self.faults.sim_busy:
            self.faults.sim_busy -= 1
            self._error(14)
        elif self.sim == "NOT INSERTED":
            self._error(10)
        else:
            self._answer(f"+CPIN: {self.sim}")

    def _enter_pin(self, pin: str) -> None:
        self.pins_tried.append(pin)
        if pin == self.pin:
            self.sim = "READY"
            self._ok()
            return
        self._tries -= 1
        if not self._tries:
            self.sim = "SIM PUK"
        self._error(16)

    # ---- messages ----

    def _ask_for_pdu(self, size: str) -> None:
        if self.faults.no_prompt:
            self.faults.no_prompt -= 1
            return
        if self.network.stat not in (1, 5, 6, 7):
            self._say("\r\n+CMS ERROR: 331\r\n")
            return
        self._size = int(size)
        self._awaits_pdu = True
        self._said.put_nowait((0.0, _PROMPT))

    def _take_pdu(self, written: bytes, *, is_cancelled: bool) -> None:
        if is_cancelled:
            self._ok()
            return
        if self._echo:
            self._say(written.decode("latin-1"))
        pdu = bytes.fromhex(written.decode("ascii"))
        if len(pdu) - 1 - pdu[0] != self._size:
            self._say("\r\n+CMS ERROR: 304\r\n")
            return
        self._transmit(read_submit(pdu))

    def _transmit(self, submitted: Submitted) -> None:
        faults = self.faults
        if faults.reset_in_message:
            faults.reset_in_message -= 1
            self.reset()
            return
        if faults.refusals:
            self._say(f"\r\n{faults.refusals.popleft()}\r\n")
            return
        if faults.lost_unsent:
            faults.lost_unsent -= 1
            return
        self._ref = (self._ref + 1) % 256
        self.network.sent.append((self._ref, submitted))
        if submitted.wants_report and self.network.status is not None:
            self._spawn(self._report_later(self._ref, submitted.to, self.network.status))
        if faults.lost_sent:
            faults.lost_sent -= 1
            return
        between = f"{faults.interject}\r\n" if faults.interject else ""
        after_s, faults.late_s = faults.late_s or 0.0, None
        self._say(f"\r\n{between}+CMGS: {self._ref}\r\n\r\nOK\r\n", after_s=after_s)

    async def _report_later(self, ref: int, to: str, status: int) -> None:
        await asyncio.sleep(self.network.report_after_s)
        self.report(ref, to, status)

    def _list(self) -> None:
        self._answer(*(f"+CMGL: {n},0,,{len(pdu) // 2 - 8}\r\n{pdu}" for n, pdu in self.stored.items()))

    def _read(self, index: str) -> None:
        pdu = self.stored.get(int(index))
        self._answer(*() if pdu is None else (f"+CMGR: 0,,{len(pdu) // 2 - 8}\r\n{pdu}",))

    def _delete(self, index: str) -> None:
        self.stored.pop(int(index), None)
        self._ok()

    def _ussd(self, _code: str) -> None:
        self._ok()
        if self.network.credit:
            written = self.network.credit.encode("utf-16-be").hex().upper()
            self.urc(f'+CUSD: 0,"{written}",72')

    # ---- calls ----

    def _dial(self, number: str) -> None:
        self._ok()
        self.telephone.dial(number)

    def _hang_up(self) -> None:
        self.telephone.hang_up()
        self._ok()

    def _play(self, *names: str | None) -> None:
        self.telephone.played += [name for name in names if name]
        self._ok()


async def _run(link: Path) -> None:
    async with Modem(link).running():
        print(f"a simulated modem is at {link}; end with Ctrl-C", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A simulated SMS modem on a pseudo terminal.")
    parser.add_argument("link", type=Path, help="the name under which it can be opened, e.g. /tmp/modem")
    asyncio.run(_run(parser.parse_args().link))
