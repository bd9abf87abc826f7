"""Residents in the tables, on SQLite and PostgreSQL: the score in SQL, pages, areas, the face and its going."""

import io
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from PIL import Image

from community.consent import Consent, How, Purpose
from community.people import Flag
from community.photos import Photo, remade, smaller
from community.registry_batches import batches
from community.registry_demo import demo
from community.registry_sealing import Safe
from community.store import people, people_demands, people_key_safes, resident_list, resident_photos, schema
from community.store.database import Store
from community.store.dispatch_schema import home_spots
from community.store.people_access import Act, newest
from community.store.people_erasure import erase
from community.store.people_register import Hand, Tally, take_in
from community.store.resident_list import Filters
from community.store.resident_schema import resident_photos as faces
from community.users import EVERYWHERE, Role, User
from shouwang.errors import DecodeError, IllegalMove

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HAND = Hand(by="zhang", at=NOW, reason="a visit")
HIM = "resident-001a"


def who(**scope: object) -> User:
    known = {"user_id": "z", "login": "z", "name": "z", "role": Role.SUPERVISOR, "language": "zh"}
    return User(**known | scope)  # type: ignore[arg-type]


@pytest.fixture
async def district(store: Store) -> Store:
    for part in batches(demo()):
        await store.write(lambda connection, part=part: take_in(connection, part, HAND, Tally()))
    return store


async def listed(store: Store, wanted: Filters | None = None, user: User | None = None) -> set[str]:
    def read(connection: sa.Connection) -> set[str]:
        found: set[str] = set()
        has_more, number = True, 0
        while has_more:
            lines, has_more = resident_list.page(connection, user or who(), wanted or Filters(), number, NOW)
            found |= {one.resident_id for one in lines}
            number += 1
        return found

    return await store.read(read)


async def test_score_in_sql_is_the_score_of_the_judgement(district: Store) -> None:
    def spoil(connection: sa.Connection) -> None:
        residents, contacts = schema.residents, schema.contacts
        lost = {"phone": "", "born": None, "language": "", "hearing": "", "care_level": "", "situation": ""}
        for place, (name, value) in enumerate(lost.items(), 2):
            his = residents.c.resident_id == f"resident-{place:03}a"
            connection.execute(sa.update(residents).where(his).values({name: value}))
        connection.execute(sa.delete(contacts).where(contacts.c.resident_id == "resident-010a"))
        late = contacts.c.resident_id == "resident-011a"
        connection.execute(sa.update(contacts).where(late).values(tested_on="2026-05-01", has_key=False))
        people_key_safes.put(connection, "home-010", "47#11", Safe(), hint="", by="z", at=NOW)

    await district.write(spoil)
    judged = await district.read(lambda connection: people.completeness(connection, NOW))

    def asked(connection: sa.Connection) -> dict[str, tuple[int, tuple[str, ...]]]:
        each = {name: resident_list.score_of(connection, name, NOW) for name in judged}
        return {name: (one.percent, one.missing) for name, one in each.items()}

    assert await district.read(asked) == {name: (one.percent, one.missing) for name, one in judged.items()}
    assert len({one.percent for one in judged.values()}) > 8
    lines, _ = await district.read(lambda connection: resident_list.page(connection, who(), Filters(), 0, NOW))
    assert {one.resident_id: one.percent for one in lines}.items() <= {
        name: one.percent for name, one in judged.items()
    }.items()
    low = {name for name, one in judged.items() if one.percent < resident_list.INCOMPLETE_BELOW}
    assert await listed(district, Filters(is_incomplete=True)) == low


