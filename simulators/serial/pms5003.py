"""A Plantower PMS5003 or PMS5003T on a pseudo terminal (Plantower's data manual, appendix I)."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial.glide import Glide
from simulators.serial.instrument import Utterance
from simulators.serial.shown import Shown
from simulators.tally import Tally

_PM = (Quantity.PM1, Quantity.PM2_5, Quantity.PM10)
_CLIMATE = (Quantity.TEMPERATURE, Quantity.HUMIDITY)
_VERSION, _VERSION_T = 0x9700, 0x9A00
_COUNTS = (1200, 400, 90, 24, 6, 2)


def frame(words: Iterable[int]) -> bytes:
    """`42 4D | length | words | sum`."""
    body = b"\x42\x4d\x00\x1c" + b"".join((word & 0xFFFF).to_bytes(2, "big") for word in words)
    return body + sum(body).to_bytes(2, "big")


EMPTY = frame((*(0 for _ in range(12)), _VERSION))
"""What it says while its fan starts."""


def report(pm1: int, pm2_5: int, pm10: int, climate: tuple[float, float] | None = None) -> bytes:
    """A report; `climate` are degrees and % of the T."""
    air = (pm1, pm2_5, pm10) * 2
    if climate is None:
        return frame((*air, *_COUNTS, _VERSION))
    return frame((*air, *_COUNTS[:4], *(round(value * 10) for value in climate), _VERSION_T))


class Pms5003(Shown):
    """One sensor, cold when it is plugged in: for `cold_s` it says zeros."""

    def __init__(
        self,
        tally: Tally,
        *,
        sensor_id: str,
        link: Path,
        every_s: float = 1.0,
        cold_s: float = 30.0,
        is_t: bool = False,
    ) -> None:
        """Unplugged until `running`; the air is clean."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=every_s)
        self.leads = frozenset((*_PM, *_CLIMATE) if is_t else _PM)
        self._is_t = is_t
        self._cold_s = cold_s
        self._warm_at: float | None = None
        self._shown = False
        self._air = {Quantity.PM1: Glide(3), Quantity.PM2_5: Glide(7), Quantity.PM10: Glide(9)}
        self._air |= {Quantity.TEMPERATURE: Glide(21.2), Quantity.HUMIDITY: Glide(45.0)}

    def smoke(self, *, pm2_5: float = 600.0, over_s: float = 20.0) -> None:
        """Something smoulders."""
        now = asyncio.get_running_loop().time()
        for quantity, share in zip(_PM, (0.7, 1.0, 1.2), strict=True):
            self._air[quantity].turn_to(pm2_5 * share, now=now, over_s=over_s)

    def clear(self, *, over_s: float = 60.0) -> None:
        """The window is opened."""
        now = asyncio.get_running_loop().time()
        for quantity, clean in zip(_PM, (3, 7, 9), strict=True):
            self._air[quantity].turn_to(clean, now=now, over_s=over_s)

    def report(self) -> Iterable[Utterance]:
        """What it measures, or zeros."""
        now = asyncio.get_running_loop().time()
        self._warm_at = now + self._cold_s if self._warm_at is None else self._warm_at
        if now < self._warm_at or (self.is_playing and not self._shown):
            yield Utterance(frame=EMPTY)
            return
        if self.is_playing:
            yield Utterance(frame=self._frame({q: self._air[q].at(now) for q in self.leads}))
            return
        values = {quantity: self._air[quantity].at(now) for quantity in self.leads}
        rounded = {q: round(v, 1) if q in _CLIMATE else float(round(v)) for q, v in values.items()}
        yield Utterance(frame=self._frame(rounded), values=rounded)

    def carries(self, quantity: Quantity, value: float) -> bool:
        """Whole micrograms; tenths of degrees and %."""
        steps = value * 10 if quantity in _CLIMATE else value
        return abs(steps - round(steps)) < 1e-6 and (quantity is Quantity.TEMPERATURE or value >= 0)

    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """A report in which these have changed; it has no word for "not known", so the rest stays."""
        now = asyncio.get_running_loop().time()
        self._shown = True
        for quantity, value in values.items():
            self._air[quantity].turn_to(value, now=now)
        return await self.say(self._frame({q: self._air[q].at(now) for q in self.leads}), values)

    def _frame(self, values: Mapping[Quantity, float]) -> bytes:
        pm1, pm2_5, pm10 = (round(values[quantity]) for quantity in _PM)
        climate = (values[Quantity.TEMPERATURE], values[Quantity.HUMIDITY]) if self._is_t else None
        return report(pm1, pm2_5, pm10, climate)
