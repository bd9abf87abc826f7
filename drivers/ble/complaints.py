"""What is wrong with Bluetooth and what to do, in words for who installs: failures of libraries become ours here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from drivers.later import Later
from shouwang.bilingual import Bilingual, both
from shouwang.errors import DeviceError

if TYPE_CHECKING:
    import bleak.exc
    import dbus_fast.errors
else:
    bleak, dbus_fast = Later("bleak"), Later("dbus_fast")


@contextmanager
def in_plain_words(adapter: str, what: str) -> Iterator[None]:
    """Turn what bleak raises into DeviceError: what is wrong, and what to do. `what` failed; in both languages."""
    try:
        yield
    except TimeoutError as error:
        # bluetoothd 5.66 never answers a stranger who asks for an encrypted value: it tries to bond, and cannot
        raise DeviceError(both(*_UNANSWERED, what=what)) from error
    except bleak.exc.BleakBluetoothNotAvailableError as error:
        advice = _UNAVAILABLE.get(error.reason.name, _SEE_ADAPTERS)
        raise DeviceError(both(*_NO_BLUETOOTH, why=error.args[0], advice=advice)) from error
    except bleak.exc.BleakGATTProtocolError as error:
        words = _WANTS_A_BOND if error.code.name in _WANTS_PAIRING else _REFUSED
        raise DeviceError(both(*words, what=what, why=error.args[1], advice=_PAIR_FIRST)) from error
    except bleak.exc.BleakDBusError as error:
        raise DeviceError(_failed(adapter, what, error, dbus_advice(error.dbus_error))) from error
    except dbus_fast.errors.DBusError as error:
        why = f"[{error.type}] {error.text}"
        raise DeviceError(_failed(adapter, what, why, dbus_advice(str(error.type)))) from error
    except bleak.exc.BleakError as error:
        raise DeviceError(both(*_OTHER, what=what, error=error)) from error
    except (OSError, EOFError) as error:
        raise DeviceError(both(*_NO_BUS, error=error, advice=_START_SERVICE)) from error


def no_bluetooth(why: str, advice: str) -> Bilingual:
    """Bluetooth does not work here at all."""
    return both(*_NO_BLUETOOTH, why=why, advice=advice)


def dbus_advice(name: str) -> Bilingual:
    """What to do about an error that came over D-Bus."""
    return _DBUS_ADVICE.get(name, _RESTART)


def _failed(adapter: str, what: str, error: object, advice: Bilingual) -> Bilingual:
    return both(*_FAILED, adapter=adapter, what=what, error=error, advice=advice)


_UNANSWERED = (
    (
        "{what} got no answer in time; if it wants to be paired: shouwang gateway pair ADDRESS; if this lasts: "
        "systemctl restart bluetooth"
    ),
    "{what}：没有及时应答；如果它需要配对：shouwang gateway pair 地址；如果一直这样：systemctl restart bluetooth",
)
_NO_BLUETOOTH = "Bluetooth cannot be used here: {why}; {advice}", "这里用不了蓝牙：{why}；{advice}"
_REFUSED = "{what} refused: {why}", "{what}：被拒绝：{why}"
_WANTS_A_BOND = "{what} refused: {why}; {advice}", "{what}：被拒绝：{why}；{advice}"
_FAILED = "{what} failed at {adapter}; {advice} ({error})", "{what}：在 {adapter} 上失败；{advice}（{error}）"
"""The advice first: an alarm keeps the first 200 characters, and bluetoothd's own words have no end."""
_OTHER = (
    "{what} failed: {error}; the adapters of this box: bluetoothctl list",
    "{what}：失败：{error}；用 bluetoothctl list 查看网关的适配器",
)
_NO_BUS = (
    "the Bluetooth service cannot be reached over D-Bus: {error}; {advice}",
    "连不上蓝牙服务（D-Bus）：{error}；{advice}",
)
_RESTART = Bilingual("if this lasts: systemctl restart bluetooth", zh="如果一直这样：systemctl restart bluetooth")
_SEE_ADAPTERS = Bilingual("see what this box has with: bluetoothctl list", zh="看看网关有哪些适配器：bluetoothctl list")
_START_SERVICE = Bilingual("start it with: systemctl start bluetooth", zh="启动它：systemctl start bluetooth")
_NO_SERVICE = Bilingual(
    f"the Bluetooth service does not run; {_START_SERVICE}", zh=f"蓝牙服务没有运行；{_START_SERVICE.zh}"
)
_SWITCH_ON = Bilingual(
    "switch it on with: rfkill unblock bluetooth; bluetoothctl power on",
    zh="打开它：rfkill unblock bluetooth; bluetoothctl power on",
)
_PAIR_FIRST = Bilingual(
    "pair the device with this box first: shouwang gateway pair ADDRESS",
    zh="先让设备与网关配对：shouwang gateway pair 地址",
)
_JOIN_GROUP = Bilingual(
    "add the gateway's user to the group bluetooth: sudo usermod -aG bluetooth shouwang-gateway; then restart the "
    "gateway",
    zh="把网关的用户加入 bluetooth 组：sudo usermod -aG bluetooth shouwang-gateway；然后重启网关",
)
_UNAVAILABLE = {
    "POWERED_OFF": _SWITCH_ON,
    "NO_BLUETOOTH": Bilingual(
        "plug in a Bluetooth LE adapter, then look with: bluetoothctl list",
        zh="插上低功耗蓝牙适配器，再看：bluetoothctl list",
    ),
    "DENIED_BY_SYSTEM": _JOIN_GROUP,
}
_DBUS_ADVICE = {
    "org.bluez.Error.NotReady": Bilingual(f"Bluetooth is off; {_SWITCH_ON}", zh=f"蓝牙关着；{_SWITCH_ON.zh}"),
    "org.bluez.Error.InProgress": Bilingual(
        "another program uses the adapter; only the gateway may search for devices here: end the other one",
        zh="另有程序在用这个适配器；这里只能由网关搜索设备：请关掉那个程序",
    ),
    "org.freedesktop.DBus.Error.ServiceUnknown": _NO_SERVICE,
    "org.freedesktop.DBus.Error.NameHasNoOwner": _NO_SERVICE,
    "org.bluez.Error.NotPermitted": _PAIR_FIRST,
    "org.bluez.Error.NotAuthorized": _PAIR_FIRST,
    "org.bluez.Error.AuthenticationFailed": _PAIR_FIRST,
    "org.freedesktop.DBus.Error.AccessDenied": _JOIN_GROUP,
}
_WANTS_PAIRING = frozenset({"INSUFFICIENT_AUTHENTICATION", "INSUFFICIENT_AUTHORIZATION", "INSUFFICIENT_ENCRYPTION"})
