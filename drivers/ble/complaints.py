"""What is wrong with Bluetooth and what to do, in words for who installs: failures of libraries become ours here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from drivers.later import Later
from shouwang.bilingual import Bilingual
from shouwang.errors import DeviceError

if TYPE_CHECKING:
    import bleak.exc
    import dbus_fast.errors
else:
    bleak, dbus_fast = Later("bleak"), Later("dbus_fast")


@contextmanager
def in_plain_words(adapter: str, what: str) -> Iterator[None]:
    """Turn what bleak raises into DeviceError: what is wrong, and what to do."""
    try:
        yield
    except TimeoutError as error:
        # bluetoothd 5.66 never answers a stranger who asks for an encrypted value: it tries to bond, and cannot
        raise _unanswered(what) from error
    except bleak.exc.BleakBluetoothNotAvailableError as error:
        advice = _UNAVAILABLE.get(error.reason.name, "see what this box has with: bluetoothctl list")
        raise DeviceError(f"Bluetooth cannot be used here: {error.args[0]}; {advice}") from error
    except bleak.exc.BleakGATTProtocolError as error:
        advice = f"; {_PAIR_FIRST}" if error.code.name in _WANTS_PAIRING else ""
        raise DeviceError(
            Bilingual(f"{what} refused: {error.args[1]}{advice}", zh=f"{what}：被拒绝：{error.args[1]}{advice}")
        ) from error
    except bleak.exc.BleakDBusError as error:
        raise DeviceError(
            Bilingual(
                f"{what} failed at {adapter}: {error}; {dbus_advice(error.dbus_error)}",
                zh=f"{what}：在 {adapter} 上失败：{error}；{dbus_advice(error.dbus_error)}",
            )
        ) from error
    except dbus_fast.errors.DBusError as error:
        raise DeviceError(
            f"{what} failed at {adapter}: [{error.type}] {error.text}; {dbus_advice(str(error.type))}"
        ) from error
    except bleak.exc.BleakError as error:
        raise DeviceError(
            Bilingual(
                f"{what} failed: {error}; the adapters of this box: bluetoothctl list",
                zh=f"{what}：失败：{error}；用 bluetoothctl list 查看网关的适配器",
            )
        ) from error
    except (OSError, EOFError) as error:
        raise DeviceError(
            Bilingual(
                f"the Bluetooth service cannot be reached over D-Bus: {error}; {_START_SERVICE}",
                zh=f"连不上蓝牙服务（D-Bus）：{error}；启动它：systemctl start bluetooth",
            )
        ) from error


def _unanswered(what: str) -> DeviceError:
    return DeviceError(
        Bilingual(
            f"{what} got no answer in time; if it wants to be paired: shouwang gateway pair ADDRESS; "
            "if this lasts: systemctl restart bluetooth",
            zh=f"{what}：没有及时应答；如果它需要配对：shouwang gateway pair 地址；"
            "如果一直这样：systemctl restart bluetooth",
        )
    )


def dbus_advice(name: str) -> str:
    """What to do about an error that came over D-Bus."""
    return _DBUS_ADVICE.get(name, "if this lasts: systemctl restart bluetooth")


_START_SERVICE = "start it with: systemctl start bluetooth"
_SWITCH_ON = "switch it on with: rfkill unblock bluetooth; bluetoothctl power on"
_PAIR_FIRST = "pair the device with this box first: shouwang gateway pair ADDRESS"
_UNAVAILABLE = {
    "POWERED_OFF": _SWITCH_ON,
    "NO_BLUETOOTH": "plug in a Bluetooth LE adapter, then look with: bluetoothctl list",
    "DENIED_BY_SYSTEM": "add the gateway's user to the group bluetooth",
}
_DBUS_ADVICE = {
    "org.bluez.Error.NotReady": f"Bluetooth is off; {_SWITCH_ON}",
    "org.bluez.Error.InProgress": "another program uses the adapter; only the gateway may search for devices here",
    "org.freedesktop.DBus.Error.ServiceUnknown": f"the Bluetooth service does not run; {_START_SERVICE}",
    "org.freedesktop.DBus.Error.NameHasNoOwner": f"the Bluetooth service does not run; {_START_SERVICE}",
    "org.bluez.Error.NotPermitted": _PAIR_FIRST,
    "org.bluez.Error.NotAuthorized": _PAIR_FIRST,
    "org.bluez.Error.AuthenticationFailed": _PAIR_FIRST,
    "org.freedesktop.DBus.Error.AccessDenied": "add the gateway's user to the group bluetooth",
}
_WANTS_PAIRING = frozenset({"INSUFFICIENT_AUTHENTICATION", "INSUFFICIENT_AUTHORIZATION", "INSUFFICIENT_ENCRYPTION"})
