"""Families of unsigned adverts that a library reads: hygrometers, contacts and motion sensors of many makers."""

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.repeats import Repeats
from drivers.ble.adverts.sensor_state import Adapter, fields_of, presses_of, samples_of
from drivers.ble.adverts.told import Told, heard, unproven
from shouwang.driver import Said
from shouwang.errors import DecodeError


class LibraryParser:
    """The adverts of one device of such a family."""

    def __init__(self, adapter: Adapter) -> None:
        """`adapter` is of `families.LIBRARIES`."""
        self._adapter = adapter
        self._repeats = Repeats()
        self._name: str | None = None
        self._records: frozenset[tuple[int, bytes]] = frozenset()
        self._latest: frozenset[tuple[int, bytes]] = frozenset()

    def parse(self, advert: Advert) -> list[Said]:
        """What counts in an advert."""
        return list(self.read(advert).said)

    def read(self, advert: Advert) -> Told:
        """All fields, and the samples in them. A press counts once, however often its frame is sent."""
        advert = self._told_apart(advert)
        found = self._adapter.hear(advert)
        if not found.is_known:
            raise DecodeError(f"not an advert of this family: {_frame(advert)[:60].hex()}")
        frame = _frame(advert)
        samples = samples_of(found, frame)
        if found.events and self._repeats.is_new(frame, advert.heard_at):
            samples += presses_of(found, frame)
        return Told(fields_of(found), unproven(heard(samples)))

    def _told_apart(self, advert: Advert) -> Advert:
        """The advert with its device's name, which may come in another advert, and without records that are old.

        BlueZ merges the records of adverts that follow one another; where a record's company is part of its values
        (Inkbird), the old ones stay beside the new one.
        """
        self._name = advert.name or self._name
        records = frozenset(advert.manufacturer_data.items())
        if records != self._records:
            self._latest = records - self._records or records
        self._records = records
        return Advert(
            address=advert.address,
            name=self._name,
            rssi=advert.rssi,
            manufacturer_data={
                company: data for company, data in advert.manufacturer_data.items() if (company, data) in self._latest
            },
            service_data=advert.service_data,
            service_uuids=advert.service_uuids,
            heard_at=advert.heard_at,
        )


def _frame(advert: Advert) -> bytes:
    """The raw evidence: the manufacturer's records and the service data, one after the other."""
    records = ((company & 0xFFFF).to_bytes(2, "little") + data for company, data in advert.manufacturer_data.items())
    return b"".join((*records, *advert.service_data.values()))
