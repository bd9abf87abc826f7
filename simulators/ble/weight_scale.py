"""A body scale: Weight Scale 1.0.1 (0x181D), Body Composition 1.0.1 (0x181B) and User Data (0x181C).

Frames are encoded from the services' sections 3.1 and 3.2 and the GATT Specification Supplement. What nobody has
confirmed is kept; of a person whom the scale knows it tells only after that person's consent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from bumble.gatt import Characteristic, Service

from shouwang.quantities import Quantity
from simulators.ble.attributes import INDICATE, READ, characteristic, service
from simulators.ble.clock import CURRENT_TIME_SERVICE, DeviceClock
from simulators.ble.delivery import Values, measured
from simulators.ble.numbers import scaled, u8, u16
from simulators.ble.outbox import CAPACITY, Frame, Record, Storing
from simulators.ble.peripheral import Outfit
from simulators.ble.radio import Radio
from simulators.ble.user_data import UNKNOWN_USER, Users
from simulators.tally import Tally

SERVICE, MEASUREMENT, FEATURE = 0x181D, 0x2A9D, 0x2A9E
COMPOSITION_SERVICE, COMPOSITION, COMPOSITION_FEATURE = 0x181B, 0x2A9C, 0x2A9B

UNSUCCESSFUL = b"\xff\xff"
"""In the place of weight or body fat: the measurement failed."""
KG_STEP, CM_STEP = 0.005, 0.1
LB_STEP, INCH_STEP = 0.01, 0.1
TENTH = 0.1
KG_PER_LB = 0.45359237

_IMPERIAL, _TIME, _USER, _BMI = 0x01, 0x02, 0x04, 0x08
_METABOLISM, _MUSCLE_SHARE, _MUSCLE_MASS, _FAT_FREE, _SOFT_LEAN, _WATER = (1 << bit for bit in range(3, 9))
_IMPEDANCE, _MULTIPLE = 1 << 9, 1 << 12
_FEATURES = 0b111
"""Time stamp, several users, BMI; resolutions not specified."""
_COMPOSITION_FEATURES = 0b1111_1111
"""Time stamp, several users, metabolism, muscle, fat-free, soft lean and water mass; resolutions not specified."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """What a scale finds out by a weak current: % of fat and muscle, masses in kg, kJ a day, ohms; None: not told.

    `fat` None is a current that found no bare feet: unsuccessful.
    """

    fat: float | None
    metabolism: int | None = None
    muscle: float | None = None
    muscle_mass: float | None = None
    fat_free_mass: float | None = None
    soft_lean_mass: float | None = None
    water: float | None = None
    impedance: float | None = None


class WeightScale(Storing):
    """One scale. Values are tallied in kg and cm."""

    model = "SIM-WSS"
    advertised = (SERVICE,)

    def __init__(
        self,
        radio: Radio,
        tally: Tally,
        *,
        clock: DeviceClock | None = None,
        users: Mapping[int, int] | None = None,
        has_stamps: bool = True,
        is_imperial: bool = False,
        splits_composition: bool = False,
        capacity: int = CAPACITY,
        **outfit: Unpack[Outfit],
    ) -> None:
        """`users` are consent codes by user index; without any, there is no User Data Service.

        `splits_composition`: body composition comes in two indications, both flagged as parts of one.
        """
        super().__init__(radio, tally, clock=clock, capacity=capacity, **outfit)
        self._has_stamps = has_stamps
        self._is_imperial = is_imperial
        self._splits = splits_composition
        self.main = self._measurement = characteristic(MEASUREMENT, INDICATE, guard=self._guard)
        self._composition = characteristic(COMPOSITION, INDICATE, guard=self._guard)
        self.users = Users(
            dict(users or {}),
            guard=self._guard,
            indicate=self._indicate_soon,
            is_heard=self.is_heard,
        )
        self._has_users = users is not None

    def services(self) -> list[Service]:
        """Weight Scale with its own Date Time, Body Composition, User Data, Current Time."""
        guard = self._guard
        feature = characteristic(FEATURE, READ, value=_FEATURES.to_bytes(4, "little"))
        composition_feature = characteristic(
            COMPOSITION_FEATURE, READ, value=_COMPOSITION_FEATURES.to_bytes(4, "little")
        )
        offered = [
            service(SERVICE, [self._measurement, feature, self.clock.date_time_characteristic(guard)]),
            service(COMPOSITION_SERVICE, [self._composition, composition_feature]),
            service(CURRENT_TIME_SERVICE, [self.clock.current_time_characteristic(guard)]),
        ]
        return [*offered, self.users.service()] if self._has_users else offered

    async def weigh(
        self,
        weight: float | None,
        *,
        user: int | None = None,
        bmi: float | None = None,
        height: float | None = None,
        body: Body | None = None,
        at: datetime | None = None,
    ) -> Sequence[Record]:
        """Keep a weighing, in kg and cm or in lb and inches, and offer it; None: it failed.

        `user` 255 is one whom the scale does not know; `bmi` and `height` go together. `at`: when, else now.
        """
        stamp = self.stamp(at)
        told = {Quantity.WEIGHT: self._kg(weight), Quantity.BMI: bmi, Quantity.HEIGHT: self._cm(height)}
        values = () if weight is None else measured(told)
        rest = self._bmi_and_height(bmi, height)
        records = [Record(self._measurement, [(self._weight(weight, user, rest, stamp), values)], user)]
        if body is not None:
            records.append(Record(self._composition, self._body(body, user, stamp), user))
        await self.put(*records)
        return records

    def may_be_told(self, record: Record) -> bool:
        """Of people whom it knows only with their consent."""
        return record.user in (None, UNKNOWN_USER) or not self._has_users or record.user == self.users.current

    async def live(self) -> None:
        """Tell; consent ends with the link."""
        self._device.on(self._device.EVENT_CONNECTION, lambda _connection: self.users.forget_consent())
        await super().live()

    def _indicate_soon(self, told: Characteristic[bytes], answer: bytes) -> None:
        self._run(self._answer(told, answer))

    async def _answer(self, told: Characteristic[bytes], answer: bytes) -> None:
        await self.indicate(told, answer)
        self._changed.set()

    def _weight(self, weight: float | None, user: int | None, bmi_and_height: bytes, stamp: bytes) -> bytes:
        flags, rest = self._stamp_and_user(user, stamp)
        flags |= _BMI if bmi_and_height else 0
        return u8(flags) + (UNSUCCESSFUL if weight is None else self._mass(weight)) + rest + bmi_and_height

    def _bmi_and_height(self, bmi: float | None, height: float | None) -> bytes:
        if bmi is None or height is None:
            return b""
        return scaled(bmi, TENTH) + scaled(height, INCH_STEP if self._is_imperial else CM_STEP)

    def _body(self, body: Body, user: int | None, stamp: bytes) -> list[Frame]:
        fields = self._fields(body)
        halves = [fields[:3], fields[3:]] if self._splits else [fields]
        fat = UNSUCCESSFUL if body.fat is None else scaled(body.fat, TENTH)
        frames: list[Frame] = []
        for at, half in enumerate(halves):
            flags, rest = self._stamp_and_user(user, stamp) if at == 0 else (_IMPERIAL if self._is_imperial else 0, b"")
            flags |= _MULTIPLE if self._splits else 0
            values: Values = measured({Quantity.BODY_FAT: body.fat}) if at == 0 else ()
            for flag, content, value in half:
                flags, rest, values = flags | flag, rest + content, [*values, value]
            frames.append((u16(flags) + fat + rest, values))
        return frames

    def _fields(self, body: Body) -> list[tuple[int, bytes, tuple[Quantity, float]]]:
        """Flag, octets and meaning of what is told, in the order of the fields."""
        masses = (
            (_MUSCLE_MASS, Quantity.MUSCLE_MASS, body.muscle_mass),
            (_FAT_FREE, Quantity.FAT_FREE_MASS, body.fat_free_mass),
            (_SOFT_LEAN, Quantity.SOFT_LEAN_MASS, body.soft_lean_mass),
            (_WATER, Quantity.BODY_WATER, body.water),
        )
        fields: list[tuple[int, bytes, tuple[Quantity, float]]] = []
        if body.metabolism is not None:
            meaning = (Quantity.BASAL_METABOLISM, float(body.metabolism))
            fields.append((_METABOLISM, u16(body.metabolism), meaning))
        if body.muscle is not None:
            fields.append((_MUSCLE_SHARE, scaled(body.muscle, TENTH), (Quantity.MUSCLE_SHARE, body.muscle)))
        for flag, quantity, mass in masses:
            if mass is not None:
                fields.append((flag, self._mass(mass), (quantity, float(self._kg(mass) or 0))))
        if body.impedance is not None:
            fields.append((_IMPEDANCE, scaled(body.impedance, TENTH), (Quantity.IMPEDANCE, body.impedance)))
        return fields

    def _stamp_and_user(self, user: int | None, stamp: bytes) -> tuple[int, bytes]:
        flags, rest = _IMPERIAL if self._is_imperial else 0, b""
        if self._has_stamps:
            flags, rest = flags | _TIME, rest + stamp
        if user is not None:
            flags, rest = flags | _USER, rest + u8(user)
        return flags, rest

    def _mass(self, mass: float) -> bytes:
        return scaled(mass, LB_STEP if self._is_imperial else KG_STEP)

    def _kg(self, mass: float | None) -> float | None:
        return round(mass * KG_PER_LB, 6) if self._is_imperial and mass is not None else mass

    def _cm(self, height: float | None) -> float | None:
        return round(height * 2.54, 6) if self._is_imperial and height is not None else height
