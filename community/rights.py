"""Who may do what: the matrix of rights and roles, and the one judge of it. Pure; docs/rights.md says it in words.

A cell that is not written here is a no. Whoever shows or changes something asks `may` first, with what is asked about
as it stands now; the judge reads nothing by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto

from community.users import EVERYWHERE, Role, User
from shouwang.errors import ShouwangError

AFTERWARDS = timedelta(hours=2)
"""How long a responder may look up his own incident after he has left it (the project's incident model, Roles)."""


class Ground(StrEnum):
    """Why something is refused, in a plain sentence; the console's catalogues translate it."""

    ROLE = "Your role may not do this."
    DISABLED = "This login has been disabled."
    AREA = "This home is outside your area."
    ORGANISATION = "This home is served by another organisation."
    NOT_OPEN = "There is no open case of this home: give a reason, and your supervisor is told."
    NO_CASE = "This is shown only while a case of this home is open."
    NOT_YOURS = "This is not your case."
    TOO_LATE = "Your case ended more than two hours ago."
    NOT_ON_THE_WAY = "This is shown only while you are on the way to this home or there."
    NOT_YOUR_ELDER = "This is not your family member."
    NO_CONSENT = "Your family member has not agreed that you see this."
    NOT_SHARED = "This person has not agreed that medical data is given to others."
    NO_KEY = "You hold no key of this home."
    LIFE = "Life alarms can never be silenced."
    MEDICAL = "Your role has no right to medical data."
    SECOND_PERSON = "A change of policy needs a second person."
    SCOPE = "This token was not made for this."
    FIELDS = "The agreement does not cover these fields."


class Refused(ShouwangError):
    """This user may not do this; the message is a plain sentence (a msgid of the catalogues)."""


class Right(StrEnum):
    """What may be done; the rows of the matrix."""

    READ_QUEUE = "read the queue"
    READ_CASE = "read a case"
    WORK_CASES = "work on cases"
    DIRECT_CASES = "direct the work on cases"
    RESPOND = "respond on site"
    REVISIT = "tell the result of a call-back"
    READ_MEDICAL = "read medical cards"
    READ_KEY_SAFE = "read key-safe codes"
    READ_RESIDENTS = "read the register"
    KEEP_REACH = "keep telephone numbers"
    """Whom to call and how, the person's own number and language, the way to the door: a wrong one costs minutes."""
    KEEP_REGISTER = "keep the register"
    """All else of an entry: who it is, health, consent, the code of the key-safe, the face, who lives where."""
    EXCUSE_CARDS = "excuse cards"
    READ_SCORES = "read cards and scores"
    SILENCE = "silence alarms"
    SET_AWAY = "say who is at home"
    READ_SILENCES = "read silences"
    SET_POLICY = "change policy"
    SET_USERS = "change users"
    SET_DEVICES = "change devices"
    READ_SETTINGS = "read settings"
    PROPOSE_SETTINGS = "propose settings"
    EXPORT = "export"
    VERIFY_CHAIN = "verify the record"
    READ_KPIS = "read figures"
    READ_HOMES = "read boxes and sensors"
    FILE_REQUEST = "file requests"
    READ_ACCESS = "read who looked"
    REVIEW_ACCESS = "review broken glass"


class Grant(Enum):
    """What stands in a cell: yes, or yes under a condition."""

    YES = auto()
    OPEN_OR_REASON = auto()
    """While a case of this home is open, else with a reason (the glass is broken, supervisors are told)."""
    OPEN = auto()
    """While a case of this home is open."""
    OWN_CASE = auto()
    """Of a case that he was offered or has accepted."""
    OWN_CASE_AFTERWARDS = auto()
    """Of a case that he has accepted, till AFTERWARDS."""
    ON_OWN_CASE = auto()
    """Of a case that he has accepted, while he is on the way or there."""
    OWN_ELDER = auto()
    OWN_ELDER_BY_CONSENT = auto()
    IF_HOLDER = auto()
    """Of an own elder's home, to whom a key was given."""
    NOT_LIFE = auto()
    """P3 and P4 only."""
    WITHOUT_MEDICAL = auto()
    WITH_SECOND_PERSON = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is asked about, as it stands `now`; `is_home` False: something of no home, which has no area.

    `areas`: of the home, with all that lie around it; empty for a home that is in nobody's tree. `organisations`: who
    serves it under an agreement. `is_open`: a case of its people is. `responder`: who has accepted the case; `offered`:
    who was asked; `left_at`: when the responder's part was over. `is_consented`: whether the elder agreed that this
    family member sees what is asked for.
    """

    now: datetime
    is_home: bool = True
    areas: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()
    is_open: bool = False
    is_life: bool = False
    responder: str = ""
    offered: frozenset[str] = frozenset()
    is_under_way: bool = False
    left_at: datetime | None = None
    is_own_elder: bool = False
    is_consented: bool = False
    holds_key: bool = False
    holds_medical: bool = False
    reason: str = ""
    second: str = ""


def _desk(of: Grant) -> dict[Role, Grant]:
    return dict.fromkeys((Role.OPERATOR, Role.SUPERVISOR), of)


_OVERSEERS = dict.fromkeys((Role.SUPERVISOR, Role.AUDITOR, Role.REGULATOR), Grant.YES)

MATRIX: Mapping[Right, Mapping[Role, Grant]] = {
    Right.READ_QUEUE: _desk(Grant.YES) | _OVERSEERS,
    Right.READ_CASE: _desk(Grant.YES) | _OVERSEERS | {Role.RESPONDER: Grant.OWN_CASE, Role.FAMILY: Grant.OWN_ELDER},
    Right.WORK_CASES: _desk(Grant.YES),
    Right.DIRECT_CASES: {Role.SUPERVISOR: Grant.YES},
    Right.RESPOND: {Role.SUPERVISOR: Grant.YES, Role.RESPONDER: Grant.OWN_CASE},
    Right.REVISIT: _desk(Grant.YES) | {Role.FAMILY: Grant.OWN_ELDER},
    Right.READ_MEDICAL: {
        Role.OPERATOR: Grant.OPEN_OR_REASON,
        Role.SUPERVISOR: Grant.YES,
        Role.RESPONDER: Grant.OWN_CASE_AFTERWARDS,
        Role.FAMILY: Grant.OWN_ELDER_BY_CONSENT,
    },
    Right.READ_KEY_SAFE: _desk(Grant.OPEN) | {Role.RESPONDER: Grant.ON_OWN_CASE, Role.FAMILY: Grant.IF_HOLDER},
    Right.READ_RESIDENTS: _desk(Grant.YES)
    | {
        Role.RESPONDER: Grant.OWN_CASE_AFTERWARDS,
        Role.FAMILY: Grant.OWN_ELDER_BY_CONSENT,
        Role.AUDITOR: Grant.YES,
    },
    Right.KEEP_REACH: _desk(Grant.YES),
    Right.KEEP_REGISTER: {Role.SUPERVISOR: Grant.YES},
    Right.EXCUSE_CARDS: {Role.SUPERVISOR: Grant.YES},
    Right.READ_SCORES: _OVERSEERS,
    Right.SILENCE: _desk(Grant.NOT_LIFE),
    Right.SET_AWAY: _desk(Grant.YES) | {Role.FAMILY: Grant.OWN_ELDER},
    Right.READ_SILENCES: _desk(Grant.YES) | _OVERSEERS,
    Right.SET_POLICY: {Role.ADMIN: Grant.WITH_SECOND_PERSON},
    Right.SET_USERS: {Role.ADMIN: Grant.YES},
    Right.SET_DEVICES: {Role.ADMIN: Grant.YES},
    Right.READ_SETTINGS: _OVERSEERS | {Role.ADMIN: Grant.YES},
    Right.PROPOSE_SETTINGS: {Role.SUPERVISOR: Grant.YES, Role.ADMIN: Grant.YES},
    Right.EXPORT: {
        Role.SUPERVISOR: Grant.YES,
        Role.AUDITOR: Grant.WITHOUT_MEDICAL,
        Role.ADMIN: Grant.WITHOUT_MEDICAL,
    },
    Right.VERIFY_CHAIN: _OVERSEERS | {Role.ADMIN: Grant.YES},
    Right.READ_KPIS: _desk(Grant.YES) | _OVERSEERS | {Role.ADMIN: Grant.YES, Role.SCREEN: Grant.YES},
    Right.READ_HOMES: _desk(Grant.YES) | _OVERSEERS | {Role.ADMIN: Grant.YES},
    Right.FILE_REQUEST: _desk(Grant.YES) | {Role.RESPONDER: Grant.YES, Role.FAMILY: Grant.OWN_ELDER},
    Right.READ_ACCESS: _OVERSEERS | {Role.FAMILY: Grant.OWN_ELDER},
    Right.REVIEW_ACCESS: {Role.SUPERVISOR: Grant.YES},
}
"""Roles x rights of the project's incident model; the regulator reads and assesses, and alters no case (管办分离)."""

_RINGS_EVERYWHERE = frozenset({Right.READ_QUEUE, Right.READ_CASE, Right.WORK_CASES, Right.DIRECT_CASES, Right.RESPOND})
"""Of a home that is in nobody's tree, or served under no agreement: or its alarm would reach nobody."""

_OWN = frozenset(
    {
        Grant.OWN_CASE,
        Grant.OWN_CASE_AFTERWARDS,
        Grant.ON_OWN_CASE,
        Grant.OWN_ELDER,
        Grant.OWN_ELDER_BY_CONSENT,
        Grant.IF_HOLDER,
    }
)
"""Bound to a person already: his area says nothing more. A responder may be sent across a border."""


def may(user: User, right: Right, subject: Subject) -> None:
    """Nothing where he may. Raises Refused with a plain sentence."""
    grant = MATRIX[right].get(user.role)
    if user.is_disabled:
        raise Refused(Ground.DISABLED)
    if grant is None:
        is_about_health = right is Right.READ_MEDICAL
        raise Refused(Ground.MEDICAL if is_about_health else Ground.ROLE)
    condition = _CONDITIONS.get(grant)
    ground = condition(user, subject) if condition is not None else None
    if ground is not None:
        raise Refused(ground)
    if subject.is_home and grant not in _OWN and not breaks_glass(user, right, subject):
        _keep_to_scope(user, right, subject)


def is_allowed(user: User, right: Right, subject: Subject) -> bool:
    """Whether he may."""
    try:
        may(user, right, subject)
    except Refused:
        return False
    return True


def holds(user: User, right: Right) -> bool:
    """Whether the matrix gives him this right over anything at all."""
    return not user.is_disabled and user.role in MATRIX[right]


def breaks_glass(user: User, right: Right, subject: Subject) -> bool:
    """Whether only his reason opens this: it is written down, and a supervisor is told and must look at it."""
    if right is not Right.READ_MEDICAL or user.role not in {Role.OPERATOR, Role.SUPERVISOR} or not subject.reason:
        return False
    is_theirs = _stray(user, subject) is None
    return not (is_theirs and (user.role is Role.SUPERVISOR or subject.is_open))


def _keep_to_scope(user: User, right: Right, subject: Subject) -> None:
    is_desk = user.role in {Role.OPERATOR, Role.SUPERVISOR}
    must_be_heard = is_desk and (right in _RINGS_EVERYWHERE or subject.is_open)
    ground = _stray(user, subject, is_unplaced_ours=must_be_heard)
    if ground is not None:
        raise Refused(ground)


def _stray(user: User, subject: Subject, *, is_unplaced_ours: bool = False) -> Ground | None:
    """Why a home is none of his. `is_unplaced_ours`: one that is in no area, or served by nobody, is everybody's."""
    for mine, its, ground in (
        (user.areas, subject.areas, Ground.AREA),
        (user.organisations, subject.organisations, Ground.ORGANISATION),
    ):
        is_unplaced = is_unplaced_ours and not its
        if mine != EVERYWHERE and not mine & its and not is_unplaced:
            return ground
    return None


def _is_his(user: User, subject: Subject) -> bool:
    return subject.responder in user.names


def _open_or_reason(_: User, subject: Subject) -> Ground | None:
    return None if subject.is_open or subject.reason else Ground.NOT_OPEN


def _open(_: User, subject: Subject) -> Ground | None:
    return None if subject.is_open else Ground.NO_CASE


def _own_case(user: User, subject: Subject) -> Ground | None:
    return None if _is_his(user, subject) or user.names & subject.offered else Ground.NOT_YOURS


def _own_case_afterwards(user: User, subject: Subject) -> Ground | None:
    if not _is_his(user, subject):
        return Ground.NOT_YOURS
    is_over = subject.left_at is not None and subject.now - subject.left_at > AFTERWARDS
    return Ground.TOO_LATE if is_over else None


def _on_own_case(user: User, subject: Subject) -> Ground | None:
    if not _is_his(user, subject):
        return Ground.NOT_YOURS
    return None if subject.is_under_way else Ground.NOT_ON_THE_WAY


def _own_elder(_: User, subject: Subject) -> Ground | None:
    return None if subject.is_own_elder else Ground.NOT_YOUR_ELDER


def _own_elder_by_consent(user: User, subject: Subject) -> Ground | None:
    return _own_elder(user, subject) or (None if subject.is_consented else Ground.NO_CONSENT)


def _if_holder(user: User, subject: Subject) -> Ground | None:
    return _own_elder(user, subject) or (None if subject.holds_key else Ground.NO_KEY)


def _not_life(_: User, subject: Subject) -> Ground | None:
    return Ground.LIFE if subject.is_life else None


def _without_medical(_: User, subject: Subject) -> Ground | None:
    return Ground.MEDICAL if subject.holds_medical else None


def _with_second_person(user: User, subject: Subject) -> Ground | None:
    return None if subject.second and subject.second not in user.names else Ground.SECOND_PERSON


_CONDITIONS: Mapping[Grant, Callable[[User, Subject], Ground | None]] = {
    Grant.OPEN_OR_REASON: _open_or_reason,
    Grant.OPEN: _open,
    Grant.OWN_CASE: _own_case,
    Grant.OWN_CASE_AFTERWARDS: _own_case_afterwards,
    Grant.ON_OWN_CASE: _on_own_case,
    Grant.OWN_ELDER: _own_elder,
    Grant.OWN_ELDER_BY_CONSENT: _own_elder_by_consent,
    Grant.IF_HOLDER: _if_holder,
    Grant.NOT_LIFE: _not_life,
    Grant.WITHOUT_MEDICAL: _without_medical,
    Grant.WITH_SECOND_PERSON: _with_second_person,
}

_ON_SITE = (Right.RESPOND, Right.WORK_CASES)
_OF_COMMANDS: Mapping[str, tuple[Right, ...]] = {
    "accept": (Right.RESPOND,),
    "decline": (Right.RESPOND,),
    "arrive": _ON_SITE,
    "report": _ON_SITE,
    "call_120": _ON_SITE,
    "call_119": _ON_SITE,
    "call_110": _ON_SITE,
    "note": _ON_SITE,
    "take_over": (Right.DIRECT_CASES,),
    "let_go": (Right.DIRECT_CASES,),
    "correct": (Right.DIRECT_CASES,),
    "revisit_ok": (Right.REVISIT,),
    "revisit_bad": (Right.REVISIT,),
    "revisit_missed": (Right.WORK_CASES,),
    "revisit_unreached": (Right.WORK_CASES,),
}


def may_order(user: User, command: str, subject: Subject) -> None:
    """Nothing where he may give this order to a case; its workflow judges the moment. Raises Refused.

    A command that nobody has classified is work on a case.
    """
    rights = _OF_COMMANDS.get(command, (Right.WORK_CASES,))
    if any(is_allowed(user, right, subject) for right in rights):
        return
    held = next((right for right in rights if holds(user, right)), rights[0])
    may(user, held, subject)
