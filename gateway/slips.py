"""Alerts that the card does not take, on slips: they go to the centre from memory, and stay for the card as well.

Their numbers belong to an epoch of their own, so that they never clash with those on the card. The centre knows an
alert by its id: the copy that comes from the card later is no second alarm.
"""

import itertools
import secrets
from collections.abc import Iterable

from gateway.batch import Key, enveloped
from gateway.clock import ClockMark
from gateway.outbox import Stored
from shouwang.alert import Alert
from shouwang.wire import AlertBody, Lane, MessageId, encode

UNDER_WAY = 1000
"""Slips without a receipt at a time, as many as the uplink keeps: one that it let go of would never be sent."""


class Slips:
    """The slips of one run of the gateway."""

    def __init__(self, gateway_id: str) -> None:
        """Begin a new epoch."""
        self._gateway_id = gateway_id
        self._epoch = secrets.token_hex(8)
        self._seq = 0
        self._known: set[str] = set()
        self._under_way: set[Key] = set()

    def of(self, alerts: Iterable[Alert], mark: ClockMark) -> list[Stored]:
        """A slip for each alert that has none yet, as far as there is room; the others get theirs with the receipts."""
        room = UNDER_WAY - len(self._under_way)
        fresh = (alert for alert in alerts if alert.alert_id not in self._known)
        return [self._slip(alert, mark) for alert in itertools.islice(fresh, room)]

    def confirmed(self, keys: Iterable[Key]) -> None:
        """The centre has these."""
        self._under_way.difference_update(keys)

    def written(self, alerts: Iterable[Alert]) -> None:
        """The card has these now."""
        self._known.difference_update(alert.alert_id for alert in alerts)

    def _slip(self, alert: Alert, mark: ClockMark) -> Stored:
        self._known.add(alert.alert_id)
        self._seq += 1
        key = MessageId(gateway=self._gateway_id, epoch=self._epoch, lane=Lane.LIFE_SAFETY, seq=self._seq)
        self._under_way.add((key.epoch, key.lane, key.seq))
        return Stored(key.epoch, key.lane, key.seq, encode(enveloped(key, AlertBody(alert=alert), mark)))
