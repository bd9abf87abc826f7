"""The register in files: what is written comes back, every slip is told with its line, one bad row stops no other."""

from datetime import UTC, datetime

import pytest
from fixtures.care_entries import CARE_ROWS
from hypothesis import given
from hypothesis import strategies as st

from community.consent import How, Purpose
from community.people import CareLevel, Circle, Eligibility, Flag, Hearing, Item, Level, Sex, Situation
from community.registry import (
    TABLES,
    ConsentRow,
    ContactRow,
    DeviceRow,
    HomeRow,
    PlaceRow,
    Reading,
    ResidentRow,
    Row,
    register_of,
)
from community.registry_checks import Known, Seat, sift
from community.registry_demo import demo
from community.registry_files import joined, read_csv, read_yaml, write_csv, write_yaml
from shouwang.errors import ConfigError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

# ---- what is written comes back ----

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,11}", fullmatch=True)
place_ids = st.from_regex(r"[A-Za-z0-9#-][\w.#/-]{0,11}", fullmatch=True)
codes = st.from_regex(r"[\w.#-]{1,8}", fullmatch=True)
SIGNS = st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp"), exclude_characters="\n")
names = st.text(SIGNS, min_size=1, max_size=20).map(str.strip).filter(bool)
lines = st.one_of(st.just(""), names)
notes = st.lists(st.text(SIGNS, max_size=15).map(str.rstrip), max_size=4).map(lambda found: "\n".join(found).strip())
days = st.one_of(st.just(""), st.dates().map(lambda day: day.isoformat()))
phones = st.from_regex(r"[+0-9][0-9 ()#*,;p-]{2,14}[0-9]", fullmatch=True)


