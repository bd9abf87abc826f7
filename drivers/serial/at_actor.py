"""Speaks with one modem: one command in flight, its answer apart from what the modem says by itself.

A command that is not answered in time leaves the line out of step: before the next one, the modem is called until an
answer comes that can only be that to our call. What it says meanwhile, late answers among them, goes to `heard`.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Never, Protocol

import msgspec

from drivers.serial.at_splitter import PROMPT, AtSplitter
from drivers.serial.codec.at_errors import Refusal, refusal
from drivers.serial.codec.at_lines import prefix_of, sent_ref
from shouwang.bilingual import Bilingual, both
from shouwang.errors import DecodeError, DeviceError

_MUTE = (
    "the modem does not answer {command} within {limit:.0f} s",
    "调制解调器在 {limit:.0f} 秒内没有应答 {command}",
)
ANSWER_S = 10.0
"""Most commands are answered in 0.3 s; those that ask the SIM or the network take some seconds (SIM800: 5 s)."""
PROMPT_S = 10.0
SUBMIT_S = 60.0
"""SIM800 and SIM7600 manuals: AT+CMGS is answered in up to 60 s."""
_CALL_S = 3.0
_CALLS = 8
"""Until a modem that still works on an old command answers again; 8 times 3 s and some."""
_ESCAPE_S, _ATTENTION_S = 0.05, 0.2
_ESCAPE, _END_OF_PDU = b"\x1b\r", b"\x1a"
_CALL_ENDS = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"})
_WITH_PDU = frozenset({"+CMT", "+CDS", "+CMGL", "+CMGR"})
"""A PDU follows these on a line of its own."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")


class Port(Protocol):
    """An open serial port."""

    async def read(self) -> bytes:
        """What has come in. Raises DeviceError once the port is lost."""
        ...

    async def write(self, data: bytes) -> None:
        """Raises DeviceError once the port is lost."""
        ...


class NoAnswer(DeviceError):
    """A command was not answered in time; the line is brought into step again before the next one."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`refusal` is None where the modem said OK. A PDU stands on the line behind its header's."""

    lines: tuple[str, ...]
    refusal: Refusal | None = None


class Handover(StrEnum):
    """What became of a message that was given to the modem."""

    TAKEN = "taken"
    REFUSED = "refused"
    NOT_GIVEN = "not given"
    """The modem did not ask for it: it is certain that nothing was sent."""
    UNKNOWN = "unknown"
    """It was given and nothing came back: it may have been sent."""


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """`ref` with TAKEN where the modem told it, `refusal` with REFUSED."""

    handover: Handover
    ref: int | None = None
    refusal: Refusal | None = None


class _Flight:
    """The command that is being carried out."""

    def __init__(self, command: str, takes: str) -> None:
        loop = asyncio.get_running_loop()
        self.command = command
        self.body = ""
        self.takes = takes
        self.lines: list[str] = []
        self.prompt: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[Refusal | None] = loop.create_future()

    def is_ours(self, line: str) -> bool:
        """Whether the line belongs to the answer. Without a prefix to look for, all plain words do."""
        if self.takes:
            return prefix_of(line) == self.takes
        return not line.startswith(("+", "*", "^")) and line not in _UNASKED

    def end(self, found: Refusal | None) -> None:
        if not self.done.done():
            self.done.set_result(found)


_UNASKED = frozenset({"RING", "RDY", "Call Ready", "SMS Ready", "SMS DONE", "PB DONE", *_CALL_ENDS})
ANY = ""
"""`takes` of a command whose answer is plain words, e.g. the model."""
NOTHING = "-"
"""`takes` of a command that is answered by OK alone."""


