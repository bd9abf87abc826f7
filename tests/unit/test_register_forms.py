"""What is written in forms of the register: lists of contacts, what stands, numbers that do not answer; the history."""

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from community.people import Callee, Circle
from community.register_forms import (
    MOST_CONTACTS,
    Fault,
    Unfit,
    changed_over,
    drawn_fields,
    drawn_with,
    in_order,
    line_of,
    lines_of,
    moved,
    put_back,
    row_of,
    same_elsewhere,
    silent_now,
    stands,
    told_elsewhere,
    with_changed,
    with_marks,
    with_new,
    without,
    words_of,
)
from community.register_history import Change, Line, told
from community.registry import AssessmentRow, ContactRow
from community.registry_checks import moment_of, said_at

AT = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


def contact(order: int, name: str, *, circle: str = "family", phone: str = "", **more: object) -> ContactRow:
    phone = phone or f"1380000{order:04}"
    row = {"resident": "r", "order": order, "id": f"c-{name}", "name": name, "circle": circle, "phones": (phone,)}
    return ContactRow.model_validate({**row, **more})


LIST = (
    contact(0, "son"),
    contact(1, "neighbour", circle="neighbours"),
    contact(2, "daughter"),
    contact(5, "nurse", circle="professional"),
)


def names(rows: tuple[ContactRow, ...]) -> list[str]:
    return [one.name for one in in_order(rows)]


def test_list_is_walked_circle_by_circle() -> None:
    assert names(LIST) == ["son", "daughter", "neighbour", "nurse"]


@pytest.mark.parametrize(
    ("who", "up", "expected"),
    [
        ("daughter", True, ["daughter", "son", "neighbour", "nurse"]),
        ("son", False, ["daughter", "son", "neighbour", "nurse"]),
        ("son", True, ["son", "daughter", "neighbour", "nurse"]),
        ("daughter", False, ["son", "daughter", "neighbour", "nurse"]),
        ("neighbour", True, ["son", "daughter", "neighbour", "nurse"]),
        ("stranger", True, ["son", "daughter", "neighbour", "nurse"]),
    ],
)
def test_moving_stays_within_the_circle(who: str, expected: list[str], *, up: bool) -> None:
    rows = moved(LIST, f"c-{who}", up=up)
    assert names(rows) == expected
    assert sorted(one.order for one in rows) == [0, 1, 2, 5], "the places are the same, only who has them"


def test_somebody_new_is_called_last_and_has_an_id_of_his_own() -> None:
    new = contact(0, "son", phone="13911112222")
    rows = with_new(LIST, new)
    assert (rows[-1].order, rows[-1].id) == (6, "c-son-2")
    assert names(rows) == ["son", "daughter", "son", "neighbour", "nurse"]
    again = with_new(rows, contact(0, "son", phone="13911113333"))
    assert again[-1].id == "c-son-3"


def test_new_contact_finds_a_free_place_where_the_last_is_taken() -> None:
    rows = with_new((contact(0, "a"), contact(99, "b")), contact(0, "c"))
    assert rows[-1].order == 1


def test_twins_and_lists_without_end_are_refused() -> None:
    with pytest.raises(Unfit) as error:
        with_new(LIST, contact(0, "son", phone="138-0000-0000"))
    assert error.value.fields == {"name": Fault.TWIN}
    with pytest.raises(Unfit):
        with_changed(LIST, LIST[2].model_copy(update={"name": "son", "phones": LIST[0].phones}))
    many = tuple(contact(number, f"n{number}") for number in range(MOST_CONTACTS))
    with pytest.raises(Unfit) as error:
        with_new(many, contact(0, "more", phone="12345"))
    assert error.value.fields == {"name": Fault.TOO_MANY}


def test_changing_and_taking_away_leave_the_others_alone() -> None:
    changed = LIST[0].model_copy(update={"phones": ("1",)})
    assert with_changed(LIST, changed) == put_back(LIST, changed) == (changed, *LIST[1:])
    assert without(LIST, "c-neighbour") == (LIST[0], *LIST[2:])


def test_same_person_elsewhere_has_his_name_and_his_number_however_written() -> None:
    others = (contact(0, "son", phone="138 0000-0000"), contact(1, "x", phone="13800000000"), contact(2, "son"))
    assert same_elsewhere(others, LIST[0]) == (others[0],)


