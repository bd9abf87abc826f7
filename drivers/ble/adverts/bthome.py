"""BTHome v1 and v2 (bthome.io/format, bthome.io/encryption): bthome-ble reads the objects, the security is ours.

Ours, since bthome-ble 3.25 takes any counter below 100 as new, and an equal one too; forgets counters at a restart; and
lets an advert with a packet id through again after 4 s.
"""

from drivers.ble.adverts.advert import Advert, uuid16
from drivers.ble.adverts.repeats import Repeats
from drivers.ble.adverts.replay import Freshness, ReplayGuard
from drivers.ble.adverts.sensor_state import Adapter, Heard, Library, fields_of, presses_of, samples_of
from drivers.ble.adverts.told import Told, heard, unproven
from shouwang.driver import Alive, Said
from shouwang.errors import DecodeError

LIBRARY = Library("bthome_ble", "BTHomeBluetoothDeviceData")

V1_PLAIN = uuid16(0x181C)
V1_ENCRYPTED = uuid16(0x181E)
V2 = uuid16(0xFCD2)

_ENCRYPTED_FLAG = 0x01
_COUNTER_AND_MIC = 8
_KEY_SIZE = 16


class BTHomeParser:
    """The adverts of one BTHome device; with a key, only what is encrypted with it."""

    def __init__(self, adapter: Adapter, *, key: bytes | None = None, memory: str = "") -> None:
        """`key` has 16 bytes; `memory` is what `memory()` gave before a restart."""
        if key is not None and len(key) != _KEY_SIZE:
            raise DecodeError(f"a BTHome key has 16 bytes, not {len(key)}")
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
        """All fields, and the samples in them; nothing for the repetition of an encrypted advert."""
        uuid, data = _service_data(advert)
        alone = Advert(address=advert.address, name=advert.name, rssi=advert.rssi, service_data={uuid: data})
        if uuid == V1_ENCRYPTED or (uuid == V2 and data[0] & _ENCRYPTED_FLAG):
            return self._encrypted(alone, data)
        if self._key is not None:
            raise DecodeError("sent in the clear, though this device has a key")
        return self._plain(alone, data, advert.heard_at)

    def _encrypted(self, advert: Advert, data: bytes) -> Told:
        if self._key is None:
            raise DecodeError("encrypted: give this device its key")
        if len(data) < _COUNTER_AND_MIC + 1:
            raise DecodeError(f"too short to be encrypted: {data.hex()}")
        found = self._heard(advert)
        if not found.is_key_right:
            raise DecodeError("it was not encrypted with this device's key, or was changed on its way")
        freshness = self._guard.take(int.from_bytes(data[-8:-4], "little"))
        fields = fields_of(found)
        if freshness is Freshness.REPEATED:
            return Told(fields, ())
        said = heard(samples_of(found, data) + presses_of(found, data))
        return Told(fields, said if freshness is Freshness.PROVEN else unproven(said))

    def _plain(self, advert: Advert, data: bytes, heard_at: float | None) -> Told:
        found = self._heard(advert)
        fields = fields_of(found)
        is_new = self._repeats.is_new(data, heard_at)
        if not is_new and "packet id" in fields:
            return Told(fields, (Alive(),))
        samples = samples_of(found, data) + (presses_of(found, data) if is_new else [])
        return Told(fields, unproven(heard(samples)))

    def _heard(self, advert: Advert) -> Heard:
        found = self._adapter.hear(advert, bindkey=self._key)
        if not found.is_known:
            raise DecodeError("BTHome of a version that is not known")
        return found


def _service_data(advert: Advert) -> tuple[str, bytes]:
    """The service data of the one BTHome service in an advert; encrypted before plain where there are two."""
    for uuid in (V2, V1_ENCRYPTED, V1_PLAIN):
        data = advert.service_data.get(uuid)
        if data is not None:
            if not data:
                raise DecodeError("BTHome without a byte")
            return uuid, data
    raise DecodeError("no BTHome in the advert")