class AtActor:
    """One modem on an open port. `run` reads and must run meanwhile; `heard` gets what was not asked for.

    `heard(line, pdu)`: `pdu` is empty but for +CMT and +CDS. It must not block; what it raises ends `run`.
    """

    def __init__(self, port: Port, heard: Callable[[str, str], None]) -> None:
        """Out of step: whoever had the port before may have left the modem in the middle of something."""
        self._port = port
        self._heard = heard
        self._splitter = AtSplitter()
        self._turn = asyncio.Lock()
        self._flight: _Flight | None = None
        self._is_in_step = False
        self._header = ""
        self.echoes = 0
        """How often the modem has repeated what it was told: after ATE0 a sign that it was restarted."""

    @property
    def dropped(self) -> int:
        """How many lines had no end."""
        return self._splitter.dropped

    async def run(self) -> Never:
        """Read until cancelled; raises DeviceError where the port is lost."""
        while True:
            for line in self._splitter.feed(await self._port.read()):
                self._take(line)

    async def ask(self, command: str, takes: str, *, timeout_s: float = ANSWER_S) -> Answer:
        """Give a command; `takes` is the prefix of its answer's lines (`+CSQ`), or ANY.

        Raises NoAnswer where the modem says nothing in time, DeviceError where it cannot be called back into step.
        """
        async with self._turn:
            await self._step_in()
            flight = self._begin(command, takes)
            try:
                await self._port.write(f"{command}\r".encode("latin-1"))
                async with asyncio.timeout(timeout_s):
                    found = await flight.done
            except TimeoutError:
                raise NoAnswer(both(*_MUTE, command=_named(command), limit=timeout_s)) from None
            finally:
                self._flight = None
            self._is_in_step = True
            return Answer(lines=tuple(flight.lines), refusal=found)

    async def submit(self, pdu: bytes, tpdu_size: int) -> Submitted:
        """Give a message to the modem. Raises DeviceError where the port is lost: then its fate is not known."""
        async with self._turn:
            await self._step_in()
            flight = self._begin(f"AT+CMGS={tpdu_size}", "+CMGS")
            self._splitter.expects_prompt = True
            try:
                await self._port.write(f"{flight.command}\r".encode("latin-1"))
                if not await self._prompted(flight):
                    return self._submitted(flight, Handover.NOT_GIVEN)
                flight.body = pdu.hex().upper()
                await self._port.write(flight.body.encode("latin-1") + _END_OF_PDU)
                async with asyncio.timeout(SUBMIT_S):
                    await flight.done
            except TimeoutError:
                return self._submitted(flight, Handover.UNKNOWN)
            finally:
                self._flight = None
                self._splitter.expects_prompt = False
            self._is_in_step = True
            return self._submitted(flight, Handover.UNKNOWN)

    async def shout(self, *commands: str) -> None:
        """Give commands without waiting for their turn or answer: for the last word. Raises DeviceError."""
        self._is_in_step = False
        for command in commands:
            await self._port.write(f"\r{command}\r".encode("latin-1"))
            await asyncio.sleep(_ESCAPE_S)

    async def _prompted(self, flight: _Flight) -> bool:
        """Whether the modem asks for the message; False where it refuses, or is silent and was told to forget it."""
        waits: set[asyncio.Future[None] | asyncio.Future[Refusal | None]] = {flight.prompt, flight.done}
        await asyncio.wait(waits, timeout=PROMPT_S, return_when=asyncio.FIRST_COMPLETED)
        if flight.done.done():
            self._is_in_step = True
            return False
        if not flight.prompt.done():
            await self._port.write(_ESCAPE)
            return False
        return True

    def _submitted(self, flight: _Flight, otherwise: Handover) -> Submitted:
        for line in flight.lines:
            with suppress(DecodeError):  # where it is garbled, the OK behind it still says that it was taken
                return Submitted(handover=Handover.TAKEN, ref=sent_ref(line))
        if not flight.done.done() or flight.done.cancelled():  # a time-out cancels what it waited for
            return Submitted(handover=otherwise)
        found = flight.done.result()
        if found is not None:
            return Submitted(handover=Handover.REFUSED, refusal=found)
        return Submitted(handover=Handover.TAKEN if flight.body else Handover.NOT_GIVEN)

    # ---- lines ----

    def _take(self, line: str) -> None:
        flight = self._flight
        if line == PROMPT:
            if flight is not None and not flight.prompt.done():
                flight.prompt.set_result(None)
            return
        if self._header:
            header, self._header = self._header, ""
            if _HEX.fullmatch(line):
                self._with_pdu(header, line, flight)
                return
        if prefix_of(line) in _WITH_PDU:
            self._header = line
        elif flight is None:
            self._heard(line, "")
        else:
            self._take_in_flight(line, flight)

    def _with_pdu(self, header: str, pdu: str, flight: _Flight | None) -> None:
        if flight is not None and flight.is_ours(header):
            flight.lines += [header, pdu]
        else:
            self._heard(header, pdu)

    def _take_in_flight(self, line: str, flight: _Flight) -> None:
        if line in (flight.command, flight.body):
            self.echoes += 1
        elif line == "OK":
            flight.end(None)
        elif (found := refusal(line)) is not None:
            flight.end(found)
        elif flight.command.startswith("ATD") and line in _CALL_ENDS:
            flight.end(Refusal(family="ATD", code=None, words=line.lower()))
        elif flight.is_ours(line):
            flight.lines.append(line)
        else:
            self._heard(line, "")

    # ---- in step ----

    def _begin(self, command: str, takes: str) -> _Flight:
        self._is_in_step = False
        self._flight = flight = _Flight(command, takes)
        return flight

    async def _step_in(self) -> None:
        """Call the modem until an answer comes that is none to an older command."""
        for _ in range(_CALLS):
            if self._is_in_step:
                return
            self._splitter.expects_prompt = False
            await self._port.write(_ESCAPE)  # a prompt that was left open would take our command for a message
            await asyncio.sleep(_ESCAPE_S)
            await self._port.write(b"AT\r")
            await asyncio.sleep(_ATTENTION_S)
            self._flight = flight = _Call()
            try:
                await self._port.write(b"AT+CMEE?\r")
                async with asyncio.timeout(_CALL_S):
                    await flight.done
                self._is_in_step = True
            except TimeoutError:
                continue
            finally:
                self._flight = None
        if not self._is_in_step:
            raise DeviceError(
                Bilingual(
                    "the modem does not answer; is it switched on, and is the baud rate right?",
                    zh="调制解调器没有应答；开机了吗？波特率对吗？",
                )
            )


class _Call(_Flight):
    """Ends with the OK behind its own answer, whatever else is said before."""

    def __init__(self) -> None:
        super().__init__("AT+CMEE?", "+CMEE")

    def end(self, found: Refusal | None) -> None:
        if self.lines:
            super().end(found)


def _named(command: str) -> str:
    """The command without what follows it: that may be a PIN or a number."""
    return re.split(r"[=;]", "ATD" if command.startswith("ATD") else command)[0]
