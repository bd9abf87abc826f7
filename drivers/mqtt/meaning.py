"""What a value of a device means: which quantity, in which unit, which way round."""

from datetime import datetime

import msgspec

from drivers.mqtt.payload import Plain, flag_of, number_of
from drivers.mqtt.units import conversion
from shouwang.driver import Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity

YES_OR_NO = "1"
SOS_WORDS = frozenset({"emergency", "sos", "panic"})
"""Actions that call for help, whatever the button. `emergency`: TS0215A_sos, and the key fobs and keypads of Tuya,
Heiman, Centralite, Linkind (commandEmergency of the IAS ACE cluster); `panic`: commandPanic of the same cluster; `sos`:
buttons whose maker writes it out. Source: the actions on the device pages of zigbee2mqtt.io. `fire` of a keypad is not
among them: it would send the wrong help; on, off, single and double are light switches."""
PRESSES = {
    **dict.fromkeys(("single", "press", "pressed", "click", "short", "short_release", "single_push", "on", "s"), 1),
    **dict.fromkeys(("double", "double_push", "ss"), 2),
    **dict.fromkeys(("triple", "triple_push", "sss"), 3),
    **dict.fromkeys(("long", "hold", "long_push", "l"), 4),
}
"""The codes of a press that BTHome uses, as for Bluetooth buttons; another press is `OTHER_PRESS`."""
OTHER_PRESS = 255


class Meaning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`unit` as the device says it, empty for yes or no. `is_inverted`: the device's yes is our 0 (a closed contact).

    `on` and `off`: the words of the device for yes and no, where they are its own.
    """

    quantity: Quantity
    unit: str = ""
    is_inverted: bool = False
    on: str = ""
    off: str = ""

    def sample(self, raw: Plain, frame: bytes, *, at: datetime | None = None) -> Sample | None:
        """The value, None where the device says that it has none. Raises DecodeError."""
        value = self.value(raw)
        if value is None:
            return None
        return Sample(quantity=self.quantity, value=value, frame=frame, measured_at=at)

    def value(self, raw: Plain) -> float | None:
        """The value in the unit of the quantity. An event that does not happen has none."""
        info = QUANTITIES[self.quantity]
        if info.unit != YES_OR_NO:
            number = number_of(raw)
            return None if number is None else conversion(self.quantity, self.unit)(number)
        state = self._flag(raw)
        if state is None:
            return None
        is_on = state is not self.is_inverted
        if info.event:
            return 1.0 if is_on else None
        return 1.0 if is_on else 0.0

    def _flag(self, raw: Plain) -> bool | None:
        if not (self.on or self.off):
            return flag_of(raw)
        word = str(raw).lower() if isinstance(raw, bool) else str(raw)
        if raw is None or word == "":
            return None
        if word in (self.on, self.off) or word.lower() in (self.on.lower(), self.off.lower()):
            return word.lower() == self.on.lower()
        raise DecodeError(f"neither {self.on!r} nor {self.off!r}: {word[:40]!r}")


def press_of(action: str) -> int:
    """The code of a press by its word; `OTHER_PRESS` where it is another."""
    return PRESSES.get(action.lower(), OTHER_PRESS)


def action_sample(action: str, frame: bytes, *, at: datetime | None = None) -> Sample:
    """A press of a button that nobody described: a call for help by the word, else a press that is only kept."""
    if action.lower() in SOS_WORDS:
        return Sample(quantity=Quantity.SOS, value=1.0, frame=frame, measured_at=at)
    return Sample(quantity=Quantity.BUTTON, value=float(press_of(action)), frame=frame, measured_at=at)
