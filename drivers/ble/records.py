"""Fetching a device's stored records through its Record Access Control Point, from the last one known on.

What is known is the number of the last record that was taken in; it is noted with the record itself, so a transfer that
breaks off goes on where it stopped. Nothing is ever deleted on the device. One that was emptied or exchanged counts
from the beginning again: where it has nothing new, its newest record tells, and all are asked for.
"""

from enum import Enum, auto

from drivers.ble.attribute import Attribute
from drivers.ble.codec.record_access import (
    Code,
    Operation,
    RecordResponse,
    decode_record_access,
    report_all,
    report_from,
    report_last,
)
from drivers.ble.link import Peripheral
from shouwang.bilingual import both
from shouwang.driver import Note, Notes
from shouwang.errors import DeviceError

_REFUSES = (
    "the device refuses to tell its records (code {code}); measure once more, close to the box",
    "设备不肯给出存下的记录（代码 {code}）；请在网关旁边再测一次",
)
_NAME = "last-record"
_HIGHEST = 0xFFFF


class Refused(DeviceError):
    """The device does not tell its records."""


class _Phase(Enum):
    ALL = auto()
    NEW = auto()
    NEWEST = auto()
    OVER = auto()


class Records:
    """One device's records: what to ask next, and whether the device has told all."""

    def __init__(self, notes: Notes) -> None:
        """Go on from what was noted before."""
        written = notes.get(_NAME, "")
        self._last = int(written) if written.isdigit() else None
        self._phase = _Phase.OVER
        self._was_emptied = False

    @property
    def is_over(self) -> bool:
        """Whether the device has told all."""
        return self._phase is _Phase.OVER

    def begin(self) -> bytes:
        """The first request of a visit."""
        self._was_emptied = False
        if self._last is None or self._last >= _HIGHEST:
            self._phase = _Phase.ALL
            return report_all()
        self._phase = _Phase.NEW
        return report_from(self._last + 1)

    def took(self, number: int, *, is_whole: bool = True) -> Note:
        """A record came in, or without `is_whole` a part of it: it is asked for again until the rest has come.

        The note goes onto the card with it.
        """
        if self._phase is _Phase.NEWEST and self._last is not None and number < self._last:
            self._was_emptied = True
        if self._phase is not _Phase.NEWEST and is_whole:
            self._last = number if self._last is None else max(self._last, number)
        return Note(name=_NAME, text="" if self._last is None else str(self._last))

    def answered(self, value: bytes) -> bytes | None:
        """What to ask next after this answer of the control point; None: nothing.

        Raises DecodeError, Refused.
        """
        answer = decode_record_access(value)
        if not isinstance(answer, RecordResponse) or answer.request != Operation.REPORT:
            return None
        if self._phase is _Phase.NEW and answer.code == Code.NO_RECORDS:
            self._phase = _Phase.NEWEST
            return report_last()
        if self._phase is _Phase.NEWEST and self._was_emptied:
            self._last, self._phase = None, _Phase.ALL
            return report_all()
        is_refused = answer.code not in (Code.SUCCESS, Code.NO_RECORDS) and self._phase is not _Phase.NEWEST
        self._phase = _Phase.OVER
        if is_refused:
            raise Refused(both(*_REFUSES, code=answer.code))
        return None

    async def go_on(self, device: Peripheral | None, point: Attribute, value: bytes) -> None:
        """Ask on at the control point, where the device has answered there. Raises DecodeError, DeviceError."""
        request = self.answered(value)
        if request is not None and device is not None:
            await device.write(point, request)
