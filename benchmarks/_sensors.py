"""Sensors of a home as a process of its own: `python _sensors.py '{"port": 1883, "rate": 200, "count": 4000}'`.

A lean writer of MQTT 3.1.1 with QoS 1, so that the sensors take little of the cores that are measured. Each reading has
a value of its own, by its number, so that every one can be found again. Prints one JSON line, the times of the alarms,
when the broker has them all.
"""

import json
import socket
import sys
import time
from dataclasses import dataclass
from math import gcd

SENSORS = 20
CALM, RISE = 50.0, 80.0
"""Beats a minute: values begin at 50, those that raise an alarm at 130; the limit of the job is 120."""
_STEP = 0.001
_MOST = 60_000 * SENSORS
"""Numbers, before a calm value would pass the limit."""
_TICK_S = 0.002
_ANSWER_S = 30.0
_KEEPALIVE_OFF = b"\x00\x00"
_LAST_MID = 0xFFFF


@dataclass(frozen=True, kw_only=True)
class Talk:
    """What is said: `count` readings from number `first` on, `rate` a second, one alarm in `alarm_every` (0: none).

    Where that many go more than once round all sensors, a value stays above the limit for as long.
    """

    port: int
    rate: float
    count: int
    first: int = 0
    alarm_every: int = 0

    def value(self, number: int) -> float:
        """The value of a reading."""
        calm = CALM + number // SENSORS * _STEP
        return round(calm + RISE if self._is_high(number) else calm, 3)

    def is_alarm(self, number: int) -> bool:
        """Whether it is the first above the limit."""
        is_first = (number - self.first) % max(1, self.alarm_every) < SENSORS
        return self._is_high(number) and (is_first or self.alarm_every < SENSORS)

    def _is_high(self, number: int) -> bool:
        said = number - self.first
        if said >= self.count - SENSORS:  # who speaks last says that all is well
            return False
        if 0 < self.alarm_every < SENSORS:
            return said % self.alarm_every == self.alarm_every - 1
        return bool(self.alarm_every) and number % SENSORS == said // self.alarm_every % SENSORS

    def readings(self) -> dict[tuple[str, float], int]:
        """Every reading, with its number."""
        return {(sensor(number), self.value(number)): number for number in self._numbers()}

    def alarms(self) -> list[tuple[str, float]]:
        """Those above the limit, in their order."""
        return [(sensor(number), self.value(number)) for number in self._numbers() if self.is_alarm(number)]

    def packet(self, number: int) -> bytes:
        """The PUBLISH of a reading."""
        topic = topic_of(sensor(number)).encode()
        payload = f'{{"heart_rate": {self.value(number):.3f}, "battery": 97, "seq": {number}}}'.encode()
        mid = number % _LAST_MID + 1
        body = len(topic).to_bytes(2) + topic + mid.to_bytes(2) + payload
        return b"\x32" + _length(len(body)) + body

    def _numbers(self) -> range:
        if self.first + self.count > _MOST:
            raise ValueError("the numbers of this run are used up")
        return range(self.first, self.first + self.count)


def alarms_apart(rate: float, wanted: float) -> int:
    """How many readings from one alarm to the next, so that they go round all sensors and each ends before its next."""
    apart = max(3, round(rate / wanted))
    if apart >= SENSORS:
        return apart // SENSORS * SENSORS
    while gcd(apart, SENSORS) != 1:
        apart += 1
    return apart


def sensor(number: int) -> str:
    """Who says it."""
    return f"strap-{number % SENSORS:02d}"


def topic_of(name: str) -> str:
    """Where it is said."""
    return f"home/{name}/state"


class Line:
    """A connection to the broker."""

    def __init__(self, port: int) -> None:
        """Connect; raises OSError."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = b"\x00\x04MQTT\x04\x02" + _KEEPALIVE_OFF + b"\x00\x00"
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        answer = self._socket.recv(4)
        if len(answer) != 4 or answer[3] != 0:
            raise OSError(f"the broker refuses the sensors: {answer!r}")
        self._pending = b""
        self.acknowledged = 0

    def send(self, packets: bytes) -> None:
        """Write."""
        self._socket.sendall(packets)

    def collect(self, *, wait: bool) -> None:
        """Take in what the broker has acknowledged."""
        self._socket.setblocking(wait)
        try:
            found = self._socket.recv(65536)
        except BlockingIOError:
            return
        finally:
            self._socket.settimeout(_ANSWER_S)
        if not found:
            raise OSError("the broker hung up on the sensors")
        self._pending += found
        whole = len(self._pending) // 4  # a PUBACK has four bytes, and nothing else comes
        self._pending = self._pending[4 * whole :]
        self.acknowledged += whole

    def close(self) -> None:
        """Say goodbye."""
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()


def speak(talk: Talk) -> list[float]:
    """Say all of it, at the rate; returns when the broker has it, with the time of each alarm."""
    line, times = Line(talk.port), []
    began = time.monotonic()
    said = 0
    while said < talk.count:
        due = min(talk.count, int((time.monotonic() - began) * talk.rate) + 1)
        numbers = range(talk.first + said, talk.first + due)
        packets = b"".join(map(talk.packet, numbers))
        now = time.monotonic()
        line.send(packets)
        times += [now for number in numbers if talk.is_alarm(number)]
        said = due
        line.collect(wait=False)
        time.sleep(_TICK_S)
    while line.acknowledged < talk.count:
        line.collect(wait=True)
    line.close()
    return times


def _length(size: int) -> bytes:
    found = b""
    while True:
        size, digit = divmod(size, 128)
        if not size:
            return found + bytes((digit,))
        found += bytes((digit | 0x80,))


if __name__ == "__main__":
    print(json.dumps(speak(Talk(**json.loads(sys.argv[1])))), flush=True)