async def test_a_place_means_all_in_it_by_id_by_code_and_by_spot(district: Store) -> None:
    everybody = await listed(district)
    assert len(everybody) == 49, "with the demo home of these tests"
    sunny = await listed(district, user=who(areas=frozenset({"sunny"})))
    assert sunny == await listed(district, Filters(area="sunny"))
    by_codes = await listed(district, user=who(areas=frozenset({"s"})))
    assert by_codes == sunny
    assert "resident-0001" not in sunny, "he stands in no place, so he is everybody's who sees all"
    assert "resident-0001" in everybody

    spot = {"home_id": "home-501", "areas": b'["sunny"]', "door_note": ""}
    await district.write(lambda connection: connection.execute(sa.insert(home_spots).values(spot)))
    assert await listed(district, user=who(areas=frozenset({"sunny"}))) == sunny | {"resident-0001"}
    assert await listed(district, user=who(organisations=frozenset({"care-co"}))) == set()
    assert await listed(district, user=who(areas=frozenset({"nowhere"}))) == set()
    assert await listed(district, user=who(areas=EVERYWHERE)) == everybody


async def test_of_two_words_at_one_moment_the_no_holds_for_a_search_by_risk(district: Store) -> None:
    before = await listed(district, Filters(flag=Flag.FALLS))
    assert HIM in before

    async def said(*, is_given: bool, minutes: int) -> None:
        word = Consent(
            purpose=Purpose.EMERGENCY,
            is_given=is_given,
            given_by="王桂兰",
            relation="",
            at=NOW + timedelta(minutes=minutes - 60),
            text_version="",
            how=How.SPOKEN,
        )
        await district.write(lambda connection: people_demands.say_consent(connection, HIM, word, by="zhang", at=NOW))

    await said(is_given=True, minutes=1)
    await said(is_given=False, minutes=1)
    assert await listed(district, Filters(flag=Flag.FALLS)) == before - {HIM}
    await said(is_given=True, minutes=2)
    assert await listed(district, Filters(flag=Flag.FALLS)) == before


# ---- the face ----


def face(colour: int = 90) -> tuple[Photo, Photo]:
    sent = io.BytesIO()
    Image.new("RGB", (1200, 900), (colour, 120, 60)).save(sent, "JPEG")
    whole = remade(sent.getvalue())
    return smaller(whole, 480), smaller(whole, 96)


async def test_face_is_put_changed_and_taken_away_each_with_a_reason(district: Store) -> None:
    for colour in (10, 200):
        await district.write(lambda of, colour=colour: resident_photos.put(of, HIM, *face(colour), HAND))
    about = await district.read(lambda connection: resident_photos.about(connection, HIM))
    assert about is not None
    assert (about.width, about.height, about.put_at) == (480, 360, NOW)
    kept = await district.read(lambda connection: resident_photos.picture(connection, HIM))
    assert kept == face(200)[0].body
    with pytest.raises(IllegalMove, match="not on file"):
        await district.write(lambda connection: resident_photos.put(connection, "nobody", *face(), HAND))
    with pytest.raises(IllegalMove, match="say why"):
        await district.write(lambda of: resident_photos.put(of, HIM, *face(), Hand(by="z", at=NOW)))
    assert await district.write(lambda connection: resident_photos.take_away(connection, HIM, HAND))
    assert not await district.write(lambda connection: resident_photos.take_away(connection, HIM, HAND))
    log = await district.read(newest)
    assert [one.act for one in log] == [Act.CORRECTION] * 3


async def test_face_goes_with_the_person(district: Store) -> None:
    other = "resident-002a"
    for whose in (HIM, other):
        await district.write(lambda connection, whose=whose: resident_photos.put(connection, whose, *face(), HAND))
    gone = await district.write(lambda connection: erase(connection, HIM, by="li", at=NOW, reason="asked"))
    assert gone.photos == 1
    left = await district.read(lambda connection: connection.scalars(sa.select(faces.c.resident_id)).all())
    assert left == [other]
    with pytest.raises(IllegalMove):
        await district.write(lambda connection: resident_photos.put(connection, HIM, *face(), HAND))
    assert HIM not in await listed(district)


@pytest.mark.parametrize(
    "upload", [b"", b"<svg onload=alert(1)>", b"GIF89a" + bytes(40), b"\xff\xd8\xff\xe0" + bytes(9)]
)
def test_what_is_no_photo_never_comes_so_far(upload: bytes) -> None:
    with pytest.raises(DecodeError):
        remade(upload)
