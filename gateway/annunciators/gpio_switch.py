"""One pin of a Raspberry Pi. The only module that imports gpiozero, and only where a home names a pin.

Whoever wants another kind of pins (tests, another board) sets gpiozero's own `Device.pin_factory` or the environment's
GPIOZERO_PIN_FACTORY; else it is lgpio, and never quietly another one. Driven by the event loop: it takes microseconds.

A process that ends with `close` makes its pins inputs, so that what hangs on them is off; but not those of a cut-off
(`stays`): they are left to the kernel, as are all where the process is killed. Raspberry Pi OS keeps the last level
then (raspberrypi/linux#6117), other kernels make them inputs. The unit's ExecStopPost puts sirens and lamps off.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shouwang.bilingual import Bilingual, both
from shouwang.errors import DeviceError


class GpioSwitch:
    """An output pin by its BCM number."""

    def __init__(self, name: str, pin: int, *, active_high: bool, stays: bool = False) -> None:
        """Nothing is opened yet. `stays`: a valve hangs on it, which must not move when we let go of it."""
        self.name = name
        self._pin = pin
        self._active_high = active_high
        self._stays = stays
        self._device: _Output | None = None

    @property
    def reported(self) -> bool | None:
        """What the pin is at."""
        if self._device is None:
            return None
        with suppress(DeviceError):
            return self._device.is_on
        return None

    async def set(self, on: bool) -> None:  # noqa: FBT001 - read aloud
        """Take the pin where it is not taken yet, and set it. Raises DeviceError."""
        if self._device is None:
            self._device = _Output(self._pin, active_high=self._active_high, on=on, stays=self._stays)
        else:
            self._device.set(on=on)

    def close(self) -> None:
        """Give the pin back: as an input, or as it stands where it `stays`."""
        if self._device is not None:
            self._device.close()
            self._device = None


class _Output:
    """The seam to gpiozero."""

    def __init__(self, pin: int, *, active_high: bool, on: bool, stays: bool) -> None:
        # 7 MiB that a home without pins does not need
        from gpiozero import DigitalOutputDevice  # type: ignore[import-untyped]  # noqa: PLC0415

        self._pin = pin
        try:
            _choose_pins()
            self._device = DigitalOutputDevice(pin, active_high=active_high, initial_value=on)
            if stays:  # gpiozero makes a pin an input when its device ends, also at the end of the process
                self._device.pin.close = _let_stand
        except Exception as error:
            raise DeviceError(_why(pin, error)) from error

    @property
    def is_on(self) -> bool:
        try:
            return bool(self._device.value)
        except Exception as error:
            raise DeviceError(_why(self._pin, error)) from error

    def set(self, *, on: bool) -> None:
        try:
            self._device.value = on
        except Exception as error:
            raise DeviceError(_why(self._pin, error)) from error

    def close(self) -> None:
        with suppress(Exception):
            self._device.close()


def _let_stand() -> None:
    """In the place of a pin's own end."""


@contextmanager
def _pipe_elsewhere() -> Iterator[None]:
    """When imported, lgpio moves the process to the folder of LG_WD and makes a named pipe there, else where we are."""
    here = Path.cwd()
    if "LG_WD" not in os.environ:
        os.environ["LG_WD"] = folder = tempfile.mkdtemp(prefix="shouwang-pins-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        yield
    finally:
        os.chdir(here)


def _choose_pins() -> None:
    from gpiozero import Device  # noqa: PLC0415

    if Device.pin_factory is None and "GPIOZERO_PIN_FACTORY" not in os.environ:
        with _pipe_elsewhere():
            from gpiozero.pins.lgpio import LGPIOFactory  # type: ignore[import-untyped]  # noqa: PLC0415

        Device.pin_factory = LGPIOFactory()


def _why(pin: int, error: Exception) -> Bilingual:
    chips = [*Path("/dev").glob("gpiochip*")]
    if not chips:
        return both(*_NO_PINS, pin=pin)
    if not any(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        return both(*_NOT_ALLOWED, pin=pin, chip=chips[0])
    if type(error).__name__ == "PinUnknownPi":
        return both(*_NO_PI, pin=pin)
    if "busy" in str(error):
        return both(*_BUSY, pin=pin)
    return both(*_NO_USE, pin=pin, error=error)


_NO_PINS = (
    "pin {pin} cannot be used: this box has no pins (there is no /dev/gpiochip0)",
    "引脚 {pin} 不能用：这台机器没有引脚（没有 /dev/gpiochip0）",
)
_NOT_ALLOWED = (
    (
        "pin {pin} cannot be used: the gateway's user may not open {chip}; add it to the group gpio "
        "(docs/operations.md, Siren, lamp and loudspeaker) and restart the gateway"
    ),
    (
        "引脚 {pin} 不能用：网关的用户打不开 {chip}；请把它加入 gpio 组"
        "（见 docs/operations.md 的 Siren, lamp and loudspeaker），再重启网关"
    ),
)
_NO_PI = (
    "pin {pin} cannot be used: pins are those of a Raspberry Pi, and this box is none",
    "引脚 {pin} 不能用：只支持树莓派的引脚，而这台机器不是树莓派",
)
_BUSY = (
    "pin {pin} is in use by another program, or by another overlay in /boot/firmware/config.txt",
    "引脚 {pin} 被别的程序占用，或被 /boot/firmware/config.txt 里的另一个 overlay 占用",
)
_NO_USE = "pin {pin} cannot be used: {error}", "引脚 {pin} 不能用：{error}"
