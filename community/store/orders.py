"""What people order, carried out once: the event, the words, the message to the home, the answer, all or nothing."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community import engine
from community.casefile import SYSTEM, Case, Denied, NotNow, Order, StaleVersion
from community.desk import QueueRow, Wish
from community.store import decisions, dispatch, links, request_results, schema
from community.store.cases import CLOSED, deny, link, load, record, refs_of
from community.store.outgoing import queue
from community.store.surroundings import context
from community.store.views import row_of
from community.supervision import is_of_the_centre
from community.wording import told_on_the_way, told_to_home
from shouwang.alert import Sentence
from shouwang.wire import Command, HelpComing, ResetAlarm

HELP_EXPIRES_AFTER = timedelta(seconds=120)
"""Later, "help is coming" would no longer be true or no longer be news."""
RESET_EXPIRES_AFTER = timedelta(hours=24)
"""As long as the broker keeps a gateway's session: later it would reach nobody."""
_MS_PER_MIN = 60_000
_MERGE = "merge"
"""The one command that moves alerts: a number in the form of another one means nothing."""
_USED_ID = Sentence(
    zh="这个指令编号已经用于另一个操作，请重新打开页面",
    en="this command id was used for another order already; load the page again",
)
_CALLS_IN = frozenset({"dispatch", "call_unit"})
"""Orders that call the people whom they name."""
_RESULT_STATES = frozenset({"FEEDBACK", "REVISIT", CLOSED})
"""Once a result is told, the home's siren and lamp have no more to say."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: the case after it, or why not."""

    row: QueueRow | None = None
    refusal: str = ""
    zh: str = ""
    is_stale: bool = False

    def value(self) -> QueueRow:
        """The case; raises StaleVersion or IllegalMove where the order was refused."""
        if self.row is not None:
            return self.row
        said = Sentence(zh=self.zh or self.refusal, en=self.refusal)
        raise StaleVersion(said) if self.is_stale else NotNow(said)


def carry_out(connection: sa.Connection, wish: Wish, now: datetime) -> Answer:
    """The answer to the wish. A repeated command id gets the first answer.

    Raises IllegalMove, with nothing written, where there is no such case or the id belongs to another order.
    """
    done = schema.commands_done
    fingerprint = hashlib.sha256(msgspec.json.encode(wish)).digest()
    first = connection.execute(sa.select(done).where(done.c.command_id == wish.command_id)).first()
    if first is not None:
        if first.fingerprint != fingerprint:
            raise NotNow(_USED_ID)
        return _answer.decode(first.answer)
    case = load(connection, wish.incident_id)
    if case is None:
        raise NotNow(Sentence(zh=f"没有 {wish.incident_id} 号警情", en=f"there is no case {wish.incident_id}"))
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
        order = msgspec.structs.replace(order, targets=_whom(connection, order))
        made = engine.ordered(case, order, context(connection, case, now, by=wish.by), at=now)
        if made[0].state == CLOSED:
            _refuse_while_directed(connection, wish.incident_id)
        if order.into is not None and order.command == _MERGE:
            _absorb(connection, wish.incident_id, order.into, now)
    except NotNow as error:
        said = error.said
        denied = Denied(order=order, reason=said.en, zh=said.zh)
        deny(connection, wish.incident_id, case, denied, at=now, actor=wish.by)
        return Answer(refusal=said.en, zh=said.zh, is_stale=isinstance(error, StaleVersion))
    after, _ = made
    record(connection, wish.incident_id, made, at=now, actor=wish.by)
    request_results.tell(connection, wish.incident_id, case, after, now)
    if order.note_id:
        connection.execute(
            schema.notes.insert().values(
                note_id=order.note_id, incident_id=wish.incident_id, salt=salt, words=words_of(wish)
            )
        )
    going = dispatch.name_of(connection, after.responder or "")
    for command, gateway_id in _messages_home(wish, case, after, now, going):
        queue(connection, command, gateway_id, wish.incident_id)
    return Answer(row=row_of(connection, wish.incident_id, after, now))


def _whom(connection: sa.Connection, order: Order) -> tuple[str, ...]:
    """Who is meant, by id. Raises NotNow for somebody who cannot be called: the case would wait for nobody."""
    asked = order.targets if order.command in _CALLS_IN else ()
    found = {one: dispatch.meant(connection, one, is_unit=order.command == "call_unit") for one in asked}
    nobody = [one for one, whom in found.items() if not whom]
    if nobody:
        unknown = "、".join(nobody)
        raise NotNow(
            Sentence(
                zh=f"名册中没有可以呼叫的“{unknown}”；120、119、110 请用各自的按钮",
                en=f"{unknown}: nobody on file who can be called so; 120, 119 and 110 have orders of their own",
            )
        )
    return tuple(dict.fromkeys(found.get(one, one) for one in order.targets))


def _refuse_while_directed(connection: sa.Connection, incident_id: int) -> None:
    """Raise NotNow where a decision of the joint meeting (督办) is open: nobody ends the case before it is settled."""
    if decisions.is_open(connection, incident_id):
        raise NotNow(
            Sentence(
                zh="本案有未销号的督办决定：请先由主管销号，再结案",
                en="a decision of the joint meeting is open for this case: a supervisor settles it first, then it ends",
            )
        )


def _absorb(connection: sa.Connection, merged: int, into: int, now: datetime) -> None:
    """The alerts of the merged case go over to the other one. Raises IllegalMove where that has ended."""
    target = load(connection, into)
    if target is None or merged == into:
        raise NotNow(Sentence(zh=f"没有另一个 {into} 号警情", en=f"there is no other case {into}"))
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
        digest=links.words_digest(salt, words) if words else "",
        second=wish.second,
        spoke=wish.spoke,
        score=wish.score,
        reference=wish.reference,
        into=wish.into,
        into_home="" if target is None else target.home_key,
        into_lane="" if target is None else target.lane,
        into_priority=None if target is None or target.state == CLOSED else target.priority,
    )


def _messages_home(wish: Wish, before: Case, case: Case, now: datetime, going: str) -> Iterable[tuple[Command, str]]:
    say = _said_at_home(wish, before, case, going)
    has_ended = case.state in _RESULT_STATES and before.state not in _RESULT_STATES and case.merged_into is None
    for gateway_id in _homes_of(case):
        keys = _keys_at(case, gateway_id)
        if say is not None:
            yield _command(HelpComing(say=say, keys=keys), wish.incident_id, now, HELP_EXPIRES_AFTER), gateway_id
        if has_ended:
            yield _command(ResetAlarm(keys=keys, by=wish.by), wish.incident_id, now, RESET_EXPIRES_AFTER), gateway_id


def _said_at_home(wish: Wish, before: Case, case: Case, going: str) -> Sentence | None:
    """Somebody has it in hand; who is on the way (`going`: what he is called), and how long that takes."""
    if wish.command == "ack" and before.owner is None:
        return told_to_home(case.lane)
    if wish.command == "accept":
        return told_on_the_way(going, wish.eta_min)
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