def some(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(of, max_size=3).map(tuple)


ROWS: dict[str, st.SearchStrategy[Row]] = {
    "places": st.builds(
        PlaceRow,
        id=place_ids,
        level=st.sampled_from(Level),
        within=st.none() | place_ids,
        code=st.just("") | codes,
        name=names,
    ),
    "homes": st.builds(
        HomeRow,
        id=ids,
        address=names,
        grid=st.none() | place_ids,
        building=codes,
        route=notes,
        gateway=st.none() | ids,
        offline_after=st.integers(1, 1440),
        high_risk=st.booleans(),
    ),
    "residents": st.builds(
        ResidentRow,
        id=ids,
        home=ids,
        order=st.integers(0, 99),
        name=names,
        born=st.none() | st.integers(1880, 2100),
        sex=st.sampled_from(Sex),
        phone=st.just("") | phones,
        language=lines,
        hearing=st.sampled_from(Hearing),
        living=lines,
        situation=st.sampled_from(Situation),
        care_level=st.sampled_from(CareLevel),
        eligibility=some(st.sampled_from(Eligibility)),
        flags=some(st.sampled_from(Flag)),
        conditions=some(names),
        allergies=some(names),
        medicines=some(names),
        notes=notes,
        photo=lines,
        reviewed_on=days,
    ),
    "contacts": st.builds(
        ContactRow,
        resident=ids,
        order=st.integers(0, 99),
        id=st.none() | ids,
        name=names,
        relation=lines,
        circle=st.sampled_from(Circle),
        phones=st.lists(phones, min_size=1, max_size=3).map(tuple),
        has_key=st.booleans(),
        languages=some(names),
        hours=st.sampled_from(["", "08:00-22:00", "20:00-06:00, 12:00-13:30"]),
        may_see=some(st.sampled_from(Item)),
        tested_on=days,
    ),
    "consents": st.builds(
        ConsentRow,
        resident=ids,
        purpose=st.sampled_from(Purpose),
        given=st.booleans(),
        by=names,
        relation=lines,
        at=st.datetimes(datetime(1990, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat),  # noqa: DTZ001
        text_version=lines,
        how=st.sampled_from(How),
    ),
    "devices": st.builds(
        DeviceRow, id=ids, home=st.none() | ids, kind=names, model=lines, serial=lines, sensors=some(ids), room=lines
    ),
    **CARE_ROWS,
}


@pytest.mark.no_cover  # no coverage is judged of the register, and tracing makes this twice as slow
@pytest.mark.parametrize("table", TABLES)
@given(data=st.data())
def test_table_comes_back_as_it_was(table: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(ROWS[table], max_size=3))
    read = read_csv(write_csv(rows, table), table, name=f"{table}.csv")
    assert read.refusals == ()
    assert list(map(Row.model_dump, read.register.rows(TABLES[table]))) == list(map(Row.model_dump, rows))


@pytest.mark.no_cover  # no coverage is judged of the register, and tracing makes this twice as slow
@given(data=st.data())
def test_yaml_comes_back_as_it_was(data: st.DataObject) -> None:
    rows = [row for table in TABLES for row in data.draw(st.lists(ROWS[table], max_size=2))]
    read = read_yaml(write_yaml(register_of(rows)), name="register.yaml")
    assert read.refusals == ()
    assert [one.row.model_dump() for one in read.register.entries] == [row.model_dump() for row in rows]


@given(text=st.text(max_size=200))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (lambda: read_yaml(text, name="a.yaml"), lambda: read_csv(text, "homes", name="homes.csv")):
        try:
            told = [str(one) for one in read().refusals]
        except ConfigError as error:
            told = str(error).splitlines()
        assert all(line.startswith(("a.yaml:", "homes.csv:")) for line in told)


def test_demo_district_comes_back_both_ways() -> None:
    register = demo()
    read = read_yaml(write_yaml(register), name="demo.yaml")
    assert read.refusals == ()
    assert [one.row for one in read.register.entries] == [one.row for one in register.entries]
    tables = [
        read_csv(write_csv(register.rows(model), table), table, name=f"{table}.csv") for table, model in TABLES.items()
    ]
    assert [one.row.model_dump() for one in joined(tables).register.entries] == [
        one.row.model_dump() for one in register.entries
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id,address\nh1,A\nh2,"B\n', "h.csv:3: this is no table any more from here on (unexpected end of data)"),
        ("id,address\nh1,A\n", ""),
    ],
)
def test_open_quote_is_told_where_it_began(text: str, message: str) -> None:
    read = read_csv(text, "homes", name="h.csv")
    assert [str(one)[: len(message)] for one in read.refusals] == ([message] if message else [])
    assert [one.row.id for one in read.register.of(HomeRow)] == ["h1"]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("reviewed_on", "24.11.2026", "is no day"),
        ("notes", "bell\x07", "cannot be shown"),
        ("name", "  ", "has 0 characters; write 1 to 200"),
        ("id", "王桂兰", "cannot stand here; use up to 64 letters"),
    ],
)
def test_resident_that_cannot_be_written_so(field: str, value: str, why: str) -> None:
    row = {"id": "r1", "home": "h1", "name": "N", field: value}
    text = ",".join(row) + "\n" + ",".join(f'"{cell}"' for cell in row.values()) + "\n"
    (said,) = read_csv(text, "residents", name="r.csv").refusals
    assert why in str(said) or "is missing" in str(said)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("at", "soon", "is no day or moment"),
        ("at", "1066-10-14", "is too far from today"),
        ("given", "maybe", "true or"),
    ],
)
def test_consent_that_cannot_be_written_so(field: str, value: str, why: str) -> None:
    row = {"resident": "r1", "purpose": "statistics", "given": "是", "by": "N", "at": "2026-11-24", field: value}
    text = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    (said,) = read_csv(text, "consents", name="c.csv").refusals
    assert why in str(said)


def test_hours_and_numbers_of_contacts_are_looked_at() -> None:
    text = "resident,order,name,phones,hours\nr1,0,A,110,8-22\nr1,1,B,\\;,08:00-22:00\nr1,2,C,11;12;13;14;15;16,\n"
    said = [str(one) for one in read_csv(text, "contacts", name="c.csv").refusals]
    assert ["is no span of a day" in said[0], "cannot stand here" in said[1], len(said)] == [True, True, 3]


def test_spreadsheet_runs_no_cell() -> None:
    text = write_csv([HomeRow(id="h", address='=HYPERLINK("http://x")')], "homes")
    assert "'=HYPERLINK" in text
    assert read_csv(text, "homes", name="homes.csv").register.rows(HomeRow)[0].address == '=HYPERLINK("http://x")'


def test_empty_cell_leaves_and_dash_empties() -> None:
    (row,) = read_csv("id,address,route,gateway\nh,A,,-\n", "homes", name="h.csv").register.rows(HomeRow)
    assert row.model_fields_set == {"id", "address", "gateway"}
    assert row.gateway is None


# ---- slips ----

