"""What is done about a radio that hears nothing, mildest first, and when; each has happened to others.

A scan that hears nothing any more without an error (bluez/bluez#1554, #1126), adapters that only power helps
(home-assistant/core#77043), a bluetoothd that was restarted under a running scanner.
"""

import asyncio
from enum import StrEnum

from shouwang.bilingual import Bilingual, both
from shouwang.errors import DeviceError

DEAF_S = 90.0
"""Nothing heard for this long: act (habluetooth's watchdog takes 90 s as well)."""
PATIENCE_S = 30.0
"""What a step of the recovery is given to show that it helped; bluetoothd tells of an unchanged advert every 10.5 s."""
POWER_CYCLE_AGAIN_S = 600.0
RESTART_AGAIN_S = 3600.0
"""Steps that drop every link of the house are not repeated sooner, however deaf the radio stays."""


class Step(StrEnum):
    """What is done about a deaf radio."""

    SCANNER = "a new scanner"
    POWER = "the adapter off and on"
    RESTART = "bluetoothd restarted"


_STEPS = (Step.SCANNER, Step.POWER, Step.RESTART)
_NOTHING_HEARD = "nothing heard for {seconds:.0f} s", "已有 {seconds:.0f} 秒什么也没有收到"
_TRIED_ZH = "重新扫描、适配器关了再开、重启蓝牙服务"


class Anew(Exception):
    """Scanning must begin anew: `step` is what is to be done first (None: nothing)."""

    def __init__(self, why: str, step: Step | None = None) -> None:
        """`why` is for the log, and for whoever asks meanwhile why nothing is heard."""
        super().__init__(why)
        self.words = why
        self.step = step


class Recovery:
    """Which steps were taken on one adapter since it was last heard, and when."""

    def __init__(self, adapter: str) -> None:
        """None was."""
        self._adapter = adapter
        self._done = 0
        self._taken_at: dict[Step, float] = {}

    def takes(self, step: Step) -> None:
        """It is taken now."""
        self._taken_at[step] = _now()

    def heed(self, heard_at: float, began: float) -> float | None:
        """How long nothing was heard since `began`, where that is too long."""
        if heard_at >= began:
            self._done = 0
        silent_s = _now() - max(heard_at, began)
        return None if silent_s < (PATIENCE_S if self._done else DEAF_S) else silent_s

    def escalate(self, silent_s: float, expected: int) -> None:
        """Raise Anew with the next step; DeviceError where all have failed.

        `expected`: how many devices should be heard. No link is dropped where nobody should be, and nothing is told
        where only one should: it may be away or empty, which its own status says.
        """
        if self._done and not expected:
            return
        while self._done < len(_STEPS):
            step = _STEPS[self._done]
            self._done += 1
            again_s = {Step.POWER: POWER_CYCLE_AGAIN_S, Step.RESTART: RESTART_AGAIN_S}.get(step, 0.0)
            if _now() - self._taken_at.get(step, float("-inf")) >= again_s:
                raise Anew(both(*_NOTHING_HEARD, seconds=silent_s), step)
        if expected <= 1:
            return
        self._done = 0
        tried = ", ".join(_STEPS)
        raise DeviceError(
            Bilingual(
                f"the Bluetooth adapter {self._adapter} hears nothing ({tried}: none of it helped); "
                "unplug the adapter or the box and plug it in again; another USB port, away from USB 3, may help",
                zh=f"蓝牙适配器 {self._adapter} 什么也收不到（已试过{_TRIED_ZH}，都没有用）；"
                "请把适配器或网关拔下再插上；换一个远离 USB 3 的接口可能有用",
            )
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
