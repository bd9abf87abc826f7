"""A radio receiver on a serial line that hears many devices: an EnOcean dongle, an RFXtrx.

One task holds the port and hands each device's telegrams to the ears of its sensors, over all connections. It asks the
receiver now and then whether it lives: its devices may be silent for days, and a dead one would hide every alarm.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Never

import msgspec

from drivers.rejects import Rejects
from drivers.serial.framing import Framer
from drivers.serial.instrument import PARTIAL_S, Questions
from drivers.serial.link import Line, SerialLink, SerialPort
from drivers.serial.port_name import may_move
from shouwang.bilingual import Bilingual, chinese, told_by
from shouwang.errors import DeviceError

log = logging.getLogger(__name__)

FIRST_WORD_S = 15.0
"""A receiver that says nothing for so long after it was opened and asked is something else, or broken."""
ALIVE_S = 30.0
"""Between two questions whether it lives."""
SILENT_S = 3 * ALIVE_S + 5.0
"""Three unanswered: it hangs."""
ATTACH_S = 3.0
"""A sensor waits this long for the receiver before it says that there is none."""
INHERIT_S = 5.0
"""What came this long ago, when the ear of before was closed already or had not got to it, is news for the next one."""
NEWCOMERS = 64
"""So many devices that the home does not name are told of; a block of flats may have more."""
_INBOX_CAPACITY = 64


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A telegram as the receiver gave it, and when (loop time)."""

    frame: bytes
    at: float


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One sound packet. `address` of the device that it is from; empty for the receiver's own words.

    `is_proof`: it shows that the receiver lives; our own question sent back does not, nor what may be anybody's bytes.
    `guess`: what the device seems to be, so that a newcomer is told again when that becomes clear.
    """

    frame: bytes
    address: str = ""
    is_proof: bool = True
    guess: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How one make of receiver speaks.

    `questions`: how it is made to listen, then forever what it must answer. `introduce`: what a telegram tells of a
    device that the home does not name, with the lines to paste.
    """

    part: str
    zh: str
    en: str
    line: Line
    framer: Callable[[], Framer[Word]]
    questions: Callable[[], Questions]
    introduce: Callable[[bytes], str]


class Ear:
    """The telegrams of one device for one sensor, over all connections; kept while the sensor's driver pauses."""

    def __init__(self, receiver: "Receiver", address: str) -> None:
        """Made by `Receiver.ear`."""
        self.address = address
        self._receiver = receiver
        self._inbox: deque[Heard] = deque(maxlen=_INBOX_CAPACITY)  # when full, the oldest goes: newer ones follow it
        self._changed = asyncio.Event()
        self._is_outage_told = False

    async def connection(self) -> None:
        """Return once the receiver listens, or with telegrams left over from an earlier connection.

        Raises DeviceError where it does not within 3 s, once for each outage; after that it waits for the end of it, so
        that no pause between two attempts delays what is heard then.
        """
        try:
            async with asyncio.timeout(None if self._is_outage_told else ATTACH_S):
                while not (self._receiver.is_listening or self._inbox):
                    await self._change()
        except TimeoutError:
            raise self._outage() from None

    async def next(self) -> Heard:
        """The next telegram. May be cancelled: nothing is lost. Raises DeviceError while the receiver is lost."""
        while not self._inbox:
            if not self._receiver.is_listening:
                raise self._outage()
            await self._change()
        return self._inbox.popleft()

    async def first(self) -> None:
        """Return when the device was heard, however often the receiver is lost meanwhile."""
        while not self._inbox:
            await self._change()

    def arrive(self, heard: Heard) -> None:
        """For the receiver: a telegram."""
        self._inbox.append(heard)
        self._changed.set()

    def close(self) -> None:
        """Nothing comes here any more; what was not taken is for the next ear of this device."""
        self._receiver.end_ear(self, self._inbox)

    def receiver_changed(self) -> None:
        """For the receiver: it listens, or is lost."""
        if self._receiver.is_listening:
            self._is_outage_told = False
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _outage(self) -> DeviceError:
        self._is_outage_told = True
        return DeviceError(self._receiver.trouble)


