"""What homes send, into the tables: each message once, whatever its kind, and alerts with their case at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from community import reasons
from community.desk import NOT_HEARD_YET
from community.store import (
    box_facts,
    cases,
    life_signs,
    lookups,
    measurements,
    needs,
    reserves,
    schema,
    storm_round,
    watch_schema,
)
from community.store.directory import meet_gateway
from community.store.group import group
from community.store.times import Boot, Times
from shouwang.alert import Alert
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import (
    AlertBody,
    BirthBody,
    ClockBody,
    Envelope,
    GapBody,
    HeartbeatBody,
    Lane,
    MessageId,
    PathBody,
    Sent,
    StatusBody,
    TelemetryBody,
)


class LifeSign(msgspec.Struct, frozen=True, kw_only=True):
    """Word of a gateway's connection; `is_news` is false for what the broker kept (retained)."""

    gateway_id: str
    is_online: bool
    is_news: bool


Arrival = Envelope | LifeSign


def take_in(
    connection: sa.Connection,
    arrivals: Sequence[Arrival],
    received_at: datetime,
    sent: Mapping[MessageId, Sent] | None = None,
) -> None:
    """Store what is new among the arrivals, in order. `sent`: when they were sent, of those that say so."""
    _Intake(connection, received_at, sent or {}).all(arrivals)


