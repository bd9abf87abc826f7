"""The matrix of rights and roles, cell by cell, against a table written by hand from the project's incident model."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from community.rights import (
    AFTERWARDS,
    MATRIX,
    Ground,
    Refused,
    Right,
    Subject,
    breaks_glass,
    holds,
    is_allowed,
    may,
    may_order,
)
from community.users import Role, User

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
ROLES = ("operator", "supervisor", "responder", "family", "auditor", "admin", "regulator", "screen")

# y: yes; -: never; else the condition, see CONDITIONS. In the order of ROLES.
TABLE = """
read the queue                 y        y        -        -        y   -   y   -
read a case                    y        y        offered  elder    y   -   y   -
work on cases                  y        y        -        -        -   -   -   -
direct the work on cases       -        y        -        -        -   -   -   -
respond on site                -        y        offered  -        -   -   -   -
tell the result of a call-back y        y        -        elder    -   -   -   -
read medical cards             openwhy  y        own2h    agreed   -   -   -   -
read key-safe codes            open     open     onway    holder   -   -   -   -
read the register              y        y        own2h    agreed   y   -   -   -
keep telephone numbers         y        y        -        -        -   -   -   -
keep the register              -        y        -        -        -   -   -   -
excuse cards                   -        y        -        -        -   -   -   -
read cards and scores          -        y        -        -        y   -   y   -
silence alarms                 minor    minor    -        -        -   -   -   -
say who is at home             y        y        -        elder    -   -   -   -
read silences                  y        y        -        -        y   -   y   -
change policy                  -        -        -        -        -   two -   -
change users                   -        -        -        -        -   y   -   -
change devices                 -        -        -        -        -   y   -   -
read settings                  -        y        -        -        y   y   y   -
propose settings               -        y        -        -        -   y   -   -
export                         -        y        -        -        dry dry -   -
verify the record              -        y        -        -        y   y   y   -
read figures                   y        y        -        -        y   y   y   y
read boxes and sensors         y        y        -        -        y   y   y   -
file requests                  y        y        y        elder    -   -   -   -
read who looked                -        y        -        elder    y   -   y   -
review broken glass            -        y        -        -        -   -   -   -
"""

BARE = Subject(
    now=NOW, areas=frozenset({"north"}), organisations=frozenset({"care-co"}), is_life=True, holds_medical=True
)
MINE = {"responder": "zhang"}
ELDER = {"is_own_elder": True}

# What must be so, and what must not be enough.
CONDITIONS: dict[str, tuple[list[dict[str, object]], list[dict[str, object]]]] = {
    "y": ([{}], []),
    "-": (
        [],
        [
            {"is_open": True, "reason": "why", "second": "li", "is_life": False, "holds_medical": False},
            MINE | {"offered": frozenset({"zhang"}), "is_under_way": True, "is_open": True},
            ELDER | {"is_consented": True, "holds_key": True, "is_open": True},
        ],
    ),
    "offered": (
        [MINE, {"offered": frozenset({"li", "zhang"})}],
        [{}, {"responder": "li"}, {"offered": frozenset({"li"})}],
    ),
    "own2h": (
        [MINE, MINE | {"left_at": NOW - timedelta(hours=2)}],
        [{}, {"offered": frozenset({"zhang"})}, MINE | {"left_at": NOW - timedelta(hours=2, seconds=1)}],
    ),
    "onway": ([MINE | {"is_under_way": True}], [{}, MINE, {"is_under_way": True}, {"is_open": True, "reason": "why"}]),
    "elder": ([ELDER], [{}, {"is_consented": True}]),
    "agreed": ([ELDER | {"is_consented": True}], [{}, ELDER, {"is_consented": True}]),
    "holder": ([ELDER | {"holds_key": True}], [{}, ELDER, {"holds_key": True}]),
    "open": ([{"is_open": True}], [{}, {"reason": "why"}]),
    "openwhy": ([{"is_open": True}, {"reason": "why"}], [{}]),
    "minor": ([{"is_life": False}], [{}, {"is_open": True, "reason": "why"}]),
    "two": ([{"second": "li"}], [{}, {"second": "zhang"}]),
    "dry": ([{"holds_medical": False}], [{}]),
}


def cells() -> list[tuple[str, str, str]]:
    found = []
    for line in TABLE.strip().splitlines():
        right, conditions = line[:31].strip(), line[31:].split()
        found += [(right, role, condition) for role, condition in zip(ROLES, conditions, strict=True)]
    return found


def who(role: str, **other: object) -> User:
    return User(
        **{"user_id": "u1", "login": "zhang", "name": "张琳", "role": Role(role), "language": "zh"} | other  # type: ignore[arg-type]
    )


def test_table_names_every_right_and_role() -> None:
    assert {right for right, _, _ in cells()} == set(Right) == set(MATRIX)
    assert set(ROLES) == set(Role)


@pytest.mark.parametrize(("right", "role", "condition"), cells())
def test_cell(right: str, role: str, condition: str) -> None:
    enough, not_enough = CONDITIONS[condition]
    user = who(role)
    assert holds(user, Right(right)) is bool(enough)
    for facts in enough:
        may(user, Right(right), replace(BARE, **facts))
    for facts in not_enough:
        with pytest.raises(Refused):
            may(user, Right(right), replace(BARE, **facts))


@pytest.mark.parametrize(("right", "role", "condition"), [cell for cell in cells() if cell[2] != "-"])
def test_disabled_login_may_nothing(right: str, role: str, condition: str) -> None:
    user = who(role, is_disabled=True)
    assert not holds(user, Right(right))
    for facts in CONDITIONS[condition][0]:
        with pytest.raises(Refused, match="disabled"):
            may(user, Right(right), replace(BARE, **facts))


@pytest.mark.parametrize(("right", "role", "condition"), [cell for cell in cells() if cell[2] not in {"-"}])
def test_right_ends_at_the_border_of_ones_area(right: str, role: str, condition: str) -> None:
    """Who is bound to a case or an elder is not bound to a place as well; a broken glass knows no border."""
    is_bound_to_a_person = condition in {"offered", "own2h", "onway", "elder", "agreed", "holder"}
    facts = CONDITIONS[condition][0][0]
    for user, its in (
        (who(role, areas=frozenset({"south"})), Ground.AREA),
        (who(role, organisations=frozenset({"other-co"})), Ground.ORGANISATION),
    ):
        assert is_allowed(user, Right(right), replace(BARE, **facts)) is is_bound_to_a_person
        if not is_bound_to_a_person:
            with pytest.raises(Refused) as refused:
                may(user, Right(right), replace(BARE, **facts))
            assert str(refused.value) == its
        theirs = replace(BARE, **facts, areas=frozenset({"south", "city"}), organisations=frozenset({"other-co", "b"}))
        assert is_allowed(user, Right(right), theirs)
        assert is_allowed(user, Right(right), replace(theirs, areas=frozenset(), is_home=False))


BOUND = {"areas": frozenset({"south"}), "organisations": frozenset({"other-co"})}
NOWHERE = replace(BARE, areas=frozenset(), organisations=frozenset())


@pytest.mark.parametrize("role", ["operator", "supervisor"])
@pytest.mark.parametrize("right", [Right.READ_QUEUE, Right.READ_CASE, Right.WORK_CASES])
def test_alarm_of_a_home_on_no_map_rings_at_every_desk(role: str, right: Right) -> None:
    may(who(role, **BOUND), right, NOWHERE)
    may(who(role, **BOUND), right, replace(NOWHERE, areas=frozenset({"south"})))


@pytest.mark.parametrize("role", ["operator", "supervisor"])
@pytest.mark.parametrize("right", [Right.READ_MEDICAL, Right.READ_KEY_SAFE])
def test_desk_helps_a_home_on_no_map_while_its_case_is_open(role: str, right: Right) -> None:
    may(who(role, **BOUND), right, replace(NOWHERE, is_open=True))
    with pytest.raises(Refused):
        may(who(role, **BOUND), right, NOWHERE)


@pytest.mark.parametrize("role", ["auditor", "regulator"])
def test_overseer_of_an_area_sees_no_home_on_no_map(role: str) -> None:
    with pytest.raises(Refused):
        may(who(role, **BOUND), Right.READ_CASE, NOWHERE)


@pytest.mark.parametrize(
    ("role", "facts", "is_broken"),
    [
        ("operator", {}, False),
        ("operator", {"reason": "neighbour calls"}, True),
        ("operator", {"reason": "neighbour calls", "is_open": True}, False),
        ("supervisor", {"reason": "neighbour calls"}, False),
        ("supervisor", {"reason": "neighbour calls", "areas": frozenset({"far"})}, True),
        ("operator", {"reason": "neighbour calls", "is_open": True, "areas": frozenset({"far"})}, True),
        ("admin", {"reason": "neighbour calls"}, False),
        ("auditor", {"reason": "neighbour calls"}, False),
        ("family", {"reason": "neighbour calls"}, False),
    ],
)
def test_glass_is_broken_where_only_the_reason_opens(role: str, facts: dict[str, object], *, is_broken: bool) -> None:
    user = who(role, areas=frozenset({"north"}))
    subject = replace(BARE, **facts)
    assert breaks_glass(user, Right.READ_MEDICAL, subject) is is_broken
    if is_broken:
        may(user, Right.READ_MEDICAL, subject)
    assert not breaks_glass(user, Right.READ_KEY_SAFE, subject)


@pytest.mark.parametrize("role", ["admin", "auditor", "regulator"])
def test_no_reason_opens_the_medical_card_to_who_has_no_right(role: str) -> None:
    with pytest.raises(Refused, match="no right to medical data"):
        may(who(role), Right.READ_MEDICAL, replace(BARE, is_open=True, reason="I want to", second="li"))


def test_responder_is_known_by_his_id_in_the_register() -> None:
    may(who("responder", login="phone-7", person="r-7"), Right.RESPOND, replace(BARE, responder="r-7"))


def test_two_hours_are_two_hours() -> None:
    assert timedelta(hours=2) == AFTERWARDS


COMMANDS = {
    "ack": "operator supervisor",
    "release": "operator supervisor",
    "hand_over": "operator supervisor",
    "dispatch": "operator supervisor",
    "resolve_remote": "operator supervisor",
    "verify_ok": "operator supervisor",
    "verify_bad": "operator supervisor",
    "mark_test": "operator supervisor",
    "mark_false": "operator supervisor",
    "merge": "operator supervisor",
    "something_new": "operator supervisor",
    "take_over": "supervisor",
    "let_go": "supervisor",
    "correct": "supervisor",
    "accept": "supervisor responder",
    "decline": "supervisor responder",
    "arrive": "operator supervisor responder",
    "report": "operator supervisor responder",
    "call_120": "operator supervisor responder",
    "call_119": "operator supervisor responder",
    "call_110": "operator supervisor responder",
    "note": "operator supervisor responder",
    "revisit_ok": "operator supervisor family",
    "revisit_bad": "operator supervisor family",
    "revisit_missed": "operator supervisor",
    "revisit_unreached": "operator supervisor",
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, role: str) -> None:
    theirs = replace(BARE, responder="zhang", is_own_elder=True)
    if role in COMMANDS[command].split():
        may_order(who(role), command, theirs)
    else:
        with pytest.raises(Refused):
            may_order(who(role), command, theirs)


def test_command_of_anothers_case_is_refused_with_the_reason() -> None:
    with pytest.raises(Refused, match="not your case"):
        may_order(who("responder"), "arrive", replace(BARE, responder="li"))
    with pytest.raises(Refused, match="not your family member"):
        may_order(who("family"), "revisit_ok", BARE)


def test_grounds_are_sentences() -> None:
    assert all(ground[0].isupper() and ground.endswith(".") for ground in Ground)
