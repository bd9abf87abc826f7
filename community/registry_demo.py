"""A small district to try the product with: one district, two communities, six grids, forty homes. All names invented.

Made by code and not by chance: every run gives the same people.
"""

from collections.abc import Iterator

from community.care import Assessment, Condition
from community.consent import Purpose
from community.people import CareLevel, Circle, Eligibility, Flag, Hearing, Item, Level, Sex, Situation
from community.registry import (
    AssessmentRow,
    CarePlanRow,
    ConsentRow,
    ContactRow,
    DeviceRow,
    HomeRow,
    MedicineRow,
    PlaceRow,
    Register,
    ResidentRow,
    Row,
    register_of,
)
from shouwang.quantities import Quantity

HOMES = 40
_COMMUNITIES = (("sunny", "阳光社区"), ("riverside", "江畔社区"))
_GRIDS_EACH = 3
_FAMILY = "王李张刘陈杨赵黄周吴徐孙马朱胡林郭何高罗"
_GIVEN = (
    ("桂兰", Sex.FEMALE),
    ("建国", Sex.MALE),
    ("秀英", Sex.FEMALE),
    ("德明", Sex.MALE),
    ("玉珍", Sex.FEMALE),
    ("志强", Sex.MALE),
    ("淑芬", Sex.FEMALE),
    ("国华", Sex.MALE),
)
_RISKS = (
    ((Flag.FALLS,), ("高血压",), (), ("氨氯地平 5 mg 每日一次",)),
    ((Flag.OXYGEN, Flag.LUNGS), ("慢性阻塞性肺疾病",), ("青霉素",), ("噻托溴铵 吸入 每日一次",)),
    ((Flag.DEMENTIA, Flag.WANDERING), ("阿尔茨海默病",), (), ("多奈哌齐 5 mg 睡前",)),
    ((Flag.DIABETES,), ("2型糖尿病",), (), ("二甲双胍 0.5 g 每日两次",)),
    ((Flag.HEART, Flag.BLOOD_THINNER), ("心房颤动",), ("磺胺",), ("利伐沙班 15 mg 每日一次",)),
    ((Flag.ELECTRIC_BED, Flag.BEDRIDDEN), ("脑卒中后遗症",), (), ("阿司匹林 100 mg 每日一次",)),
    ((), (), (), ()),
    ((Flag.VENTILATOR,), ("肌萎缩侧索硬化",), (), ()),
)
_CARE = tuple(CareLevel)[1:]
_LANGUAGES = ("普通话", "上海话", "普通话, 宁波话", "苏北话")
_DAY = "2026-11-01"


def demo() -> Register:
    """The district, whole."""
    homes = [(number, *_home(number)) for number in range(HOMES)]
    rows: list[Row] = [*_places()]
    rows += [home for _, home, _ in homes]
    rows += [resident for *_, residents in homes for resident in residents]
    rows += [contact for number, _, residents in homes for one in residents for contact in _contacts(number, one)]
    rows += [consent for *_, residents in homes for one in residents for consent in _consents(one)]
    rows += [device for number, home, _ in homes for device in _devices(number, home)]
    people = [(number, one) for number, _, residents in homes for one in residents]
    for made in (_plans, _assessments, _medicines):
        rows += [row for number, one in people for row in made(number, one)]
    return register_of(rows)


def _places() -> Iterator[PlaceRow]:
    yield PlaceRow(id="pujiang", level=Level.DISTRICT, code="310", name="浦江区")
    for community, name in _COMMUNITIES:
        yield PlaceRow(id=community, level=Level.COMMUNITY, within="pujiang", code=community[0], name=name)
    for community, _ in _COMMUNITIES:
        for grid in range(1, _GRIDS_EACH + 1):
            name = f"第{'一二三'[grid - 1]}网格"
            yield PlaceRow(id=f"{community}-{grid}", level=Level.GRID, within=community, code=str(grid), name=name)


