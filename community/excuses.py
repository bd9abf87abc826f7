"""For what a card may be taken out of the score: a closed list, so that excuses can be counted and compared."""

from collections.abc import Mapping

from shouwang.alert import Sentence

EXCUSES: Mapping[str, Sentence] = {
    "awaiting_resident": Sentence(zh="等待住户答复", en="waiting for the resident"),
    "weather": Sentence(zh="恶劣天气或道路不通", en="weather, or the road was closed"),
    "major_event": Sentence(zh="重大突发事件，人手占用", en="a major event took all hands"),
    "system_fault": Sentence(zh="平台或通信故障", en="fault of the server or the lines"),
    "outside_agency": Sentence(zh="等待120/119/110或其他单位", en="waiting for 120, 119, 110 or another agency"),
    "entered_late": Sentence(zh="已按时办理，登记迟了", en="done in time, entered late"),
}
"""By code; a new reason is a new row here, and old codes stay."""
