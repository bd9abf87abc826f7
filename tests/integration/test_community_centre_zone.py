"""Days and hours are the centre's, on a server whose machine stands in another time zone; on both databases."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community.people import REVIEWED_WITHIN
from community.store import intake, people, reach, resident_file, resident_list, schema
from community.store.centre_zone import here
from community.store.database import Store, open_store
from community.store.dispatch_schema import absences
from community.store.resident_list import Filters
from community.users import EVERYWHERE, Role, User
from shouwang import cli
from shouwang.alert import Severity

HIM, HOME = "resident-0001", "home-501"
SHANGHAI = ZoneInfo("Asia/Shanghai")
LATE = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
"""22:30 in Shanghai, 09:30 in New York, where the machine believes that it is."""
EARLY = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
"""09:00 in Shanghai, 20:00 of the day before in New York."""
ZHANG = User(
    user_id="1",
    login="zhang",
    name="Zhang",
    role=Role.OPERATOR,
    language="en",
    areas=EVERYWHERE,
    organisations=EVERYWHERE,
)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in New York."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
async def centre(store: Store, store_url: str, home: DemoHome) -> AsyncIterator[Store]:
    """A store of the centre, which is in Shanghai, with one home."""
    await store.write(lambda connection: intake.take_in(connection, [home.envelope(home.alert())], NOON))
    opened = await open_store(store_url, zone=SHANGHAI)
    yield opened
    await opened.close()


async def set_to(store: Store, table: sa.Table, **values: object) -> None:
    await store.write(lambda connection: connection.execute(sa.update(table).values(values)))


async def test_every_connection_knows_the_zone(centre: Store, store: Store) -> None:
    for ask in (centre.read, centre.write):
        assert f"{await ask(lambda connection: here(connection, LATE)):%H:%M}" == "22:30"
    assert f"{await store.read(lambda connection: here(connection, LATE)):%H:%M}" == "09:30"


@pytest.mark.parametrize(("now", "is_in"), [(LATE, False), (EARLY, True)])
async def test_hours_at_which_a_contact_wants_to_be_called(centre: Store, now: datetime, *, is_in: bool) -> None:
    await set_to(centre, schema.contacts, hours="08:00-22:00")
    (one,) = await centre.read(lambda connection: people.circle(connection, HOME, now))
    assert one.is_in_hours is is_in
    (known,) = (await centre.read(lambda connection: resident_file.read(connection, HIM, now))).contacts
    assert known.is_in_hours is is_in


async def test_whom_a_notice_calls_at_night(centre: Store) -> None:
    await set_to(centre, schema.contacts, hours="08:00-22:00")
    (row,) = await centre.read(lambda connection: connection.execute(sa.select(schema.contacts)).all())
    awake = {**row._mapping, "place": 7, "name": "awake", "phone": "+8613800000007", "hours": "22:00-23:00"}
    await centre.write(lambda connection: connection.execute(sa.insert(schema.contacts).values(awake)))

    def called(connection: sa.Connection) -> list[str]:
        known = reach.Known(connection, LATE)
        glance = type("Glance", (), {"home_key": HOME, "priority": Severity.P2})()
        return [one.name for one in known._contacts(glance, "family")]

    assert await centre.read(called) == ["awake"]


async def test_a_review_is_due_on_the_centres_day(centre: Store) -> None:
    last = (EARLY.astimezone(SHANGHAI).date() - REVIEWED_WITHIN).isoformat()
    before = (EARLY.astimezone(SHANGHAI).date() - REVIEWED_WITHIN - timedelta(days=1)).isoformat()

    async def seen() -> tuple[bool, bool, bool]:
        page, _ = await centre.read(lambda one: resident_list.page(one, ZHANG, Filters(), 0, EARLY))
        score = (await centre.read(lambda one: people.completeness(one, EARLY)))[HIM]
        filed = (await centre.read(lambda one: resident_file.read(one, HIM, EARLY))).score
        return page[0].is_unreviewed, "reviewed" in score.missing, "reviewed" in filed.missing

    await set_to(centre, schema.residents, reviewed_on=last)
    assert await seen() == (False, False, False)
    await set_to(centre, schema.residents, reviewed_on=before)
    assert await seen() == (True, True, True)


async def test_an_absence_is_written_by_the_centres_clock(tmp_path: Path) -> None:
    file = tmp_path / "community.yaml"
    file.write_text(YAML, encoding="utf-8")
    when = ["--from", "2026-12-01T08:00", "--to", "2026-12-01T20:00+08:00"]
    hired = ["user", "add", "zhang", "--name", "张琳", "--role", "operator", "--login-link"]
    for command in (hired, ["rosters", "absent", "zhang", *when]):
        assert await asyncio.to_thread(cli.main, ["community", *command, "-c", str(file)]) == 0
    store = await open_store(f"sqlite:///{tmp_path / 'community.db'}")
    (row,) = await store.read(lambda connection: connection.execute(sa.select(absences)).all())
    assert (row.starts_at, row.ends_at) == (datetime(2026, 12, 1, 0, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC))
    await store.close()


YAML = """
name: test
store: {url: "sqlite:///community.db"}
broker: {url: "mqtt://127.0.0.1:1"}
"""
