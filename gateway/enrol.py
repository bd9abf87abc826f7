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
from gateway.port_entries import TO_USE
from shouwang.bilingual import Bilingual, both
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
        tell(
            Bilingual(
                f"listening on {adapter} for {seconds:.0f} s; switch the device on, or measure once ...",
                zh=f"正在用 {adapter} 监听 {seconds:.0f} 秒；请打开设备，或测一次……",
            )
        )
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
        tell(TO_USE)
    for entry in entries:
        if entry is not None:
            tell("")
            tell(entry)


def _table(near: list[Near], used: dict[str, str]) -> Iterable[str]:
    if not near:
        yield Bilingual(
            "nothing was heard; is the device switched on, charged, near, and not connected to a phone?",
            zh="什么也没有收到；设备开机了吗？有电吗？够近吗？是不是连着手机？",
        )
        return
    yield Bilingual(f"{'address':17}  {'signal':>8}  name / looks like", zh=f"{'地址':15}  {'信号':>6}  名称 / 像是")
    for one in near:
        looks = "" if one.looks is None else f"  {one.looks.words.zh} {one.looks.words.en}"
        whose = both(*_HERE, id=used[one.address]) if one.address in used else ""
        line = f"{one.address}  {one.rssi_dbm:4d} dBm  {one.name or '-'}{looks}"
        yield both("{line}{whose}", "{line}{whose}", line=line, whose=whose)


_HERE = "  (already here as {id})", "  （已在用：{id}）"


async def pair(adapter: str, address: str, tell: Tell) -> None:
    """Bond with a device, show that its link is encrypted, set its clock, and tell its first reading.

    Raises DeviceError where one of these cannot be done.
    """
    async with listening(adapter) as radio:
        tell(
            Bilingual(
                f"waiting for {address}; switch it on, and into pairing mode where it has one ...",
                zh=f"正在等 {address}；请打开它；有配对模式的，请进入配对模式……",
            )
        )
        looks = await _bond(radio, address, tell)
        if looks is None:
            tell(
                Bilingual(
                    "bonded; but this gateway knows no standard health profile of this device",
                    zh="已配对；但本网关不认识这个设备的任何标准健康服务",
                )
            )
            return
        tell(Bilingual(f"bonded: {looks.words.zh} {looks.words.en}", zh=f"已配对：{looks.words.zh}"))
        tell(
            Bilingual(
                f"measure once now; the first reading is waited for, {FIRST_READING_S:.0f} s ...",
                zh=f"请现在测一次；最多等 {FIRST_READING_S:.0f} 秒收第一个读数……",
            )
        )
        await _first_reading(radio, address, looks, tell)
        entry = entry_for(Near(address=address, name=None, rssi_dbm=0, looks=looks), adapter=adapter)
        tell(
            Bilingual(
                f"paste this under sensors: in home.yaml\n\n{entry}",
                zh=f"请把这几行贴到 home.yaml 的 sensors: 下面\n\n{entry}",
            )
        )


async def _bond(radio: Radio, address: str, tell: Tell) -> Looks | None:
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(connected_daemon())
        await stack.enter_async_context(bonding_agent(daemon, device_path(radio.adapter, address)))
        device = await stack.enter_async_context(
            connected(radio, address, services=(), is_passing=True, is_bonding=True)
        )
        state = await daemon.device(radio.adapter, address)
        if state is None or not state.get("Paired"):
            raise DeviceError(
                Bilingual(
                    f"{address} did not bond; put it into pairing mode and try again",
                    zh=f"{address} 没有配上；请让它进入配对模式再试",
                )
            )
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
        tell(both("  {words}", "  {words}", words=words))
    if refused:
        raise DeviceError(
            Bilingual(
                "the link is not encrypted, or the device keeps values to itself: remove it (bluetoothctl remove "
                "ADDRESS), put it into pairing mode and try again",
                zh="连接没有加密，或设备不肯给出数值：请先移除它（bluetoothctl remove 地址），让它进入配对模式再试",
            )
        )
    tell(
        Bilingual(
            f"the link is good: the device gives all {came} values that can be read",
            zh=f"连接正常：设备给出了全部 {came} 个可读的数值",
        )
    )


async def _set_clock(device: Peripheral, service: int, tell: Tell) -> None:
    clock = await heed_clock(device, service)
    if clock.behind is None:
        tell(
            Bilingual(
                "its clock cannot be read: it has none, or it has been set now for the first time",
                zh="读不到它的时钟：它没有时钟，或刚刚第一次校准",
            )
        )
    elif abs(clock.behind) <= RIGHT_ENOUGH:
        tell(Bilingual("its clock is right", zh="它的时钟是对的"))
    else:
        tell(
            Bilingual(
                f"its clock was wrong by {abs(clock.behind).total_seconds() / 60:.0f} min and has been set",
                zh=f"它的时钟差了 {abs(clock.behind).total_seconds() / 60:.0f} 分钟，已校准",
            )
        )


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
            Bilingual(
                f"{address} has bonded but measured nothing in {FIRST_READING_S:.0f} s; measure once more: "
                "the gateway will hear it when its entry is in home.yaml",
                zh=f"{address} 已配对，但 {FIRST_READING_S:.0f} 秒内没有测量；请再测一次：写进 home.yaml "
                f"以后网关就会收到",
            )
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
