"""MiBeacon v2 to v5 and the adverts of Xiaomi's scales: xiaomi-ble reads the objects, the security is ours.

Ours, since xiaomi-ble 1.21 checks no counter at all and takes plaintext objects where a key is set. A wrong key of v2
or v3 cannot be told, as their frames are encrypted without being signed: their values count as plaintext does.
"""

from typing import NamedTuple

from drivers.ble.adverts.advert import Advert, uuid16
from drivers.ble.adverts.repeats import Repeats
from drivers.ble.adverts.replay import Freshness, ReplayGuard
from drivers.ble.adverts.sensor_state import Adapter, Heard, Library, fields_of, presses_of, samples_of
from drivers.ble.adverts.told import Told, heard, unproven
from shouwang.driver import Alive, Said
from shouwang.errors import DecodeError

# Its voltages are computed from the battery's percentage.
LIBRARY = Library("xiaomi_ble", "XiaomiBluetoothDeviceData", frozenset({"voltage"}))

MIBEACON = uuid16(0xFE95)
PLANT_SENSOR = uuid16(0xFD50)
SCALE_V1 = uuid16(0x181D)
SCALE_V2 = uuid16(0x181B)

# Frame control (Xiaomi's MiBeacon protocol, "Frame Control").
_ENCRYPTED = 1 << 3
_HAS_MAC = 1 << 4
_HAS_OBJECT = 1 << 6
_HEADER_SIZE = 5
_FIRST_VERSION = 2
_SIGNED_VERSION = 4
_SIGNED_TAIL = 7
"""Counter (3 bytes) and MIC (4 bytes) at the end of v4 and v5."""

_KEY_SIZE = 16
_LEGACY_KEY_SIZE = 12


class _Head(NamedTuple):
    """Of a MiBeacon frame."""

    control: int
    counter: int

    @property
    def version(self) -> int:
        return self.control >> 12


class MiBeaconParser:
    """The adverts of one Xiaomi device; with a key, only objects that are encrypted with it."""

    def __init__(self, adapter: Adapter, *, key: bytes | None = None, memory: str = "") -> None:
        """`key` has 16 bytes (v4, v5) or 12 (v2, v3); `memory` is what `memory()` gave before a restart."""
        if key is not None and len(key) not in {_KEY_SIZE, _LEGACY_KEY_SIZE}:
            raise DecodeError(f"a MiBeacon key has 16 or 12 bytes, not {len(key)}")
        self._adapter = adapter
        self._key = key
        self._guard = ReplayGuard(key or b"", memory)
        self._repeats = Repeats()

    def memory(self) -> str:
        """The counters that were heard."""
        return self._guard.memory()

    def parse(self, advert: Advert) -> list[Said]:
        """What counts in an advert."""
        return list(self.read(advert).said)

    def read(self, advert: Advert) -> Told:
        """All fields, and the samples in them; nothing for the repetition of a signed advert."""
        uuid, data = _service_data(advert)
        alone = Advert(address=advert.address, name=advert.name, rssi=advert.rssi, service_data={uuid: data})
        if uuid != MIBEACON:
            return self._plain(alone, data, advert.heard_at)
        head = _head(data)
        if not head.control & _HAS_OBJECT:
            return Told({}, (Alive(),))
        if not head.control & _ENCRYPTED:
            return self._plain(alone, data, advert.heard_at)
        if head.version >= _SIGNED_VERSION:
            return self._signed(alone, data, head)
        return self._legacy(alone, data, advert.heard_at)

    def _signed(self, advert: Advert, data: bytes, head: _Head) -> Told:
        found = self._decrypted(advert, size=_KEY_SIZE)
        counter = int.from_bytes(data[-_SIGNED_TAIL:-4], "little") << 8 | head.counter
        freshness = self._guard.take(counter)
        fields = fields_of(found)
        if freshness is Freshness.REPEATED:
            return Told(fields, ())
        said = heard(samples_of(found, data) + presses_of(found, data))
        return Told(fields, said if freshness is Freshness.PROVEN else unproven(said))

    def _legacy(self, advert: Advert, data: bytes, heard_at: float | None) -> Told:
        found = self._decrypted(advert, size=_LEGACY_KEY_SIZE)
        if not fields_of(found):
            raise DecodeError("nothing that is known is in it: the key may be that of another device")
        return self._unsigned(found, data, heard_at)

    def _plain(self, advert: Advert, data: bytes, heard_at: float | None) -> Told:
        if self._key is not None:
            raise DecodeError("sent in the clear, though this device has a key")
        return self._unsigned(self._heard(advert), data, heard_at)

    def _unsigned(self, found: Heard, data: bytes, heard_at: float | None) -> Told:
        """The counter in every frame makes a repetition byte for byte the same."""
        fields = fields_of(found)
        if not self._repeats.is_new(data, heard_at):
            return Told(fields, (Alive(),))
        return Told(fields, unproven(heard(samples_of(found, data) + presses_of(found, data))))

    def _decrypted(self, advert: Advert, *, size: int) -> Heard:
        if self._key is None:
            raise DecodeError("encrypted: give this device its key")
        if len(self._key) != size:
            raise DecodeError(f"this device needs a key of {size} bytes, and has one of {len(self._key)}")
        found = self._heard(advert)
        if not found.is_key_right:
            raise DecodeError("it was not encrypted with this device's key, or was changed on its way")
        return found

    def _heard(self, advert: Advert) -> Heard:
        found = self._adapter.hear(advert, bindkey=self._key)
        if not found.is_known:
            raise DecodeError("of a Xiaomi product that is not known, or not of this address")
        return found


def _service_data(advert: Advert) -> tuple[str, bytes]:
    for uuid in (MIBEACON, PLANT_SENSOR, SCALE_V1, SCALE_V2):
        data = advert.service_data.get(uuid)
        if data is not None:
            return uuid, data
    raise DecodeError("nothing of Xiaomi in the advert")


def _head(data: bytes) -> _Head:
    if len(data) < _HEADER_SIZE:
        raise DecodeError(f"cut off: {data.hex()}")
    head = _Head(int.from_bytes(data[:2], "little"), data[4])
    if head.version < _FIRST_VERSION:
        raise DecodeError(f"MiBeacon of version {head.version}: {data.hex()}")
    return head


def address_in(data: bytes) -> str | None:
    """The address that a MiBeacon frame says it is from, where it does."""
    if len(data) < _HEADER_SIZE + 6 or not int.from_bytes(data[:2], "little") & _HAS_MAC:
        return None
    return data[5:11][::-1].hex(":").upper()
