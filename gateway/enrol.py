"""Enrolment of Bluetooth devices by an installer: what is near, and bonding with one of them.

The gateway itself bonds with nobody: an agent that lets a device in exists only while `pair` runs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from pydantic import TypeAdapter

from config.home import Home
from drivers import AnyDriver, Links
from drivers.ble.advert_sensor import advert_of
from drivers.ble.agent import bonding_agent
from drivers.ble.daemon import connected_daemon, device_path
from drivers.ble.device_clock import RIGHT_ENOUGH, heed_clock
from drivers.ble.link import Peripheral, connected
from drivers.ble.near import HEALTH, Looks, Near, entry_for, looks_of
from drivers.ble.radio import Radio
from shouwang.driver import Driver, Emit, Emitted, Record, Sample
from shouwang.errors import DeviceError
from shouwang.quantities import QUANTITIES, Quantity

FIRST_READING_S = 90.0
"""Time to put the cuff on and measure."""
_NOT_MEASURED = frozenset({Quantity.BATTERY, Quantity.SIGNAL_STRENGTH})

Tell = Callable[[str], None]


@asynccontextmanager
async def listening(adapter: str) -> AsyncIterator[Radio]:
    """A radio that listens. Raises DeviceError with what is wrong."""
    radio = Radio(adapter)
    task = asyncio.create_task(radio.run(lambda _: None), name=f"radio {adapter}")
    try:
        await radio.ready()
        yield radio
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def scan(adapter: str, seconds: float, home: Home | None, tell: Tell) -> None:
    """Tell which devices are near, the strongest first, and the entries of home.yaml that would use them.

    Raises DeviceError where the adapter does not work.
    """
    async with listening(adapter) as radio:
        tell(f"listening on {adapter} for {seconds:.0f} s; switch the device on, or measure once ...")
        await asyncio.sleep(seconds)
        found = sorted(radio.heard(), key=lambda sighting: -sighting.data.rssi)
        near = [
            Near(
                address=sighting.device.address.upper(),
                name=sighting.data.local_name or sighting.device.name,
                rssi_dbm=sighting.data.rssi,
                looks=looks_of(advert_of(sighting)),
            )
            for sighting in found
        ]
    used = {} if home is None else {getattr(sensor, "address", ""): sensor.id for sensor in home.sensors}
    for line in _table(near, used):
        tell(line)
    taken = frozenset(used.values())
    entries = [entry_for(one, adapter=adapter, taken=taken) for one in near if one.address not in used]
    if any(entries):
        tell("")
        tell("To use one, paste its lines under sensors: in home.yaml, then run: shouwang gateway check -c home.yaml")
    for entry in entries:
        if entry is not None:
            tell("")
            tell(entry)


def _table(near: list[Near], used: dict[str, str]) -> Iterable[str]:
    if not near:
        yield "nothing was heard; is the device switched on, charged, near, and not connected to a phone?"
        return
    yield f"{'address':17}  {'signal':>8}  name / looks like"
    for one in near:
        looks = "" if one.looks is None else f"  {one.looks.words.zh} {one.looks.words.en}"
        whose = f"  (already here as {used[one.address]})" if one.address in used else ""
        yield f"{one.address}  {one.rssi_dbm:4d} dBm  {one.name or '-'}{looks}{whose}"


async def pair(adapter: str, address: str, tell: Tell) -> None:
    """Bond with a device, show that its link is encrypted, set its clock, and tell its first reading.

    Raises DeviceError where one of these cannot be done.
    """
    async with listening(adapter) as radio:
        tell(f"waiting for {address}; switch it on, and into pairing mode where it has one ...")
        looks = await _bond(radio, address, tell)
        if looks is None:
            tell("bonded; but this gateway knows no standard health profile of this device")
            return
        tell(f"bonded: {looks.words.zh} {looks.words.en}")
        tell(f"measure once now; the first reading is waited for, {FIRST_READING_S:.0f} s ...")
        await _first_reading(radio, address, looks, tell)
        entry = entry_for(Near(address=address, name=None, rssi_dbm=0, looks=looks), adapter=adapter)
        tell(f"paste this under sensors: in home.yaml\n\n{entry}")


async def _bond(radio: Radio, address: str, tell: Tell) -> Looks | None:
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(connected_daemon())
        await stack.enter_async_context(bonding_agent(daemon, device_path(radio.adapter, address)))
        device = await stack.enter_async_context(
            connected(radio, address, services=(), is_passing=True, is_bonding=True)
        )
        state = await daemon.device(radio.adapter, address)
        if state is None or not state.get("Paired"):
            raise DeviceError(f"{address} did not bond; put it into pairing mode and try again")
        await _show_encryption(device, tell)
        known = next((number for number in HEALTH if device.has_service(number)), None)
        if known is None:
            return None
        await _set_clock(device, known, tell)
        return HEALTH[known]


async def _show_encryption(device: Peripheral, tell: Tell) -> None:
    """A bond that bluetoothd reports proves nothing: only what the device gives to no stranger does."""
    came, refused = await device.try_all()
    for words in refused:
        tell(f"  {words}")
    if refused:
        raise DeviceError(
            "the link is not encrypted, or the device keeps values to itself: remove it (bluetoothctl remove ADDRESS), "
            "put it into pairing mode and try again"
        )
    tell(f"the link is good: the device gives all {came} values that can be read")


async def _set_clock(device: Peripheral, service: int, tell: Tell) -> None:
    clock = await heed_clock(device, service)
    if clock.behind is None:
        tell("its clock cannot be read: it has none, or it has been set now for the first time")
    elif abs(clock.behind) <= RIGHT_ENOUGH:
        tell("its clock is right")
    else:
        tell(f"its clock was wrong by {abs(clock.behind).total_seconds() / 60:.0f} min and has been set")


async def _first_reading(radio: Radio, address: str, looks: Looks, tell: Tell) -> None:
    written = {"kind": looks.kind, "id": "new", "address": address, "adapter": radio.adapter}
    sensor: AnyDriver = TypeAdapter[AnyDriver](AnyDriver).validate_python(written)
    driver = sensor.build(Links(radios={radio.adapter: radio}))
    first: asyncio.Future[list[Sample]] = asyncio.get_running_loop().create_future()

    def emit(said: Emitted) -> None:
        samples = said.samples if isinstance(said, Record) else (said,) if isinstance(said, Sample) else ()
        measured = [one for one in samples if one.quantity not in _NOT_MEASURED]
        if measured and not first.done():
            first.set_result(measured)

    running = asyncio.create_task(_run_again(driver, emit), name="first reading")
    try:
        async with asyncio.timeout(FIRST_READING_S):
            for sample in await first:
                info = QUANTITIES[sample.quantity]
                when = (
                    "" if sample.measured_at is None else f", measured {sample.measured_at.astimezone():%Y-%m-%d %H:%M}"
                )
                tell(f"  {info.zh} {info.en}: {sample.value:g} {info.unit} ({sample.quality}{when})")
    except TimeoutError:
        raise DeviceError(
            f"{address} has bonded but measured nothing in {FIRST_READING_S:.0f} s; measure once more: "
            "the gateway will hear it when its entry is in home.yaml"
        ) from None
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _run_again(driver: Driver, emit: Emit) -> None:
    while True:
        try:
            await driver.run(emit)
        except DeviceError:
            await asyncio.sleep(1.0)