@pytest.mark.parametrize(
    ("before", "after", "there", "expected"),
    [
        ("1", "9", "1", "9"),
        ("1 2", "9 2", "1 3", "9 3"),
        ("1 2", "9 8", "1 2 3", "9 8 3"),
        ("1 2", "9 8", "1 3", "9 3"),
        ("1 2", "1 8", "1 2", "1 2"),
        ("1 2", "2 1", "1 3", "2 3 1"),
        ("1 2", "2", "1 2", "2"),
        ("1 2", "9 1 2", "1 3", "9 3 1"),
        ("1", "9", "1 2 3 4 5", "9 2 3 4 5"),
    ],
)
def test_numbers_are_changed_elsewhere_one_by_one_and_the_others_stay(
    before: str, after: str, there: str, expected: str
) -> None:
    def him(phones: str) -> ContactRow:
        row = contact(0, "son", tested_on="2026-01-02" if phones is not after else "")
        return row.model_copy(update={"phones": tuple(one * 5 for one in phones.split())})

    rows = (him(there), contact(1, "x", phone="11111"))
    found = told_elsewhere(rows, him(before), him(after))
    assert [one[0] for one in found[0].phones] == expected.split()
    assert found[0].tested_on == ("2026-01-02" if before[0] == after[0] else "")
    assert found[1] == rows[1]


def test_form_that_is_sent_late_keeps_what_others_changed_meanwhile() -> None:
    drawn = {"name": "a", "born": None, "languages": ("上海话", "zh"), "notes": "x\ny", "has_key": False}
    mark = drawn_with(drawn)
    assert drawn_fields(mark) == drawn.keys()
    assert drawn_fields("") == frozenset()
    sent = {**drawn, "born": "", "languages": ("zh", "上海话"), "notes": "x\r\ny ", "name": "mine", "other": "forged"}
    stored = {**drawn, "name": "his", "has_key": True, "notes": "z", "born": 1944}
    assert changed_over(stored, sent, mark) == {**stored, "name": "mine"}


def test_days_of_a_word_are_those_of_the_zone_and_today_is_now() -> None:
    zone, now = timezone(timedelta(hours=13)), datetime(2026, 11, 25, 11, 30, tzinfo=UTC)
    assert said_at("2026-11-26", now, zone) == now
    assert said_at("2026-11-25", now, zone) == datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert said_at("2026-11-27", now, zone) > now
    assert said_at("2026-11-26T00:10:00", now, zone) == datetime(2026, 11, 25, 11, 10, tzinfo=UTC)
    assert said_at("2026-11-26T00:10:00+00:00", now, zone) == datetime(2026, 11, 26, 0, 10, tzinfo=UTC)
    assert moment_of("2026-11-25") == datetime(2026, 11, 25).astimezone()


def test_what_stands_is_another_word_as_soon_as_anything_is_another() -> None:
    assert stands(LIST) == stands(LIST)
    assert stands(LIST) != stands(LIST[:-1])
    assert stands((*LIST, "")) != stands((*LIST, "hint"))
    assert stands(("a", "b")) != stands(("b", "a"))


def test_every_field_that_is_wrong_is_named() -> None:
    with pytest.raises(Unfit) as error:
        row_of(ContactRow, {"resident": "r", "order": 0, "name": "", "phones": ("x",), "hours": "soon"})
    assert error.value.fields == dict.fromkeys(("name", "phones", "hours"), Fault.WRONG)
    assert "write 1 to 200" in str(error.value)
    assert str(Unfit({"id": Fault.ID_TAKEN})) == "id: id taken"


def test_a_row_whose_fields_do_not_fit_together_names_none_of_them() -> None:
    with pytest.raises(Unfit) as error:
        row_of(AssessmentRow, {"resident": "r", "kind": "barthel", "day": "2026-11-02"})
    assert error.value.fields == {}
    assert "has no result" in str(error.value)


def test_lines_and_words_of_a_form() -> None:
    assert line_of("hint", " left of the door ") == "left of the door"
    with pytest.raises(Unfit) as error:
        line_of("hint", "x" * 201)
    assert error.value.fields == {"hint": Fault.WRONG}
    assert lines_of(" a \n\n b，c\n") == ("a", "b，c")
    assert words_of("a, b，c、d；; e ") == ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("tested_on", "is_silent"), [("", True), ("2026-11-19", True), ("2026-11-20", True), ("2026-11-21", False)]
)
def test_number_is_silent_until_it_was_tested_again(tested_on: str, *, is_silent: bool) -> None:
    marks = {"13800000000": date(2026, 11, 20)}
    assert bool(silent_now(("13800000000", "2"), tested_on, marks)) is is_silent
    callee = Callee(
        contact_id="c",
        resident_id="r",
        name="son",
        relation="",
        circle=Circle.FAMILY,
        phones=("13800000000",),
        has_key=False,
        tested_on=date.fromisoformat(tested_on) if tested_on else None,
    )
    assert with_marks(callee, marks).silent == (frozenset(callee.phones) if is_silent else frozenset())
    assert with_marks(callee, {}).silent == frozenset()


# ---- the history ----


def change(field: str, before: str | None, after: str | None, **more: object) -> Change:
    said = {"at": AT, "by": "li", "subject": "resident", "reason": "told", **more}
    return Change(field=field, before=before, after=after, **said)  # type: ignore[arg-type]


