"""What an installer pastes into home.yaml for what was found on serial ports."""

from collections.abc import Iterator, Sequence

from config.home import Home
from drivers.serial.instrument import Instrument
from shouwang.bilingual import Bilingual, both

TO_USE = Bilingual(
    "To use one, paste its lines under sensors: in home.yaml, then run: shouwang gateway check -c home.yaml",
    zh="要用哪一个，就把它那几行贴到 home.yaml 的 sensors: 下面，再运行：shouwang gateway check -c home.yaml",
)
_BY_THEMSELVES = Bilingual(
    "These lines stand by themselves in home.yaml, each first word at the very beginning of its line:",
    zh="下面这些在 home.yaml 里单独成段，每段的第一个词要顶格写：",
)
_CHOOSE = (
    "  # one of the next {count} is right for {port}; paste only that one",
    "  # 下面 {count} 段里只有一段适合 {port}；只贴那一段",
)
_MAP = "THE-MAP-OF-THIS-UNIT   # see docs/modbus.md"


class Entries:
    """Collects entries; ids that the home has already are not given again."""

    def __init__(self, home: Home | None) -> None:
        """Nothing was found."""
        self._taken = set[str]() if home is None else {sensor.id for sensor in home.sensors}
        self._taken |= set() if home is None else {part.line for part in home.modbus}
        self._sensors: list[str] = []
        self._parts: list[str] = []
        self._lines: list[str] = []

    def choose(self, fits: Sequence[Instrument], port: str) -> None:
        """The next entries are for one port: only one of them is right."""
        self._sensors.append(both(*_CHOOSE, count=len(fits), port=port))

    def instrument(self, instrument: Instrument, port: str) -> None:
        """A sensor, or a receiver of many."""
        if instrument.part:
            self._parts.append(f"{instrument.part}:\n  port: {port}")
            return
        name = self._name(instrument.kind.rpartition("_")[0].replace("_", "-"))
        keys = (f"id: {name}", f"port: {port}", *instrument.keys)
        self._sensors.append("\n    ".join((f"  - kind: {instrument.kind}", *keys)))

    def modem(self, port: str) -> None:
        """A modem for SMS."""
        self._parts.append(f"modem:\n  port: {port}")

    def units(self, units: Sequence[int], baudrate: int, port: str) -> None:
        """Modbus units on one line."""
        line = self._name("line")
        self._lines.append(f"  - line: {line}\n    port: {port}\n    baudrate: {baudrate}")
        for unit in units:
            name = self._name(f"unit-{unit}")
            self._sensors.append(
                f"  - kind: modbus_unit\n    id: {name}\n    line: {line}\n    unit: {unit}\n    map: {_MAP}"
            )

    def lines(self) -> Iterator[str]:
        """All of them, with what to do."""
        if self._sensors:
            yield ""
            yield TO_USE
        for entry in self._sensors:
            yield from ("", entry)
        parts = [*self._parts, *(["modbus:\n" + "\n".join(self._lines)] if self._lines else [])]
        if parts:
            yield ""
            yield _BY_THEMSELVES
        for entry in parts:
            yield from ("", entry)

    def _name(self, wished: str) -> str:
        stem, number = wished, 1
        while wished in self._taken:
            number += 1
            wished = f"{stem}-{number}"
        self._taken.add(wished)
        return wished
