"""What operators order, carried out once: the event, the words, the message to the home, the answer, all or nothing."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community import incidents
from community.desk import Action, Disposition, QueueRow, StaleVersion, State
from community.incidents import Ack, Close, Incident, Note, Order, Refused
from community.store import chain, schema
from community.store.cases import load, record
from community.store.outgoing import queue
from community.store.views import row_of
from community.supervision import is_of_the_centre
from community.wording import told_to_home
from shouwang.errors import IllegalMove
from shouwang.wire import Command, HelpComing, ResetAlarm

HELP_EXPIRES_AFTER = timedelta(seconds=120)
"""Later, "help is coming" would no longer be true or no longer be news."""
RESET_EXPIRES_AFTER = timedelta(hours=24)
"""As long as the broker keeps a gateway's session: later it would reach nobody."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's order as given; its bytes tell a repeat from another order with the same id."""

    incident_id: int
    action: Action
    by: str
    command_id: str
    version: int | None = None
    disposition: Disposition | None = None
    text: str = ""


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


def carry_out(connection: sa.Connection, request: Request, now: datetime) -> Answer:
    """The answer to the request. A repeated command id gets the first answer.

    Raises IllegalMove, with nothing written, where there is no such case or the id belongs to another order.
    """
    done = schema.commands_done
    fingerprint = hashlib.sha256(msgspec.json.encode(request)).digest()
    first = connection.execute(sa.select(done).where(done.c.command_id == request.command_id)).first()
    if first is not None:
        if first.fingerprint != fingerprint:
            raise IllegalMove("this command id was used for another order already; load the page again")
        return _answer.decode(first.answer)
    case = load(connection, request.incident_id)
    if case is None:
        raise IllegalMove(f"there is no case {request.incident_id}")
    answer = _try(connection, request, case, now)
    connection.execute(
        done.insert().values(
            command_id=request.command_id, fingerprint=fingerprint, answer=msgspec.json.encode(answer), done_at=now
        )
    )
    return answer


def _try(connection: sa.Connection, request: Request, case: Incident, now: datetime) -> Answer:
    order, salt = _order(request)
    try:
        event, state = incidents.decide(case, order)
    except IllegalMove as error:
        refused = Refused(action=request.action, reason=str(error))
        record(connection, request.incident_id, case, refused, case.state, at=now, actor=request.by)
        return Answer(refusal=str(error), is_stale=isinstance(error, StaleVersion))
    _, after = record(connection, request.incident_id, case, event, state, at=now, actor=request.by)
    if isinstance(order, Note | Close):
        connection.execute(
            schema.notes.insert().values(
                note_id=order.note_id, incident_id=request.incident_id, salt=salt, words=request.text
            )
        )
    for command, gateway_id in _messages_home(request, after, now):
        queue(connection, command, gateway_id, request.incident_id)
    row = row_of(connection, request.incident_id, after, now)
    return Answer(row=row)


def _order(request: Request) -> tuple[Order, bytes]:
    salt = secrets.token_bytes(16)
    note_id, digest = secrets.token_hex(8), chain.words_digest(salt, request.text)
    version = request.version if request.version is not None else 0
    match request.action:
        case Action.ACK:
            return Ack(by=request.by, version=version), salt
        case Action.NOTE:
            return Note(by=request.by, note_id=note_id, digest=digest), salt
        case Action.CLOSE:
            if request.disposition is None:
                raise IllegalMove("a case is closed with a word on how it ended")
            close = Close(
                by=request.by, version=version, disposition=request.disposition, note_id=note_id, digest=digest
            )
            return close, salt


def _messages_home(request: Request, case: Incident, now: datetime) -> Iterable[tuple[Command, str]]:
    if request.action is Action.ACK:
        for gateway_id in _homes_of(case):
            say = HelpComing(say=told_to_home(case.lane), keys=_keys_at(case, gateway_id))
            yield _command(say, request.incident_id, now, HELP_EXPIRES_AFTER), gateway_id
    elif case.state is State.CLOSED:
        for gateway_id in _homes_of(case):
            reset = ResetAlarm(keys=_keys_at(case, gateway_id), by=request.by)
            yield _command(reset, request.incident_id, now, RESET_EXPIRES_AFTER), gateway_id


def _homes_of(case: Incident) -> list[str]:
    """The gateways that raised alarms of it: those that the centre raised about them are none of theirs."""
    return sorted({alarm.gateway_id for alarm in case.alarms if not is_of_the_centre(alarm.key)})


def _keys_at(case: Incident, gateway_id: str) -> tuple[str, ...]:
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