SLIPS = """\
districts: []
places:
  - {id: pj, level: district, name: 浦江区}
  - {id: sun, level: comunity, within: pj, name: 阳光社区}
homes:
  - {id: h1, address: "3号楼2-501", offline_after: 0}
  - {id: h2, address: 3号楼2-502}
contacts:
  - {resident: r1, order: 0, name: 王强, phones: [a long way]}
"""


DIGITS = "write digits, e.g. 138 0000 0001 or +86 21 5555 0001"


def test_every_slip_is_told_with_its_line_and_stops_no_other_row() -> None:
    read = read_yaml(SLIPS, name="r.yaml")
    assert [str(one) for one in read.refusals] == [
        (
            'r.yaml:1: "districts" is no table; possible here: places, homes, residents, contacts, consents, devices, '
            "care_plans, assessments, medicines"
        ),
        'r.yaml:4: places[1]: level: "comunity" is not possible here; did you mean "community"?',
        'r.yaml:6: homes[0]: offline_after: "0" is out of range; it must be at least 1',
        'r.yaml:9: contacts[0]: phones[0]: "a long way" cannot stand here; ' + DIGITS,
    ]
    assert [one.row.id for one in read.register.of(HomeRow)] == ["h2"]


def test_slips_in_a_table_name_the_line_of_the_file() -> None:
    text = 'id,address,route,offline_after\nh1,"A","two\nlines",3\n\nh2,B,,x\nh3,C,,3,4\nh4,D,,\n'
    read = read_csv(text, "homes", name="homes.csv")
    assert [str(one) for one in read.refusals] == [
        'homes.csv:5: offline_after: needs a whole number, not "x"; write it bare, without quotes or unit, e.g. 90',
        "homes.csv:6: has 5 cells under 4 columns; put cells that hold a comma in quotes",
    ]
    assert [one.row.id for one in read.register.of(HomeRow)] == ["h1", "h4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "h.csv:1: nothing is written here; the first line names the columns: id, address"),
        ("id,adress\n", 'h.csv:1: "adress" is no column here; did you mean "address"?'),
        ("id,adress\n", 'h.csv:1: the column "address" is missing; add it'),
        ("id,address,id\n", 'h.csv:1: the column "id" stands here twice; take one out'),
        ('id,"address\n', "h.csv:1: this is no table (unexpected end of data); look for an open quote"),
    ],
)
def test_columns_are_told_before_any_row(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_csv(text, "homes", name="h.csv")
    assert message in str(caught.value)


# ---- rows that do not fit ----

TREE = {"pj": (Level.DISTRICT, None), "sun": (Level.COMMUNITY, "pj"), "g1": (Level.GRID, "sun")}
KNOWN = Known(
    places=TREE,
    homes=frozenset({"h1"}),
    residents={"r1": Seat(home="h1", order=0), "r9": Seat(home="h1", order=1, is_erased=True)},
    gateways={"gw-1": "h1"},
)


def refused(*rows: Row, known: Known = KNOWN) -> list[str]:
    return [one.message for one in sift(Reading(register=register_of(rows)), known, NOW).refusals]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (PlaceRow(id="g2", level=Level.GRID, name="G"), "lacks the place around it"),
        (PlaceRow(id="g2", level=Level.GRID, within="sum", name="G"), 'sum is not on file; did you mean "sun"?'),
        (PlaceRow(id="c2", level=Level.COMMUNITY, within="g1", name="C"), "a community cannot stand in a grid (g1)"),
        (PlaceRow(id="sun", level=Level.GRID, within="pj", name="S"), "g1 stands in it and cannot stand in a grid"),
        (HomeRow(id="h2", address="A", place="g1", grid="g1"), "has both place and grid"),
        (HomeRow(id="h2", address="A", place="g7"), "its place g7 is not on file; possible here: g1, pj, sun"),
        (HomeRow(id="h2", address="A", building="3"), "has a building or door and no grid"),
        (HomeRow(id="h2", address="A", grid="g7"), "its grid g7 is not on file"),
        (HomeRow(id="h2", address="A", grid="sun"), "sun is a community, not a grid"),
        (HomeRow(id="h2", address="A", gateway="gw-1"), "the box gw-1 watches h1; if it was moved"),
        (ResidentRow(id="r2", home="h3", name="N"), "its home h3 is not on file; possible here: h1"),
        (ResidentRow(id="r2", home="h1", name="N"), "order 0 in h1 is that of r1; write 1"),
        (ResidentRow(id="r9", home="h1", order=1, name="N"), "r9 was erased on request and is never used again"),
        (ContactRow(resident="r2", order=0, name="N", phones=("110",)), "the resident r2 is not on file"),
        (ContactRow(resident="r9", order=0, name="N", phones=("110",)), "the resident r9 is not on file"),
        (ConsentRow(resident="r2", purpose=Purpose.STATISTICS, given=True, by="N", at="2026-01-01"), "r2 is not on"),
        (ConsentRow(resident="r1", purpose=Purpose.STATISTICS, given=True, by="N", at="2027-01-01"), "in the future"),
        (DeviceRow(id="d", home="h3"), "its home h3 is not on file"),
    ],
)
def test_row_that_does_not_fit_is_refused_with_advice(row: Row, message: str) -> None:
    (said,) = refused(row)
    assert message in said