_IDS = tuple(schema.messages.c[name] for name in ("gateway_id", "epoch", "lane", "seq"))
_NUMBERED = {
    name: insert(schema.messages).on_conflict_do_nothing().returning(schema.messages.c.message_id, *_IDS)
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_HEARD = (
    schema.gateways.update()
    .where(schema.gateways.c.gateway_id == sa.bindparam("gateway"))
    .values(last_seen=sa.bindparam("at"))
)


class _Intake:
    """One transaction's worth."""

    def __init__(self, connection: sa.Connection, received_at: datetime, sent: Mapping[MessageId, Sent]) -> None:
        self._connection = connection
        self._received_at = received_at
        self._sent = sent
        self._times = Times(connection, received_at, sent)
        self._met: set[str] = set()
        self._heard: set[str] = set()
        self._numbers: dict[MessageId, int] = {}
        self._series: dict[tuple[str, str, Quantity, str], int] = {}
        self._samples: list[dict[str, object]] = []

    def all(self, arrivals: Sequence[Arrival]) -> None:
        with group(self._connection):
            self._look_up(arrivals)
            for arrival in arrivals:
                if isinstance(arrival, LifeSign):
                    self._life_sign(arrival)
                else:
                    self._envelope(arrival)
            storm_round.tell(self._connection, self._received_at)
        self._times.finish()
        if self._heard:
            rows = [{"gateway": gateway_id} for gateway_id in sorted(self._heard)]
            self._connection.execute(_HEARD, [row | {"at": self._received_at} for row in rows])
        if self._samples:
            self._connection.execute(schema.samples.insert(), self._samples)
            measurements.touch_samples(self._connection, self._samples)

    def _look_up(self, arrivals: Sequence[Arrival]) -> None:
        """What alarms of many homes need to be known of them, asked at once; all messages get their number."""
        envelopes = [one for one in arrivals if isinstance(one, Envelope)]
        told = [(one.id.gateway, one.body.alert) for one in envelopes if isinstance(one.body, AlertBody)]
        homes = {gateway_id for gateway_id, _ in told}
        if len(homes) > 1:
            keys = cases.recall_homes(self._connection, homes)
            self._met |= keys.keys()
            needs.recall_all(self._connection, keys.values())
            reserves.recall_all(self._connection, homes)
            lookups.recall_alerts(self._connection, keys, told)
        for one in envelopes:
            self._meet(one.id.gateway)
        self._number([one.id for one in envelopes])

    def _envelope(self, envelope: Envelope) -> None:
        gateway_id = envelope.id.gateway
        message_id = self._numbers.pop(envelope.id, None)
        if message_id is None:  # stored before
            return
        self._seen(gateway_id, is_up=envelope.id.lane is not Lane.LIFE_SAFETY)
        boot = self._times.doubt(envelope)
        match self._times.in_time(envelope, boot):
            case AlertBody(alert=alert):
                self._alert(envelope, message_id, alert, boot)
            case TelemetryBody(readings=readings):
                self._readings(envelope, message_id, readings, boot)
            case StatusBody(status=status):
                self._status(gateway_id, status)
            case BirthBody() as birth:
                self._card(envelope)
                self._gateway(gateway_id, epoch=envelope.id.epoch)
                self._birth(gateway_id, birth, envelope.mono)
                box_facts.note_start(self._connection, gateway_id, birth, self._received_at)
                life_signs.note_birth(
                    self._connection, gateway_id, birth, self._received_at, is_clock_unsure=envelope.is_clock_unsure
                )
            case HeartbeatBody() as beat:
                box_facts.note_beat(self._connection, envelope, beat, self._received_at, self._sent.get(envelope.id))
            case GapBody() as gap:
                self._gap(message_id, gap)
            case PathBody() as way:
                life_signs.note_path(self._connection, gateway_id, way, self._received_at)
            case ClockBody() as anchor:
                self._times.anchor(envelope, message_id, anchor)

    def _alert(self, envelope: Envelope, message_id: int, alert: Alert, boot: Boot | None) -> None:
        gateway_id = envelope.id.gateway
        cases.take_in(
            self._connection,
            gateway_id,
            message_id,
            alert,
            self._received_at,
            seen_at=self._times.seen_at(envelope, boot, alert),
            boot_number=None if boot is None else boot.number,
        )
        if alert.is_only_a_test:
            life_signs.note_test(
                self._connection, gateway_id, alert, self._received_at, is_clock_unsure=envelope.is_clock_unsure
            )

    def _meet(self, gateway_id: str) -> None:
        if gateway_id not in self._met:
            meet_gateway(self._connection, gateway_id)
            self._met.add(gateway_id)

    def _number(self, ids: Sequence[MessageId]) -> None:
        """Row numbers for messages that are new; none for one that was stored before."""
        rows = [
            {
                "gateway_id": one.gateway,
                "epoch": one.epoch,
                "lane": int(one.lane),
                "seq": one.seq,
                "received_at": self._received_at,
            }
            for one in ids
        ]
        if rows:
            for row in self._connection.execute(_NUMBERED[self._connection.dialect.name], rows):
                one = MessageId(gateway=row.gateway_id, epoch=row.epoch, lane=Lane(row.lane), seq=row.seq)
                self._numbers[one] = row.message_id

    def _life_sign(self, sign: LifeSign) -> None:
        self._meet(sign.gateway_id)
        self._gateway(sign.gateway_id, online=sign.is_online)
        if sign.is_online and sign.is_news:
            self._gateway(sign.gateway_id, last_seen=self._received_at)
        elif sign.is_news:
            life_signs.note_will(self._connection, sign.gateway_id, self._received_at)

    def _seen(self, gateway_id: str, *, is_up: bool) -> None:
        # alerts come by a connection of their own and may be older than the word that the gateway is gone
        if is_up:
            self._gateway(gateway_id, last_seen=self._received_at, online=True)
        else:
            self._heard.add(gateway_id)

    def _gateway(self, gateway_id: str, **values: object) -> None:
        table = schema.gateways
        self._connection.execute(table.update().where(table.c.gateway_id == gateway_id).values(values))

    def _readings(self, envelope: Envelope, message_id: int, readings: Sequence[Reading], boot: Boot | None) -> None:
        reserves.note(self._connection, envelope.id.gateway, readings, self._received_at)
        for place, reading in enumerate(readings):
            sample: dict[str, object] = {
                "series_id": self._series_id(envelope.id.gateway, reading),
                "message_id": message_id,
                "place": place,
                "value": reading.value,
                "quality": reading.quality.value,
                "mono": reading.mono,
                "is_late": reading.is_late,
            }
            self._times.place(envelope, boot, reading, sample)
            self._samples.append(sample)

    def _series_id(self, gateway_id: str, reading: Reading) -> int:
        key = (gateway_id, reading.sensor_id, reading.quantity, reading.resident_id)
        if key not in self._series:
            table = schema.series
            values = {
                "gateway_id": gateway_id,
                "sensor_id": reading.sensor_id,
                "quantity": reading.quantity.value,
                "resident_id": reading.resident_id,
            }
            found = self._connection.execute(
                sa.select(table.c.series_id).where(*(table.c[name] == value for name, value in values.items()))
            ).scalar()
            if found is None:
                found = self._connection.execute(
                    table.insert().values(values).returning(table.c.series_id)
                ).scalar_one()
            self._series[key] = int(found)
        return self._series[key]

    def _card(self, envelope: Envelope) -> None:
        """With a new card or box engine time begins anew: what is known of sensors and ways is older, not newer."""
        gateway_id, gateways = envelope.id.gateway, schema.gateways
        known = sa.select(gateways.c.epoch).where(gateways.c.gateway_id == gateway_id)
        if self._connection.execute(known).scalar() == envelope.id.epoch:
            return
        for table in (schema.sensor_status, watch_schema.path_states):
            is_ahead = (table.c.gateway_id == gateway_id, table.c.mono > envelope.mono)
            self._connection.execute(table.update().where(*is_ahead).values(mono=envelope.mono))

    def _birth(self, gateway_id: str, birth: BirthBody, mono: int) -> None:
        self._gateway(gateway_id, version=birth.version)
        table = schema.sensor_status
        known = {
            row.sensor_id
            for row in self._connection.execute(sa.select(table.c.sensor_id).where(table.c.gateway_id == gateway_id))
        }
        for sensor_id in known - birth.sensors.keys():
            self._connection.execute(
                table.delete().where(table.c.gateway_id == gateway_id, table.c.sensor_id == sensor_id)
            )
        for sensor_id, kind in birth.sensors.items():
            if sensor_id in known:
                where = (table.c.gateway_id == gateway_id, table.c.sensor_id == sensor_id)
                self._connection.execute(table.update().where(*where).values(kind=kind))
            else:
                self._new_sensor(gateway_id, sensor_id, kind=kind, mono=mono)

    def _new_sensor(self, gateway_id: str, sensor_id: str, *, kind: str, mono: int) -> None:
        self._connection.execute(
            schema.sensor_status.insert().values(
                gateway_id=gateway_id,
                sensor_id=sensor_id,
                kind=kind,
                state=SensorState.DOWN.value,
                reason=NOT_HEARD_YET,
                mono=mono,
            )
        )

    def _status(self, gateway_id: str, status: SensorStatus) -> None:
        table = schema.sensor_status
        where = (table.c.gateway_id == gateway_id, table.c.sensor_id == status.sensor_id)
        last = self._connection.execute(sa.select(table.c.mono).where(*where)).scalar()
        if last is None:
            self._new_sensor(gateway_id, status.sensor_id, kind="", mono=status.mono)
        elif status.mono < last:  # a resend that was overtaken
            return
        self._connection.execute(
            table.update()
            .where(*where)
            .values(
                state=status.state.value,
                reason=reasons.kept(status.reason, status.reason_zh),
                since=status.since,
                mono=status.mono,
                **({} if status.battery is None else {"battery": status.battery}),
            )
        )

    def _gap(self, message_id: int, gap: GapBody) -> None:
        self._connection.execute(
            schema.gaps.insert().values(
                message_id=message_id,
                reason=gap.reason,
                lost=gap.count,
                first_at=gap.first_at,
                last_at=gap.last_at,
                code=gap.code,
                lane=gap.lane,
                first_seq=gap.first_seq,
                last_seq=gap.last_seq,
            )
        )