def _home(number: int) -> tuple[HomeRow, list[ResidentRow]]:
    community, name = _COMMUNITIES[number % len(_COMMUNITIES)]
    grid = f"{community}-{number // len(_COMMUNITIES) % _GRIDS_EACH + 1}"
    building, floor, door = number % 7 + 1, number % 6 + 1, number % 2 + 1
    home = HomeRow(
        id=f"home-{number + 1:03}",
        address=f"{name} {building}号楼1-{floor}0{door}",
        grid=grid,
        building=f"{building}号楼",
        unit="1",
        floor=str(floor),
        door=f"{floor}0{door}",
        route="东门进，左转第二个路口" if number % 3 else "北门夜间不开，走东门；电梯在右手",
        gateway=f"gw-demo-{number + 1001}",
    )
    first = _resident(number, home.id, order=0)
    return home, [first, _resident(number, home.id, order=1)] if number % 5 == 3 else [first]


def _resident(number: int, home: str, *, order: int) -> ResidentRow:
    given, sex = _GIVEN[(number + order) % len(_GIVEN)]
    flags, conditions, allergies, medicines = _RISKS[(number + 3 * order) % len(_RISKS)]
    born = 1932 + number * 7 % 25
    lives_alone = number % 5 != 3
    eligibility = (
        *((Eligibility.AGED,) if born <= 1946 else ()),
        *((Eligibility.EMPTY_NEST,) if number % 4 == 0 else ()),
        *((Eligibility.BEREFT,) if number % 11 == 5 else ()),
        *((Eligibility.LOW_INCOME,) if number % 9 == 2 else ()),
    )
    return ResidentRow(
        id=f"resident-{number + 1:03}{'ab'[order]}",
        home=home,
        order=order,
        name=_FAMILY[(number * 3 + order * 7) % len(_FAMILY)] + given,
        born=born,
        sex=sex,
        phone=f"021 5555 {number + 1:02}{order:02}",
        language=_LANGUAGES[number % len(_LANGUAGES)],
        hearing=(Hearing.NORMAL, Hearing.HARD, Hearing.NORMAL, Hearing.DEAF)[number % 4],
        living="独居" if lives_alone else "与老伴同住",
        situation=Situation.ALONE if lives_alone else Situation.WITH_SPOUSE,
        care_level=_CARE[number % len(_CARE)],
        eligibility=eligibility,
        flags=flags,
        conditions=conditions,
        allergies=allergies,
        medicines=medicines,
        notes="听力差，请大声慢说。" if number % 4 == 1 else "",
        reviewed_on=_DAY if number % 3 else "",
    )


def _contacts(number: int, resident: ResidentRow) -> Iterator[ContactRow]:
    family = resident.name[0]
    place = number * 10 + resident.order * 5
    if Eligibility.BEREFT not in resident.eligibility:
        yield ContactRow(
            resident=resident.id,
            order=0,
            name=f"{family}{'强敏伟静'[number % 4]}",
            relation="儿子" if number % 2 == 0 else "女儿",
            phones=(f"138 0000 {place:04}", *((f"021 6666 {place:04}",) if number % 6 == 0 else ())),
            has_key=number % 3 == 0,
            languages=("普通话",),
            may_see=(Item.STATUS, Item.LOCATION) if number % 2 else (Item.STATUS, Item.VITALS, Item.CARD),
            tested_on=_DAY if number % 4 else "",
        )
    yield ContactRow(
        resident=resident.id,
        order=1,
        name=f"{_FAMILY[(number + 9) % len(_FAMILY)]}阿姨",
        relation="邻居",
        circle=Circle.NEIGHBOURS,
        phones=(f"139 0000 {place + 1:04}",),
        has_key=True,
        hours="07:00-22:00",
        may_see=(Item.STATUS,),
    )
    yield ContactRow(
        resident=resident.id,
        order=2,
        name=f"网格员 {_FAMILY[number % _GRIDS_EACH]}芳",
        relation="网格员",
        circle=Circle.PROFESSIONAL,
        phones=(f"137 0000 {number % 6:04}",),
        may_see=(Item.STATUS, Item.LOCATION, Item.CARD),
        tested_on=_DAY,
    )


