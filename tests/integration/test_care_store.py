"""Plans of care, assessments and medicines on SQLite and PostgreSQL: taken in, given out, erased, listed, counted."""

import json
from datetime import UTC, datetime, timedelta

from community.care import Keeping
from community.consent import Purpose
from community.registry import (
    AssessmentRow,
    CarePlanRow,
    ConsentRow,
    HomeRow,
    MedicineRow,
    Reading,
    ResidentRow,
    Row,
    register_of,
)
from community.registry_checks import sift
from community.registry_dossier import chapters
from community.registry_files import read_yaml, write_yaml
from community.store import care_list, care_rows, care_standings, people_demands, people_dossier
from community.store.care_list import Sieve, Why
from community.store.care_standings import Standing
from community.store.database import Store
from community.store.people_erasure import erase
from community.store.people_export import given_out, known
from community.store.people_register import Hand, Tally, take_in
from community.users import EVERYWHERE, Role, User

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HAND = Hand(by="zhang", at=NOW, reason="the yearly visit")
PLAN = CarePlanRow(
    resident="r1", condition="copd", quantity="spo2", times=7, days=7, low=88, high=92, set_by="李医生",
    set_on="2026-10-12", review_on="2026-11-23",
)  # fmt: skip
BARTHEL = AssessmentRow(resident="r1", kind="barthel", day="2026-05-01", score=85, next_on="2026-11-01")
PILL = MedicineRow(resident="r1", name="噻托溴铵", dose="1 吸", at=("08:00", "20:00"), since="2026-03-01")
PEOPLE = (
    HomeRow(id="h1", address="1号楼", gateway="gw-1"),
    HomeRow(id="h2", address="2号楼"),
    ResidentRow(id="r1", home="h1", name="王桂兰"),
    ResidentRow(id="r2", home="h2", name="刘建国"),
    *(
        ConsentRow(resident=who, purpose=Purpose.HEALTH_MONITORING, given=True, by="本人", at="2026-10-08")
        for who in ("r1", "r2")
    ),
)


def user() -> User:
    return User(
        user_id="1", login="chen", name="陈红", role=Role.SUPERVISOR, language="en", person="", areas=EVERYWHERE,
        organisations=EVERYWHERE, is_disabled=False,
    )  # fmt: skip


async def taken(store: Store, *rows: Row, hand: Hand = HAND) -> Tally:
    sifted = sift(Reading(register=register_of(rows)), await store.read(known), NOW)
    assert sifted.refusals == ()
    tally = Tally()
    await store.write(lambda connection: take_in(connection, sifted.register, hand, tally))
    return tally


async def test_entries_come_in_once_and_go_out_as_they_came(store: Store) -> None:
    await taken(store, *PEOPLE)
    dry = await taken(store, PLAN, BARTHEL, PILL, hand=Hand(by="zhang", at=NOW, dry=True))
    assert dry.touched == 3
    assert await store.read(lambda connection: care_rows.of_person(connection, "r1")) == ()
    assert (await taken(store, PLAN, BARTHEL, PILL)).touched == 3
    assert (await taken(store, PLAN, BARTHEL, PILL)).touched == 0
    assert await store.read(lambda connection: care_rows.of_person(connection, "r1")) == (PLAN, BARTHEL, PILL)
    text = write_yaml(await store.read(given_out))
    assert (await taken(store, *(one.row for one in read_yaml(text, name="a.yaml").register.entries))).touched == 0
    changed = await taken(store, PLAN.model_copy(update={"times": 3}))
    assert changed.changes == ["care_plans r1 copd spo2: times '7' -> '3'"]


async def test_row_that_cannot_be_is_refused_with_advice(store: Store) -> None:
    await taken(store, *PEOPLE)
    future = AssessmentRow(resident="r1", kind="barthel", day="2026-11-27", score=85)
    stranger = PILL.model_copy(update={"resident": "r9"})
    reading = Reading(register=register_of((PLAN, PLAN, future, stranger)))
    told = [str(one) for one in sift(reading, await store.read(known), NOW).refusals]
    assert told == [
        "row 2: stands here twice, first in row 1; keep one of the two",
        "row 3: 2026-11-27 is in the future; write when it was done",
        "row 4: the resident r9 is not on file; possible here: r1, r2, resident-0001",
    ]


