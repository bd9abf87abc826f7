"""Who is asked first, who is not asked, and the reason of each; hours of units; the file that brings them in."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from community.dispatch import (
    Duty,
    Hours,
    Need,
    Responder,
    UnitKind,
    left_out,
    metres,
    proposals,
    skills_for,
)
from community.dispatch_file import read_csv, read_yaml
from shouwang.errors import ConfigError

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEED = Need(skills=("first_aid", "lifting"), areas=("b3", "grid-7", "sun"), lat=30.2500, lon=120.1700)


def somebody(responder_id: str, **more: object) -> Responder:
    filled = {"name": responder_id, "unit": "team", "kind": UnitKind.RESPONDERS, "tier": 1, "phone": "1380000"} | more
    return Responder(responder_id=responder_id, **filled)


def order_of(*people: Responder, need: Need = NEED) -> list[str]:
    return [one.responder_id for one in proposals(need, people)]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"areas": frozenset({"grid-7"})}, {"areas": frozenset({"grid-8"})}),
        ({"areas": frozenset({"sun"})}, {"areas": frozenset({"grid-8"}), "skills": frozenset({"first_aid"})}),
        ({"skills": frozenset({"first_aid"})}, {"skills": frozenset({"lifting"})}),
        ({"skills": frozenset({"lifting"})}, {}),
        ({"tier": 1}, {"tier": 2}),
        ({}, {"is_backup": True}),
        ({"areas": frozenset({"b3"})}, {"areas": frozenset({"sun"})}),
        ({"lat": 30.2501, "lon": 120.1700}, {"lat": 30.2600, "lon": 120.1700}),
        ({"lat": 30.2600, "lon": 120.1700}, {}),
        ({"tier": 5, "areas": frozenset({"grid-8"})}, {"asked_elsewhere": True}),
        ({"tier": 3, "skills": frozenset({"first_aid"})}, {"tier": 1}),
    ],
)
def test_the_better_one_is_asked_first(better, worse):
    assert order_of(somebody("a-worse", **worse), somebody("z-better", **better)) == ["z-better", "a-worse"]


def test_who_is_in_nothing_better_comes_in_a_fixed_order():
    assert order_of(somebody("liu"), somebody("an"), somebody("zhao")) == ["an", "liu", "zhao"]


def test_for_a_life_somebody_of_another_grid_without_the_skill_is_still_asked():
    only = somebody("far", areas=frozenset({"grid-9"}), tier=9)
    (found,) = proposals(NEED, [only])
    said = " ".join(reason.en for reason in found.reasons)
    assert "not of the home's grid" in said
    assert "lacks the skill first aid" in said


def test_each_proposal_says_why_in_both_languages():
    near = somebody(
        "liu", areas=frozenset({"grid-7"}), skills=frozenset({"first_aid"}), lat=30.2520, lon=120.1700, is_backup=True
    )
    (found,) = proposals(NEED, [near])
    assert [reason.en for reason in found.reasons] == [
        "tier 1",
        "responsible for grid-7",
        "has the skill first aid",
        "about 222 m away",
        "is the back-up",
    ]
    assert [reason.zh for reason in found.reasons] == [
        "第1梯队",
        "负责 grid-7",
        "技能：急救",
        "距离约 222 米",
        "备班",
    ]
    assert found.walk_min == 3


def test_an_area_is_called_by_its_name_where_it_has_one():
    near = somebody("liu", areas=frozenset({"grid-7"}))
    (found,) = proposals(msgspec.structs.replace(NEED, called={"grid-7": "第七网格"}), [near])
    assert "responsible for 第七网格" in [reason.en for reason in found.reasons]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"duty": Duty.OFF}, "off duty"),
        ({"duty": Duty.ABSENT}, "absent"),
        ({"duty": Duty.CLOSED}, "the unit is closed at this hour"),
        ({"duty": Duty.BUSY}, "on another case"),
        ({"duty": Duty.SILENT}, "has no telephone number on file"),
        ({"kind": UnitKind.AMBULANCE}, "an outside service: call it by telephone"),
    ],
)
def test_who_cannot_be_asked_is_left_out_with_the_reason(more, reason):
    people = [somebody("liu", **more), somebody("an")]
    assert order_of(*people) == ["an"]
    assert [(one.responder_id, one.reason.en) for one in left_out(NEED, people)] == [("liu", reason)]


def test_who_was_asked_in_this_case_is_not_asked_again():
    need = Need(asked=frozenset({"liu"}))
    assert order_of(somebody("liu"), somebody("an"), need=need) == ["an"]


def test_of_a_home_in_nobodys_tree_everybody_is_asked_and_nobody_is_outside():
    (found,) = proposals(Need(), [somebody("liu", areas=frozenset({"grid-7"}))])
    assert [reason.en for reason in found.reasons] == ["tier 1"]
    assert found.walk_min is None


def test_metres_between_known_places():
    # Beijing to Shanghai, about 1 067 km on the great circle
    assert metres(39.9042, 116.4074, 31.2304, 121.4737) == pytest.approx(1_067_000, rel=0.002)
    assert metres(30.0, 120.0, 30.0, 120.0) == 0


def test_hazards_nobody_has_classified_need_no_skill():
    assert skills_for("fall")[0] == "first_aid"
    assert skills_for("something-new") == ()


@pytest.mark.parametrize(
    ("hours", "local", "is_open"),
    [
        (Hours(since="08:00", until="18:00"), "2026-11-24T08:00", True),
        (Hours(since="08:00", until="18:00"), "2026-11-24T18:00", False),
        (Hours(since="20:00", until="08:00"), "2026-11-24T03:00", True),
        (Hours(since="20:00", until="08:00"), "2026-11-24T12:00", False),
        (Hours(since="20:00", until="08:00", days=("mon",)), "2026-11-24T03:00", True),  # the night of Monday
        (Hours(since="20:00", until="08:00", days=("tue",)), "2026-11-24T03:00", False),
        (Hours(since="20:00", until="08:00", days=("tue",)), "2026-11-24T23:00", True),
        (Hours(since="08:00", until="18:00", days=("mon",)), "2026-11-24T12:00", False),
        (Hours(since="00:00", until="00:00"), "2026-11-24T12:00", True),
    ],
)
def test_hours_over_midnight_belong_to_the_evening(hours, local, is_open):
    assert hours.holds(datetime.fromisoformat(local).replace(tzinfo=SHANGHAI)) is is_open


# ---- the file ----

YAML = """
zone: Asia/Shanghai
units:
  - {id: grid, name: 阳光社区网格, kind: grid, areas: [grid-7]}
  - {id: ambulance, name: 120, kind: "120", tier: 3, phone: "120", channel: voice}
