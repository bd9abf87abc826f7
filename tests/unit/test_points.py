"""Points of the earth: what is refused, and where a Chinese map shows them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.dispatch import metres
from community.dispatch_file import read_yaml
from community.gcj02 import to_gcj02
from community.points import Point, fault_of, point_of
from community.registry import HomeRow, PlaceRow
from community.registry_checks import Known, sift
from community.registry_files import read_csv, write_csv
from community.registry_files import read_yaml as read_register
from shouwang.errors import ConfigError

NOW = datetime(2026, 11, 26, tzinfo=UTC)

# Pairs of the tests of the published code (eviltransform): Shanghai, Shenzhen, Beijing.
PAIRS = (
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
)


@pytest.mark.parametrize(("wgs", "gcj"), PAIRS)
def test_a_chinese_map_shows_a_point_where_the_published_pairs_say(
    wgs: tuple[float, float], gcj: tuple[float, float]
) -> None:
    shown = to_gcj02(Point(lat=wgs[0], lon=wgs[1]))
    assert metres(shown.lat, shown.lon, *gcj) < 1
    assert 100 < metres(shown.lat, shown.lon, *wgs) < 800


@pytest.mark.parametrize("lat_lon", [(48.85, 2.35), (-33.86, 151.2), (40.7, -74.0), (0.5, 110.0), (31.2, 137.9)])
def test_outside_of_china_nothing_is_shifted(lat_lon: tuple[float, float]) -> None:
    point = Point(lat=lat_lon[0], lon=lat_lon[1])
    assert to_gcj02(point) == point


@given(st.floats(18, 53), st.floats(74, 135))
def test_within_china_neighbours_stay_neighbours(lat: float, lon: float) -> None:
    """The shift of two points 10 m apart differs by less than a metre, or a plan of one street would be torn."""
    one, other = to_gcj02(Point(lat=lat, lon=lon)), to_gcj02(Point(lat=lat + 0.00009, lon=lon))
    assert abs(metres(one.lat, one.lon, other.lat, other.lon) - metres(lat, lon, lat + 0.00009, lon)) < 1


@pytest.mark.parametrize(
    ("lat", "lon", "said"),
    [
        (31.2304, 121.4737, ""),
        (None, None, ""),
        (78.22, 15.63, ""),  # Longyearbyen
        (43.8, 87.6, ""),  # Urumqi
        (87.6, 43.8, "swapped"),
        (31.2, None, "has lat and no lon"),
        (None, 121.4, "has lon and no lat"),
        (0.0, 0.0, "sea off Africa"),
    ],
)
def test_two_numbers_that_make_no_place_are_told(lat: float | None, lon: float | None, said: str) -> None:
    fault = fault_of(lat, lon)
    assert (said in fault) if said else fault == ""


def test_half_a_point_is_none() -> None:
    assert point_of(31.0, None) is None
    assert point_of(None, None) is None
    assert point_of(31.0, 121.0) == Point(lat=31.0, lon=121.0)


@pytest.mark.parametrize(
    ("lat", "lon", "said"),
    [
        ("121.4737", "31.2304", "121.474 is no latitude, which lies from -90 to 90; were lat and lon swapped?"),
        ("912", "31", "912 is no latitude; write degrees"),
        ("31", "181", "181 is no longitude; write degrees"),
        ("nan", "31", "no latitude"),
        ("31", "inf", "no longitude"),
        ("31°12'", "121", "needs a number"),
        ("31.2,", "121", "needs a number"),
    ],
)
def test_a_table_with_a_wrong_number_says_the_line_and_what_to_do(lat: str, lon: str, said: str) -> None:
    reading = read_csv(f'id,address,lat,lon\nhome-1,3号楼,"{lat}","{lon}"\n', "homes", name="homes.csv")
    (refusal,) = reading.refusals
    assert refusal.where == "homes.csv:2"
    assert said in refusal.message
    assert len(reading.register) == 0


def test_rows_that_stand_nowhere_are_refused_and_the_others_taken() -> None:
    text = """
places:
  - {id: lake, level: district, name: 湖滨区, lat: 31.2, lon: 121.4}
  - {id: b1, level: building, within: lake, name: 1号楼, lat: 31.21}
  - {id: u1, level: unit, within: lake, name: 1单元, lat: 31.21, lon: 121.4}
homes:
  - {id: home-1, address: a, lat: 87.6, lon: 43.8}
  - {id: home-2, address: b, lat: 43.8, lon: 87.6}
"""
    found = sift(read_register(text, name="r.yaml"), Known(), NOW)
    assert [row.id for row in found.register.rows(PlaceRow)] == ["lake"]
    assert [(row.id, row.lat, row.lon) for row in found.register.rows(HomeRow)] == [("home-2", 43.8, 87.6)]
    said = "\n".join(map(str, found.refusals))
    assert "r.yaml:4: has lat and no lon; write both, or neither" in said
    assert "r.yaml:5: a unit has no lat and lon of its own; write them at its building" in said
    assert "r.yaml:7: lat 87.6 and lon 43.8 lie in the Arctic sea; were lat and lon swapped?" in said


def test_tables_keep_points_to_the_last_digit() -> None:
    rows = [
        HomeRow(id="home-1", address="a", lat=31.23041234567, lon=-0.1),
        HomeRow(id="home-2", address="b"),
    ]
    reading = read_csv(write_csv(rows, "homes"), "homes", name="homes.csv")
    assert [(row.lat, row.lon) for row in reading.register.rows(HomeRow)] == [(31.23041234567, -0.1), (None, None)]
    emptied = read_csv("id,address,lat,lon\nhome-1,a,-,-\n", "homes", name="homes.csv").register.rows(HomeRow)
    assert emptied[0].model_fields_set >= {"lat", "lon"}
    assert emptied[0].lat is None


def test_the_file_of_who_is_sent_knows_the_same_points() -> None:
    with pytest.raises(ConfigError, match="swapped"):
        read_yaml("homes:\n  - {home: home-1, lat: 120.17, lon: 30.25}\n", name="dispatch.yaml")
    with pytest.raises(ConfigError, match="has lat and no lon"):
        read_yaml("homes:\n  - {home: home-1, lat: 30.25}\n", name="dispatch.yaml")
