"""What people order, carried out once: the event, the words, the message to the home, the answer, all or nothing."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community import engine
from community.casefile import SYSTEM, Case, Denied, Order, StaleVersion
from community.desk import QueueRow, Wish
from community.store import chain, schema
from community.store.cases import CLOSED, deny, link, load, record, refs_of
from community.store.outgoing import queue
from community.store.surroundings import context
from community.store.views import row_of
from community.supervision import is_of_the_centre
from community.wording import told_on_the_way, told_to_home
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove
from shouwang.wire import Command, HelpComing, ResetAlarm

HELP_EXPIRES_AFTER = timedelta(seconds=120)
"""Later, "help is coming" would no longer be true or no longer be news."""
RESET_EXPIRES_AFTER = timedelta(hours=24)
"""As long as the broker keeps a gateway's session: later it would reach nobody."""
_MS_PER_MIN = 60_000
_RESULT_STATES = frozenset({"FEEDBACK", "REVISIT", CLOSED})
"""Once a result is told, the home's siren and lamp have no more to say."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: the case after it, or why not."""

    row: QueueRow | None = None
    refusal: str = ""
    is_stale: bool = False

    def value(self) -> QueueRow:
        """The case; raises StaleVersion or IllegalMove where the order was refused."""
        if self.row is not None:
            return self.row
        raise StaleVersion(self.refusal) if self.is_stale else IllegalMove(self.refusal)


def carry_out(connection: sa.Connection, wish: Wish, now: datetime) -> Answer:
    """The answer to the wish. A repeated command id gets the first answer.

    Raises IllegalMove, with nothing written, where there is no such case or the id belongs to another order.
    """
    done = schema.commands_done
    fingerprint = hashlib.sha256(msgspec.json.encode(wish)).digest()
    first = connection.execute(sa.select(done).where(done.c.command_id == wish.command_id)).first()
    if first is not None:
        if first.fingerprint != fingerprint:
            raise IllegalMove("this command id was used for another order already; load the page again")
        return _answer.decode(first.answer)
    case = load(connection, wish.incident_id)
    if case is None:
        raise IllegalMove(f"there is no case {wish.incident_id}")
    answer = _try(connection, wish, case, now)
    connection.execute(
        done.insert().values(
            command_id=wish.command_id, fingerprint=fingerprint, answer=msgspec.json.encode(answer), done_at=now
        )
    )
    return answer


def rung_failed(connection: sa.Connection, incident_id: int, rung: int, now: datetime) -> bool:
    """Every attempt of this rung has failed: the ladder goes on at once. False where it has gone on already."""
    case = load(connection, incident_id)
    made = None if case is None else engine.rung_failed(case, rung, context(connection, case, now), at=now)
    if made is None:
        return False
    record(connection, incident_id, made, at=now, actor=SYSTEM)
    return True


def _try(connection: sa.Connection, wish: Wish, case: Case, now: datetime) -> Answer:
    salt = secrets.token_bytes(16)
    order = _order(connection, wish, salt)
    try:
        made = engine.ordered(case, order, context(connection, case, now, by=wish.by), at=now)
        if order.into is not None:
            _absorb(connection, wish.incident_id, order.into, now)
    except IllegalMove as error:
        denied = Denied(order=order, reason=str(error))
        deny(connection, wish.incident_id, case, denied, at=now, actor=wish.by)
        return Answer(refusal=str(error), is_stale=isinstance(error, StaleVersion))
    after, _ = made
    record(connection, wish.incident_id, made, at=now, actor=wish.by)
    if order.note_id:
        connection.execute(
            schema.notes.insert().values(
                note_id=order.note_id, incident_id=wish.incident_id, salt=salt, words=words_of(wish)
            )
        )
    for command, gateway_id in _messages_home(wish, case, after, now):
        queue(connection, command, gateway_id, wish.incident_id)
    return Answer(row=row_of(connection, wish.incident_id, after, now))


def _absorb(connection: sa.Connection, merged: int, into: int, now: datetime) -> None:
    """The alerts of the merged case go over to the other one. Raises IllegalMove where that has ended."""
    target = load(connection, into)
    if target is None or merged == into:
        raise IllegalMove(f"there is no other case {into}")
    alerts = refs_of(connection, merged)
    made = engine.absorbed(target, alerts, context(connection, target, now), at=now)
    record(connection, into, made, at=now, actor=SYSTEM)
    link(connection, alerts, into)


def words_of(wish: Wish) -> str:
    """What a person wrote: the reason, then the note. Both are personal text, and kept outside the chain."""
    return "\n".join(part for part in (wish.reason, wish.text) if part)


def _order(connection: sa.Connection, wish: Wish, salt: bytes) -> Order:
    words = words_of(wish)
    target = None if wish.into is None else load(connection, wish.into)
    return Order(
        command=wish.command,
        by=wish.by,
        role=wish.role,
        version=wish.version,
        reason="written" if wish.reason.strip() else "",
        targets=wish.targets,
        confirmed_by=wish.confirmed_by,
        eta_ms=None if wish.eta_min is None else wish.eta_min * _MS_PER_MIN,
        disposition=wish.disposition,
        note_id=secrets.token_hex(8) if words else "",
        digest=chain.words_digest(salt, words) if words else "",
        second=wish.second,
        spoke=wish.spoke,
        score=wish.score,
        reference=wish.reference,
        into=wish.into,
        into_home="" if target is None else target.home_key,
        into_priority=None if target is None or target.state == CLOSED else target.priority,
    )


def _messages_home(wish: Wish, before: Case, case: Case, now: datetime) -> Iterable[tuple[Command, str]]:
    say = _said_at_home(wish, before, case)
    has_ended = case.state in _RESULT_STATES and before.state not in _RESULT_STATES and case.merged_into is None
    for gateway_id in _homes_of(case):
        keys = _keys_at(case, gateway_id)
        if say is not None:
            yield _command(HelpComing(say=say, keys=keys), wish.incident_id, now, HELP_EXPIRES_AFTER), gateway_id
        if has_ended:
            yield _command(ResetAlarm(keys=keys, by=wish.by), wish.incident_id, now, RESET_EXPIRES_AFTER), gateway_id


def _said_at_home(wish: Wish, before: Case, case: Case) -> Sentence | None:
    """Somebody has it in hand; somebody is on the way, and how long that takes."""
    if wish.command == "ack" and before.owner is None:
        return told_to_home(case.lane)
    if wish.command == "accept":
        return told_on_the_way(wish.eta_min)
    return None


def _homes_of(case: Case) -> list[str]:
    """The gateways that raised alarms of it: those that the centre raised about them are none of theirs."""
    return sorted({alarm.gateway_id for alarm in case.alarms if not is_of_the_centre(alarm.key)})


def _keys_at(case: Case, gateway_id: str) -> tuple[str, ...]:
    return tuple(sorted({alarm.key for alarm in case.alarms if alarm.gateway_id == gateway_id}))


def _command(action: HelpComing | ResetAlarm, incident_id: int, now: datetime, life: timedelta) -> Command:
    return Command(
        command_id=secrets.token_hex(16),
        issued_at=now,
        expires_at=now + life,
        incident_id=str(incident_id),
        action=action,
    )


_answer = msgspec.json.Decoder(Answer)
