"""The district around the simulated home: who lives there, who goes there, as files that the centre takes in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

DISPATCH = Path(__file__).parents[1] / "community" / "examples" / "dispatch.yaml"
"""Units, responders, grids and duties of the district."""
_RESIDENT = "r-wang-guilan"
_HOME = "home-3-2-501"
SON = "c-wang-qiang"
"""Her first contact, who may see everything of her."""
_SAID = "2026-10-08T01:30:00+00:00"


def home_of(gateway: str) -> Mapping[str, Any]:
    """The simulated home with a card that lacks nothing, as a register for `community people import`."""
    return {
        "homes": [
            {
                "id": _HOME,
                "address": "阳光社区3号楼2-501",
                "grid": "sunny-1",
                "building": "3号楼",
                "unit": "2",
                "floor": "5",
                "door": "501",
                "route": "东门进,左转第二个路口;电梯在右手。East gate, second left, lift on the right.",
                "gateway": gateway,
            }
        ],
        "residents": [_CARD],
        "contacts": [{"resident": _RESIDENT, "order": order, **one} for order, one in enumerate(_CONTACTS)],
        "consents": [
            {"resident": _RESIDENT, "purpose": purpose, "given": True, "by": "王桂兰", "at": _SAID}
            for purpose in ("emergency", "health_monitoring", "family_view")
        ],
        "devices": [
            {"id": gateway, "home": _HOME, "kind": "gateway", "room": "客厅"},
            {"id": f"{gateway}-sos", "home": _HOME, "kind": "SOS button", "sensors": ["sos-bed"], "room": "卧室"},
            {"id": f"{gateway}-radar", "home": _HOME, "kind": "radar", "sensors": ["radar-bath"], "room": "卫生间"},
        ],
    }


_CARD: Mapping[str, Any] = {
    "id": _RESIDENT,
    "home": _HOME,
    "name": "王桂兰",
    "born": 1944,
    "sex": "female",
    "phone": "021 5555 0501",
    "language": "普通话, 上海话",
    "hearing": "hard",
    "living": "独居 lives alone",
    "situation": "alone",
    "care_level": "mild",
    "eligibility": ["aged", "empty_nest"],
    "flags": ["falls", "heart", "lungs"],
    "conditions": ["冠心病 coronary heart disease", "慢阻肺 COPD"],
    "allergies": ["青霉素 penicillin"],
    "medicines": ["阿司匹林 aspirin 100 mg 每日一次 daily"],
    "notes": "听力差,请大声慢说。Hard of hearing: speak loudly and slowly.",
    "reviewed_on": "2026-11-01",
}
_CONTACTS: tuple[Mapping[str, Any], ...] = (
    {
        "id": SON,
        "name": "王强",
        "relation": "儿子 son",
        "phones": ["138 5550 0101"],
        "has_key": True,
        "may_see": ["status", "location", "vitals", "card"],
        "tested_on": "2026-11-01",
    },
    {
        "name": "刘敏",
        "relation": "邻居 neighbour",
        "circle": "neighbours",
        "phones": ["138 5550 0102"],
        "has_key": True,
        "hours": "07:00-22:00",
        "tested_on": "2026-11-01",
    },
)