responders:
  - {id: liu, name: 刘芳, unit: grid, phone: "+86 138 0000 0001", skills: [first_aid], lat: 30.25, lon: 120.17}
grids:
  - {id: grid-7, worker: liu, backup: an}
duties:
  - {post: responder, person: liu, as: main, from: "08:00", to: "20:00", days: [mon, tue]}
"""


def test_yaml_says_all_of_it():
    file = read_yaml(YAML.replace("name: 120", 'name: "120"'), name="dispatch.yaml")
    assert [unit.kind for unit in file.units] == [UnitKind.GRID, UnitKind.AMBULANCE]
    assert file.responders[0].phone == "+86 138 0000 0001"
    assert (file.duties[0].since, file.duties[0].until, file.shifts) == ("08:00", "20:00", None)
    local = file.aware(datetime(2026, 12, 24, 20))  # noqa: DTZ001 - as people write it
    assert local.utcoffset().total_seconds() == 8 * 3600


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('from: "08:00"', 'from: "8 o clock"', "is no time of day"),
        ("Asia/Shanghai", "Asia/Nowhere", "is no time zone"),
        ('phone: "+86 138 0000 0001"', 'phone: "call me"', "is no telephone number"),
        ("lat: 30.25", "lat: 300", "dispatch.yaml:7"),
        ("days: [mon, tue]", "days: [Monday]", "dispatch.yaml:11"),
        ("- {id: ambulance", "- {id: grid", "stands here twice"),
    ],
)
def test_a_mistake_is_told_in_words(was, becomes, said):
    text = YAML.replace("name: 120", 'name: "120"')
    assert was in text
    with pytest.raises(ConfigError) as error:
        read_yaml(text.replace(was, becomes), name="dispatch.yaml")
    assert said in str(error.value)


def test_csv_of_an_office_program():
    text = "\ufeffid,name,unit,phone,skills,areas,lat\r\nliu,刘芳,grid,13800000001,first_aid；lifting,grid-7,30.25\r\n"
    (liu,) = read_csv(text, name="people.csv").responders
    assert (liu.skills, liu.areas, liu.lat, liu.tier) == (("first_aid", "lifting"), ("grid-7",), 30.25, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "names no list that is known"),
        ("id,name,unit,phone\nliu,刘芳,grid,call me\n", "people.csv:2: phone"),
        ("id,name,unit\nliu,刘芳,grid,surplus\n", "people.csv:2: (no heading)"),
        ("id,name,unit\nliu,刘芳,grid\nliu,刘芳,grid\n", "stands here twice"),
        ("", "names no list that is known"),
    ],
)
def test_a_mistake_in_csv_is_told_with_its_line(text, said):
    with pytest.raises(ConfigError) as error:
        read_csv(text, name="people.csv")
    assert said in str(error.value)