def test_rows_of_one_file_lean_on_each_other_whatever_their_order() -> None:
    rows = (
        ResidentRow(id="r2", home="h2", name="N"),
        HomeRow(id="h2", address="A", grid="g2", door="501", gateway="gw-2"),
        PlaceRow(id="g2", level=Level.GRID, within="c2", name="G"),
        PlaceRow(id="c2", level=Level.COMMUNITY, within="pj", name="C"),
        ContactRow(resident="r2", order=0, name="N", phones=("110",)),
        ConsentRow(resident="r2", purpose=Purpose.STATISTICS, given=True, by="N", at="2026-01-01"),
        DeviceRow(id="d", home="h2"),
    )
    assert refused(*rows) == []


def test_refused_place_takes_what_stands_in_it_along() -> None:
    said = refused(
        PlaceRow(id="c2", level=Level.COMMUNITY, within="nowhere", name="C"),
        PlaceRow(id="g2", level=Level.GRID, within="c2", name="G"),
        HomeRow(id="h2", address="A", grid="g2"),
        ResidentRow(id="r2", home="h2", name="N"),
    )
    assert len(said) == 4


def test_ring_of_places_is_refused() -> None:
    assert refused(
        PlaceRow(id="a", level=Level.GRID, within="b", name="A"),
        PlaceRow(id="b", level=Level.GRID, within="a", name="B"),
    )


def test_box_moves_when_both_homes_are_written() -> None:
    assert refused(HomeRow(id="h1", address="A", gateway=None), HomeRow(id="h2", address="B", gateway="gw-1")) == []


def test_box_in_two_homes_of_one_file_is_refused() -> None:
    (said,) = refused(HomeRow(id="h2", address="A", gateway="gw-2"), HomeRow(id="h3", address="B", gateway="gw-2"))
    assert said == "the box gw-2 stands in row 1 too; a box watches one home"


def test_row_that_stands_twice_is_refused_once() -> None:
    (said,) = refused(HomeRow(id="h2", address="A"), HomeRow(id="h2", address="B"))
    assert said == "stands here twice, first in row 1; keep one of the two"


def test_residents_may_swap_places() -> None:
    known = Known(homes=frozenset({"h1"}), residents={"a": Seat(home="h1", order=0), "b": Seat(home="h1", order=1)})
    swapped = (ResidentRow(id="a", home="h1", order=1, name="A"), ResidentRow(id="b", home="h1", order=0, name="B"))
    assert refused(*swapped, known=known) == []


def test_no_number_is_dropped_for_a_slip_in_another_row() -> None:
    text = "resident,order,name,phones\nr1,0,A,110\nr1,1,B,what\nr1,2,C,120\n"
    read = sift(read_csv(text, "contacts", name="c.csv"), KNOWN, NOW)
    assert read.register.rows(ContactRow) == ()
    assert [str(one) for one in read.refusals[1:]] == [
        "c.csv:2: the contacts of r1 stay as they are until c.csv:3 is mended",
        "c.csv:4: the contacts of r1 stay as they are until c.csv:3 is mended",
    ]


def test_contact_that_stands_twice_leaves_the_list_alone() -> None:
    said = refused(
        ContactRow(resident="r1", order=0, name="A", phones=("110",)),
        ContactRow(resident="r1", order=1, name="A", phones=("110",)),
    )
    assert said == [
        "is the same person as in row 1; keep one of the two",
        "the contacts of r1 stay as they are until row 2 is mended",
    ]
