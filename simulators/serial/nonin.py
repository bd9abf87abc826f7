"""A Nonin oximeter on a pseudo terminal: a line of text a second, as its operator's manuals print it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial.finger import Clip, Finger, Seen
from simulators.serial.instrument import Utterance
from simulators.serial.shown import Shown
from simulators.tally import Tally


def line(seen: Seen, *, time: str = "", suffix: str = "") -> bytes:
    """`12:31:05 SPO2=097 HR=072*`; dashes where there is no value."""
    spo2 = "---" if seen.spo2 is None else f"{seen.spo2:03d}"
    pulse = "---" if seen.pulse is None else f"{seen.pulse:03d}"
    return f"{time} SPO2={spo2} HR={pulse}{suffix}\r\n".lstrip().encode("ascii")


class Nonin(Shown):
    """One oximeter; `finger` is what its clip holds, `suffix` and `time` are what its model prints besides."""

    leads = frozenset({Quantity.SPO2, Quantity.HEART_RATE})

    def __init__(
        self, tally: Tally, *, sensor_id: str, link: Path, every_s: float = 1.0, time: str = "", suffix: str = ""
    ) -> None:
        """Unplugged until `running`."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self.finger = Finger()
        self.time, self.suffix = time, suffix

    def report(self) -> Iterable[Utterance]:
        """A line."""
        if not self.is_playing:
            seen = self.finger.seen()
            values = {Quantity.SPO2: seen.spo2, Quantity.HEART_RATE: seen.pulse}
            known = {quantity: float(value) for quantity, value in values.items() if value is not None}
            yield Utterance(frame=line(seen, time=self.time, suffix=self.suffix), values=known)

    async def switch_on(self) -> None:
        """The heading that it prints then."""
        await self.say(b"NONIN MEDICAL, INC.\r\nSPO2 AND HEART RATE\r\nDATE/TIME 01/02/03 12:31:00\r\n")

    def carries(self, quantity: Quantity, value: float) -> bool:
        """Whole numbers that it shows: 0 to 100 %, 18 to 321 /min."""
        return value == int(value) and (0 < value <= 100 if quantity is Quantity.SPO2 else 18 <= value <= 321)

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """A line with these values."""
        spo2, pulse = values.get(Quantity.SPO2), values.get(Quantity.HEART_RATE)
        seen = Seen(
            clip=Clip.FINGER,
            spo2=None if spo2 is None else int(spo2),
            pulse=None if pulse is None else int(pulse),
        )
        return await self.say(line(seen, time=self.time, suffix=self.suffix), values)