def _consents(resident: ResidentRow) -> Iterator[ConsentRow]:
    number = int(resident.id[9:12])
    for purpose in Purpose:
        if purpose in (Purpose.STATISTICS, Purpose.SHARING_WITH_CLINICS) and number % 3 == 0:
            continue
        at, text = "2026-10-08T01:30:00+00:00", "2026-1"
        yield ConsentRow(resident=resident.id, purpose=purpose, given=True, by=resident.name, at=at, text_version=text)
    if number % 10 == 0:
        yield ConsentRow(
            resident=resident.id,
            purpose=Purpose.FAMILY_VIEW,
            given=False,
            by=resident.name,
            at="2026-11-02T02:00:00+00:00",
            text_version="2026-1",
        )


def _devices(number: int, home: HomeRow) -> Iterator[DeviceRow]:
    box = home.gateway or ""
    made = {"home": home.id, "installed_on": "2026-10-10", "serviced_on": _DAY}
    yield DeviceRow.model_validate(
        {"id": box, "kind": "gateway", "model": "RPi 4B", "serial": f"10000000{number:08x}", "room": "客厅", **made}
        | {"key_ref": f"secrets/sms-key-{number + 1:03}"}
    )
    yield DeviceRow.model_validate(
        {"id": f"{box}-sos", "model": "SOS button", "serial": f"S{number:06}", "sensors": ("sos-bed",), **made}
        | {"room": "卧室"}
    )
    if number % 2 == 0:
        yield DeviceRow.model_validate(
            {"id": f"{box}-radar", "model": "R60AFD1", "serial": f"R{number:06}", "sensors": ("radar",), **made}
            | {"room": "卫生间"}
        )


def _plans(number: int, resident: ResidentRow) -> Iterator[CarePlanRow]:
    """Targets as invented as the people."""
    whose = {"resident": resident.id, "days": 7, "review_on": "2026-11-15" if number % 3 == 0 else "2027-01-12"}
    doctor = {"set_by": f"社区医院 {_FAMILY[number % 9 + 2]}医生", "set_on": "2026-10-12"}
    if Flag.FALLS in resident.flags:
        bounds = {Quantity.SYSTOLIC: (110, 140), Quantity.DIASTOLIC: (60, 85)}
        for quantity, (low, high) in bounds.items():
            row = {"condition": Condition.HYPERTENSION, "quantity": quantity, "times": 2, "low": low, "high": high}
            yield CarePlanRow.model_validate(whose | doctor | row)
    if Flag.DIABETES in resident.flags:
        row = {"condition": Condition.DIABETES, "quantity": Quantity.GLUCOSE, "times": 4, "low": 4.4, "high": 8}
        yield CarePlanRow.model_validate(whose | doctor | row)
    if Flag.LUNGS in resident.flags:
        row = {"condition": Condition.COPD, "quantity": Quantity.SPO2, "times": 7, "low": 88, "high": 92}
        yield CarePlanRow.model_validate(whose | doctor | row)


def _assessments(number: int, resident: ResidentRow) -> Iterator[AssessmentRow]:
    if number % 4:
        return
    who = {"resident": resident.id, "assessor": f"区评估中心 {_FAMILY[number % 7 + 4]}敏"}
    barthel = {
        "kind": Assessment.BARTHEL,
        "score": 95 - number,
        "next_on": "2026-11-10" if number % 8 else "2027-04-20",
    }
    yield AssessmentRow.model_validate(who | barthel | {"day": "2026-04-20"})
    level = str(number // 4 % 6)
    need = {"kind": Assessment.LONG_TERM_CARE, "scale": "长期护理失能等级评估", "level": level, "day": "2026-05-08"}
    yield AssessmentRow.model_validate(who | need | {"next_on": "2028-05-08"})


def _medicines(number: int, resident: ResidentRow) -> Iterator[MedicineRow]:
    for words in resident.medicines:
        name, _, dose = words.partition(" ")
        at = ("08:00", "18:30") if "两次" in dose else ("21:00",) if "睡前" in dose else ("08:00",)
        made = {"resident": resident.id, "name": name, "dose": dose, "at": at, "since": "2026-03-02"}
        yield MedicineRow.model_validate(made | {"prescribed_by": f"社区医院 {_FAMILY[number % 9 + 2]}医生"})