class Receiver:
    """One receiver for all its devices. `run` holds it; who runs it tries again when it ends."""

    def __init__(self, dialect: Dialect, port: str, *, tell: Callable[[str], None] | None = None) -> None:
        """Nothing is opened before `run`. `tell` gets each newcomer's introduction instead of the log."""
        self._dialect = dialect
        self._port = port
        self._link = SerialLink(port, dialect.line)
        self._rejects = Rejects(dialect.part)
        self._ears: defaultdict[str, list[Ear]] = defaultdict(list)
        self._left: dict[str, Sequence[Heard]] = {}
        self._newcomers: set[tuple[str, str]] = set()
        self._tell = tell or (lambda said: log.info("%s: %s", dialect.en, said))
        self.is_listening = False
        self.trouble: str = Bilingual(
            f"the {dialect.en} at {port} was not opened yet", zh=f"{port} 上的{dialect.zh}还没有打开"
        )
        """Why it does not listen."""
        if may_move(port):
            log.warning(
                "%s: %s may name another adapter after a restart; write a name of /dev/serial/by-id/ instead",
                dialect.en,
                port,
            )

    @property
    def rejected(self) -> int:
        """How many packets could not be read since the start."""
        return self._rejects.count

    def ear(self, address: str) -> Ear:
        """Hear the device with this address, from now on."""
        ear = Ear(self, address)
        self._ears[address].append(ear)
        for heard in self._left.pop(address, ()):
            if asyncio.get_running_loop().time() - heard.at <= INHERIT_S:
                ear.arrive(heard)
        return ear

    def end_ear(self, ear: Ear, left: Iterable[Heard]) -> None:
        """Its sensor is another one from now on, or none."""
        others = [one for one in self._ears.pop(ear.address, ()) if one is not ear]
        if others:
            self._ears[ear.address] = others
        elif found := tuple(left):
            self._left[ear.address] = found

    async def run(self) -> Never:
        """Listen until cancelled; raises DeviceError where it cannot be opened, is lost, or says nothing any more."""
        try:
            async with self._link.opened() as port:
                await self._listen(port)
        except DeviceError as error:
            why = told_by(error)
            self.trouble = Bilingual(f"{self._dialect.en}: {why}", zh=f"{self._dialect.zh}：{chinese(why) or why}")
            raise DeviceError(self.trouble) from error
        finally:
            self._become(listening=False)

    async def _listen(self, port: SerialPort) -> Never:
        loop = asyncio.get_running_loop()
        framer, questions = self._dialect.framer(), self._dialect.questions()
        ask_at = heard_at = loop.time()
        silent_at = loop.time() + FIRST_WORD_S
        while True:
            if loop.time() >= ask_at:
                question, pause_s = next(questions)
                await port.write(question)
                ask_at = loop.time() + pause_s
            partial_at = heard_at + PARTIAL_S if framer.is_waiting else silent_at
            data = await port.read_until(min(ask_at, silent_at, partial_at))
            now = loop.time()
            words: list[Word] = []
            if data:
                heard_at = now
                words = framer.feed(data, self._rejects.add)
            elif framer.is_waiting and now >= partial_at:
                words = framer.give_up(self._rejects.add)
            for word in words:
                self._take(word, now)
            if any(word.is_proof for word in words):
                silent_at = now + SILENT_S
            elif now >= silent_at:
                raise DeviceError(
                    Bilingual(
                        f"{self._port} does not answer; is it the right port? Unplug it and plug it in again",
                        zh=f"{self._port} 没有应答；串口对吗？请拔下再插上",
                    )
                )

    def _take(self, word: Word, now: float) -> None:
        if word.is_proof:
            self._become(listening=True)
        if not word.address:
            return
        ears = self._ears.get(word.address)
        if ears is None:
            self._meet(word)
            return
        for ear in ears:
            ear.arrive(Heard(frame=word.frame, at=now))

    def _meet(self, word: Word) -> None:
        newcomer = (word.address, word.guess)
        if newcomer in self._newcomers or len(self._newcomers) >= NEWCOMERS:
            return
        self._newcomers.add(newcomer)
        self._tell(self._dialect.introduce(word.frame))

    def _become(self, *, listening: bool) -> None:
        was, self.is_listening = self.is_listening, listening
        if was is not listening:
            for ears in self._ears.values():
                for ear in ears:
                    ear.receiver_changed()