async def test_dossier_holds_them_and_an_erasure_leaves_none(store: Store) -> None:
    await taken(store, *PEOPLE, PLAN, BARTHEL, PILL)
    standing = Standing(plan=PLAN, keeping=Keeping.SHORT, found=2, newest_at=NOW)
    await store.write(lambda connection: care_standings.put(connection, [standing], NOW))
    told = await store.write(
        lambda connection: people_dossier.dossier(connection, "r1", by="zhang", at=NOW, reason="asked in person")
    )
    assert told.care == (PLAN, BARTHEL, PILL)
    pages = "\n".join(line for _, lines in chapters(told) for line in lines)
    for words in ("李医生", "score: 85.0", "at: 08:00, 20:00"):
        assert words in pages
    await store.write(lambda connection: erase(connection, "r1", by="zhang", at=NOW, reason="asked"))
    assert await store.read(lambda connection: care_rows.of_person(connection, "r1")) == ()
    left = json.dumps(
        [str(one) for one in await store.read(lambda connection: people_demands.history(connection, "r1"))]
    )
    for words in ("copd", "噻托溴铵", "85", "spo2"):
        assert words not in left, "the record of changes names nothing of him"


async def test_list_counts_what_is_due_today_and_what_was_found(store: Store) -> None:
    later = BARTHEL.model_copy(update={"day": "2026-10-01", "next_on": "2027-05-01"})
    hers = PLAN.model_copy(update={"resident": "r2", "review_on": "2026-11-24"})
    await taken(store, *PEOPLE, PLAN, hers, BARTHEL, later.model_copy(update={"resident": "r2"}))
    found = [
        Standing(plan=PLAN, keeping=Keeping.SHORT, found=2, newest_at=NOW - timedelta(days=1)),
        Standing(plan=hers, keeping=Keeping.KEPT, found=9, newest_at=NOW),
        Standing(plan=PLAN.model_copy(update={"times": 1}), keeping=Keeping.KEPT, found=2, newest_at=NOW),
    ]
    await store.write(lambda connection: care_standings.put(connection, found[:2], NOW))
    counts = await store.read(lambda connection: care_list.counts(connection, user(), "", NOW))
    assert counts == {Why.UNKEPT: 1, Why.REVIEW: 1, Why.ASSESSMENT: 1}
    lines, has_more = await store.read(lambda connection: care_list.page(connection, user(), Sieve(), 0, NOW))
    assert [one.resident_id for one in lines] == ["r1"]
    assert not has_more
    assert [(one.keeping, one.found, one.newest_at) for one in lines[0].unkept] == [
        (Keeping.SHORT, 2, NOW - timedelta(days=1))
    ]
    await taken(store, later)
    counts = await store.read(lambda connection: care_list.counts(connection, user(), "", NOW))
    assert counts[Why.ASSESSMENT] == 0, "he was assessed since"
    await store.write(lambda connection: care_standings.put(connection, found[2:], NOW))
    counts = await store.read(lambda connection: care_list.counts(connection, user(), "", NOW))
    assert counts[Why.UNKEPT] == 0, "what was found of a plan that is another by now is thrown away"


async def test_plans_wait_for_a_look_the_longest_first_and_only_of_who_agreed(store: Store) -> None:
    hers = PLAN.model_copy(update={"resident": "r2"})
    await taken(store, *PEOPLE, PLAN, hers)
    hour = timedelta(hours=1)

    async def waiting(at: datetime) -> list[str]:
        plans = await store.read(lambda connection: care_standings.waiting(connection, at, at - hour, 9))
        return [plan.resident for plan in plans]

    assert await waiting(NOW) == ["r1", "r2"]
    standing = Standing(plan=PLAN, keeping=Keeping.KEPT, found=7, newest_at=None)
    await store.write(lambda connection: care_standings.put(connection, [standing], NOW))
    assert await waiting(NOW) == ["r2"]
    assert await waiting(NOW + hour + timedelta(seconds=1)) == ["r2", "r1"]
    no = ConsentRow(resident="r2", purpose=Purpose.HEALTH_MONITORING, given=False, by="本人", at="2026-10-08")
    await taken(store, no)
    assert await waiting(NOW) == [], "of two words of one moment the withdrawal holds"
