"""A body scale in a story."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shouwang.quantities import Quantity
from simulators.ble.numbers import NotCarried, scaled, u16
from simulators.ble.radio import Radio
from simulators.ble.weight_scale import CM_STEP, TENTH, Body, WeightScale
from simulators.cast.member import Encoders, Passing, Sifted, clock_of, local, outfit
from simulators.cast.scene import Kilograms, PassingSpec, Scene, Tenths, kilograms
from simulators.recording import Measures, Told
from simulators.tally import Tally

_MASSES = (Quantity.MUSCLE_MASS, Quantity.FAT_FREE_MASS, Quantity.SOFT_LEAN_MASS, Quantity.BODY_WATER)
_TENTHS = (Quantity.BMI, Quantity.BODY_FAT, Quantity.MUSCLE_SHARE, Quantity.IMPEDANCE)
_COMPOSITION = frozenset({*_MASSES, Quantity.BODY_FAT, Quantity.MUSCLE_SHARE, Quantity.IMPEDANCE}) | {
    Quantity.BASAL_METABOLISM
}
_tenth = partial(scaled, step=TENTH)


def _whole(value: float) -> bytes:
    if value != int(value) or not 0 <= value <= 0xFFFF:
        raise NotCarried(f"{value} is no whole number of kilojoules")
    return u16(int(value))


class ScaleScene(Scene):
    """Somebody steps on it."""

    weight: Kilograms = Field(gt=0, le=327, description="body weight in kg")
    bmi: Tenths | None = Field(default=None, gt=0, le=200, description="body mass index; goes with height")
    height: Tenths | None = Field(default=None, gt=0, le=300, description="body height in cm; goes with bmi")
    body_fat: Tenths | None = Field(default=None, gt=0, le=100, alias="body-fat", description="share of fat in %")
    muscle_share: Tenths | None = Field(default=None, gt=0, le=100, alias="muscle-share", description="muscle in %")
    body_water: Kilograms | None = Field(default=None, gt=0, le=327, alias="body-water", description="water in kg")
    impedance: Tenths | None = Field(default=None, gt=0, le=6553, description="impedance of the body in ohm")
    user: int | None = Field(default=None, ge=0, le=255, description="number of the person; 255: one not known to it")


class ScaleSpec(PassingSpec):
    """A scale with the Weight Scale and Body Composition Services."""

    key: ClassVar[str] = "scale"
    measures: ClassVar[Measures] = Measures(
        leads=frozenset({Quantity.WEIGHT}), along=_COMPOSITION | {Quantity.BMI, Quantity.HEIGHT}
    )

    kind: Literal["weight_scale_wss"]
    users: dict[Annotated[int, Field(ge=0, le=254)], Annotated[int, Field(ge=0, le=9999)]] | None = Field(
        default=None,
        description="consent code of each person whom it knows, by number, e.g. {1: 4711}; left out: it knows nobody",
    )
    stamps: bool = Field(default=True, description="false: it has no clock, and its measurements carry no time")
    splits_composition: bool = Field(default=False, description="true: body composition comes in two halves")
    user: int | None = Field(default=None, ge=0, le=254, description="number of the person of whom recordings are")

    def objection(self, scene: Scene) -> str | None:
        """A person whom it does not know, and half of BMI and height."""
        assert isinstance(scene, ScaleScene)
        if (scene.bmi is None) != (scene.height is None):
            return "has one of bmi and height; write both, or none"
        if scene.body_fat is None and scene.values.keys() & _COMPOSITION:
            return "has body composition without body-fat, which no scale tells; write body-fat too"
        known = self.users or {}
        if scene.user not in (None, 255) and scene.user not in known:
            named = ", ".join(str(user) for user in known) or "nobody"
            return f'user {scene.user} is not known to "{self.id}" ({named} is); add it to its users with a code'
        return None

    def build(self, radio: Radio, tally: Tally) -> "Scale":
        """The scale, switched off."""
        return Scale(self, radio, tally)


class Scale(Passing[WeightScale]):
    """One scale."""

    encoders: ClassVar[Encoders] = {
        **dict.fromkeys((Quantity.WEIGHT, *_MASSES), kilograms),
        **dict.fromkeys(_TENTHS, _tenth),
        Quantity.HEIGHT: partial(scaled, step=CM_STEP),
        Quantity.BASAL_METABOLISM: _whole,
    }

    def __init__(self, spec: ScaleSpec, radio: Radio, tally: Tally) -> None:
        """Switched off until `running`."""
        clock = clock_of(spec.clock)
        device = WeightScale(
            radio,
            tally,
            clock=clock,
            users=spec.users,
            has_stamps=spec.stamps,
            splits_composition=spec.splits_composition,
            **outfit(spec),
        )
        super().__init__(spec, device, clock)
        self._user = spec.user

    async def act(self, scene: Scene) -> None:
        """Weigh, and keep it."""
        assert isinstance(scene, ScaleScene)
        await self._weigh(scene.values, None, scene.user)

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:
        """Measure these, at this moment (aware), or now."""
        await self.room()
        return await self._weigh(values, at, self._user)

    async def _weigh(self, values: Mapping[Quantity, float], at: datetime | None, user: int | None) -> Told:
        sifted = _consistent(self.sift(values))
        carried = sifted.carried
        kept = await self.device.weigh(
            carried.get(Quantity.WEIGHT),
            user=user,
            bmi=carried.get(Quantity.BMI),
            height=carried.get(Quantity.HEIGHT),
            body=_body(carried),
            at=local(at),
        )
        return self.expect(sifted, lambda: all(self.device.has_told(record) for record in kept))


def _consistent(sifted: Sifted) -> Sifted:
    """BMI and height are told together and with a weight, the rest with body fat (sections 3.2.1 of both services)."""
    carried = sifted.carried
    silent: set[Quantity] = set()
    if not carried.keys() >= {Quantity.WEIGHT, Quantity.BMI, Quantity.HEIGHT}:
        silent |= {Quantity.BMI, Quantity.HEIGHT}
    if Quantity.BODY_FAT not in carried:
        silent |= _COMPOSITION
    left = {quantity: value for quantity, value in carried.items() if quantity not in silent}
    refused = [*sifted.refused, *((quantity, carried[quantity]) for quantity in carried if quantity in silent)]
    return Sifted(carried=left, refused=refused, special=sifted.special)


def _body(carried: Mapping[Quantity, float]) -> Body | None:
    if not carried.keys() & _COMPOSITION:
        return None
    metabolism = carried.get(Quantity.BASAL_METABOLISM)
    return Body(
        fat=carried.get(Quantity.BODY_FAT),
        metabolism=None if metabolism is None else int(metabolism),
        muscle=carried.get(Quantity.MUSCLE_SHARE),
        muscle_mass=carried.get(Quantity.MUSCLE_MASS),
        fat_free_mass=carried.get(Quantity.FAT_FREE_MASS),
        soft_lean_mass=carried.get(Quantity.SOFT_LEAN_MASS),
        water=carried.get(Quantity.BODY_WATER),
        impedance=carried.get(Quantity.IMPEDANCE),
    )
