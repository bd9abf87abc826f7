"""Who may hear whose measurements: User Data Service 1.1 (0x181C), as scales for several people have it.

Consent lasts as long as the link (section 3.2.2.4).
"""

from collections.abc import Callable
from enum import IntEnum

from bumble.att import ATT_Error
from bumble.device import Connection
from bumble.gatt import Characteristic, Service
from bumble.gatt_server import Server

from simulators.ble.attributes import INDICATE, READ, WRITE, characteristic, service
from simulators.ble.numbers import u8

SERVICE = 0x181C
CHANGE_INCREMENT = 0x2A99
USER_INDEX = 0x2A9A
CONTROL_POINT = 0x2A9F

UNKNOWN_USER = 0xFF
_REGISTER, _CONSENT, _DELETE, _RESPONSE = 0x01, 0x02, 0x03, 0x20
_CODE_MAX = 9999
_NOT_CONFIGURED = 0xFD
"""Client characteristic configuration descriptor improperly configured (Supplement to the Core specification)."""


class Result(IntEnum):
    """How a request went."""

    SUCCESS = 1
    NOT_SUPPORTED = 2
    INVALID_PARAMETER = 3
    FAILED = 4
    NOT_AUTHORISED = 5


class Users:
    """The people whom the device knows, and the one whom the listener may hear of."""

    def __init__(
        self,
        codes: dict[int, int],
        *,
        guard: Server | None,
        indicate: Callable[[Characteristic[bytes], bytes], None],
        is_heard: Callable[[Characteristic[bytes]], bool],
    ) -> None:
        """`codes` are consent codes by user index. `indicate` sends an answer some time soon."""
        self.codes = codes
        self.current: int | None = None
        """Who has consented, on this link."""
        self._indicate = indicate
        self._is_heard = is_heard
        self._guard = guard
        self._control = characteristic(CONTROL_POINT, WRITE | INDICATE, write=self._written, guard=guard)

    def service(self) -> Service:
        """The User Data Service."""
        increment = characteristic(CHANGE_INCREMENT, READ | WRITE, value=bytes(4), write=_take, guard=self._guard)
        index = characteristic(USER_INDEX, READ, value=lambda _: self._index(), guard=self._guard)
        return service(SERVICE, [increment, index, self._control])

    def forget_consent(self) -> None:
        """The link is lost."""
        self.current = None

    def _index(self) -> bytes:
        return u8(UNKNOWN_USER if self.current is None else self.current)

    def _written(self, _connection: Connection, value: bytes) -> None:
        if not self._is_heard(self._control):
            raise ATT_Error(error_code=_NOT_CONFIGURED)
        op = value[0] if value else 0
        result, parameter = self._obey(op, value[1:])
        self._indicate(self._control, bytes((_RESPONSE, op, result)) + parameter)

    def _obey(self, op: int, operand: bytes) -> tuple[Result, bytes]:
        if op == _CONSENT and len(operand) == 3:
            return self._consent(operand[0], int.from_bytes(operand[1:], "little")), b""
        if op == _REGISTER and len(operand) == 2:
            return self._register(int.from_bytes(operand, "little"))
        if op == _DELETE and not operand:
            return self._delete(), b""
        known = op in (_CONSENT, _REGISTER, _DELETE)
        return (Result.INVALID_PARAMETER if known else Result.NOT_SUPPORTED), b""

    def _consent(self, index: int, code: int) -> Result:
        if index not in self.codes or code > _CODE_MAX:
            return Result.INVALID_PARAMETER
        if self.codes[index] != code:
            return Result.NOT_AUTHORISED
        self.current = index
        return Result.SUCCESS

    def _register(self, code: int) -> tuple[Result, bytes]:
        free = [index for index in range(UNKNOWN_USER) if index not in self.codes]
        if code > _CODE_MAX or not free:
            return (Result.INVALID_PARAMETER if free else Result.FAILED), b""
        self.codes[free[0]] = code
        return Result.SUCCESS, u8(free[0])

    def _delete(self) -> Result:
        if self.current is None:
            return Result.NOT_AUTHORISED
        del self.codes[self.current]
        self.current = None
        return Result.SUCCESS


def _take(_connection: Connection, value: bytes) -> None:
    if len(value) != 4:
        raise ATT_Error(error_code=0x0D)  # Invalid Attribute Value Length