def spelled(*rows: ContactRow) -> str:
    return "[" + ",".join(row.model_dump_json(exclude_defaults=True) for row in rows) + "]"


def lines(*changes: Change, is_health_shown: bool = True) -> tuple[Line, ...]:
    return tuple(line for one in told(changes, is_health_shown=is_health_shown) for line in one.lines)


def test_list_of_contacts_is_told_as_what_was_changed_of_whom() -> None:
    son, _, daughter, nurse = LIST
    after = (
        daughter.model_copy(update={"order": 0}),
        son.model_copy(update={"order": 2, "phones": ("1", "2"), "has_key": True, "hours": "08:00-20:00"}),
        contact(7, "friend"),
    )
    found = lines(change("contacts", spelled(son, daughter, nurse), spelled(*after)))
    assert Line(who="friend", what="new", after=("13800000007",)) in found
    assert Line(who="nurse", what="gone", before=nurse.phones) in found
    assert Line(who="son", what="phones", before=son.phones, after=("1", "2")) in found
    assert Line(who="son", what="has_key", before=(), after=("yes",)) in found
    assert Line(who="son", what="hours", before=(), after=("08:00-20:00",)) in found
    order = Line(who="", what="order", before=("son", "daughter", "nurse"), after=("daughter", "son", "friend"))
    assert order in found
    assert len(found) == 6


def test_contacts_without_ids_are_known_by_name_and_number() -> None:
    row = {"name": "son", "phones": ["1"]}
    found = lines(change("contacts", json.dumps([row]), json.dumps([row | {"relation": "儿子"}])))
    assert found == (Line(who="son", what="relation", before=(), after=("儿子",)),)


def test_health_is_hidden_from_who_may_not_see_it_and_the_rest_is_told() -> None:
    changes = (change("allergies", "[]", '["花生"]'), change("phone", "", "1"), change("route", "a", "b"))
    assert lines(*changes) == (
        Line(who="", what="allergies", after=("花生",)),
        Line(who="", what="phone", after=("1",)),
        Line(who="", what="route", before=("a",), after=("b",)),
    )
    assert lines(*changes, is_health_shown=False) == (
        Line(who="", what="allergies", is_hidden=True),
        Line(who="", what="phone", after=("1",)),
        Line(who="", what="route", is_hidden=True),
    )


def test_reason_of_what_is_hidden_is_hidden_with_it() -> None:
    phone, allergy = change("phone", "", "1"), change("allergies", "[]", '["花生"]')
    other = change("phone", "1", "2", by="chen", reason="dead line")

    def reasons(*changes: Change, beside: tuple[Change, ...] = (), is_health_shown: bool = False) -> list[str]:
        return [one.reason for one in told(changes, is_health_shown=is_health_shown, beside=beside)]

    assert reasons(phone, allergy, other) == ["", "dead line"]
    assert reasons(phone, allergy, other, is_health_shown=True) == ["told", "dead line"]
    assert reasons(phone, beside=(phone, allergy)) == [""], "the rest of the save stands on another page"
    assert reasons(phone) == ["told"]


def test_words_that_were_erased_or_are_of_an_older_kind_break_nothing() -> None:
    assert lines(change("contacts", None, None)) == (Line(who="", what="contacts"),)
    assert lines(change("contacts", "old words", '{"a": 1}')) == ()
    assert lines(change("flags", "3", "falls")) == (Line(who="", what="flags"),)


def test_new_things_and_plans_of_care_are_told_in_words() -> None:
    plan = '{"condition": "hypertension", "low": 110.0, "at": ["08:00", "20:00"]}'
    assert lines(change("call", "138", "silent")) == (Line(who="138", what="call", after=("silent",)),)
    changes = (
        change("", "", "on file"),
        change("", "", "on file", subject="radar-7"),
        change("entry", None, plan, subject="checkups"),
        change("entry", "not json", "3", subject="checkups"),
    )
    assert lines(*changes) == (
        Line(who="", what="new_resident", after=("on file",)),
        Line(who="radar-7", what="new_device", after=("on file",)),
        Line(who="", what="checkups", after=("hypertension", "110.0", "08:00 20:00")),
        Line(who="", what="checkups", before=("not json",), after=("3",)),
    )
    hidden = lines(*changes, is_health_shown=False)
    assert [one.is_hidden for one in hidden] == [False, False, True, True], "also a field that nobody thought of"


def test_what_one_person_changed_at_one_moment_stands_together() -> None:
    found = told(
        (change("phone", "", "1"), change("born", "1", "2"), change("phone", "1", "2", by="chen", reason=None)),
        is_health_shown=True,
    )
    assert [(one.by, one.reason, len(one.lines)) for one in found] == [("li", "told", 2), ("chen", "", 1)]
