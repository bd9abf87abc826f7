"""What the home says of its valves and of the stove's switch."""

from collections.abc import Mapping
from enum import Enum, auto

from config.cut_offs import CutOffPart
from gateway.annunciators.announcement import Phrase
from gateway.phrases import fixed
from shouwang.alert import Sentence


class Step(Enum):
    """What happens to a cut-off."""

    WARNED = auto()
    CLOSED = auto()
    FAILED = auto()
    FAILED_GO_OUT = auto()
    OPENING = auto()
    OPENED = auto()
    NOT_OPENED = auto()
    REFUSED = auto()
    LOST = auto()
    NOT_IN_GAS = auto()


_GAS = {
    Step.WARNED: fixed(
        "gas-warned",
        "马上要关煤气阀。在用的话，请按取消键。",
        "The gas valve is about to close. To keep it open, press cancel.",
    ),
    Step.CLOSED: fixed("gas-closed", "煤气阀已经关上。", "The gas valve is closed."),
    Step.FAILED: fixed(
        "gas-failed",
        "煤气阀没有关上。请不要碰开关，马上出门。",
        "The gas valve does not close. Touch no switch, and go outside now.",
    ),
    Step.OPENING: fixed("gas-opening", "正在打开煤气阀。", "The gas valve is being opened."),
    Step.OPENED: fixed("gas-opened", "煤气阀已经打开。", "The gas valve is open again."),
    Step.NOT_OPENED: fixed("gas-not-opened", "煤气阀没有打开。", "The gas valve does not open."),
    Step.REFUSED: fixed(
        "gas-refused", "还测得到危险气体，煤气阀先不打开。", "There is still bad air. The gas valve stays closed."
    ),
    Step.LOST: fixed(
        "gas-lost",
        "报过煤气的探测器已经失联，煤气阀先不打开。确定没有煤气的话，请五分钟内再下一次命令。",
        "The detector that found bad air is not heard any more. The gas valve stays closed. If you are sure that the "
        "air is good, order it again within five minutes.",
    ),
}
_WATER = {
    Step.WARNED: fixed(
        "water-warned",
        "马上要关水阀。在用的话，请按取消键。",
        "The water valve is about to close. To keep it open, press cancel.",
    ),
    Step.CLOSED: fixed("water-closed", "水阀已经关上。", "The water valve is closed."),
    Step.FAILED: fixed(
        "water-failed",
        "水阀没有关上，请把总水阀关掉。",
        "The water valve does not close. Please close the main tap by hand.",
    ),
    Step.OPENING: fixed("water-opening", "正在打开水阀。", "The water valve is being opened."),
    Step.OPENED: fixed("water-opened", "水阀已经打开。", "The water valve is open again."),
    Step.NOT_OPENED: fixed("water-not-opened", "水阀没有打开。", "The water valve does not open."),
    Step.REFUSED: fixed("water-refused", "还在漏水，水阀先不打开。", "Water is still leaking. The valve stays closed."),
    Step.LOST: fixed(
        "water-lost",
        "报过警的探测器已经失联，水阀先不打开。确定没有危险的话，请五分钟内再下一次命令。",
        "The detector that found danger is not heard any more. The water valve stays closed. If you are sure that "
        "all is well, order it again within five minutes.",
    ),
    Step.NOT_IN_GAS: fixed(
        "water-not-in-gas",
        "可能有煤气，水阀现在不能开。请开窗，马上出门。",
        "There may be gas. The water valve is not switched now. Open a window and go outside.",
    ),
}
_STOVE = {
    Step.WARNED: fixed(
        "stove-goes-off",
        "炉灶马上要关。",
        "The stove goes off soon.",
    ),
    Step.CLOSED: fixed("stove-closed", "炉灶已经关掉。", "The stove is switched off."),
    Step.FAILED: fixed(
        "stove-failed",
        "炉灶没有关掉，请您去关掉。",
        "The stove could not be switched off. Please switch it off by hand.",
    ),
    Step.FAILED_GO_OUT: fixed(
        "stove-failed-go-out",
        "炉灶没有关掉。不要进厨房，请马上出门。",
        "The stove could not be switched off. Do not go to it. Please leave the home now.",
    ),
    Step.OPENING: fixed("stove-opening", "正在恢复炉灶供电。", "The stove is being switched on."),
    Step.OPENED: fixed("stove-opened", "炉灶可以用了。", "The stove can be used again."),
    Step.NOT_OPENED: fixed("stove-not-opened", "炉灶没有恢复供电。", "The stove has no power yet."),
    Step.REFUSED: fixed("stove-refused", "还有烟，炉灶先不恢复。", "There is still smoke. The stove stays off."),
    Step.LOST: fixed(
        "stove-lost",
        "报过警的探测器已经失联，炉灶先不恢复。确定没有危险的话，请五分钟内再下一次命令。",
        "The detector that found danger is not heard any more. The stove stays off. If you are sure that all is well, "
        "order it again within five minutes.",
    ),
    Step.NOT_IN_GAS: fixed(
        "stove-not-in-gas",
        "可能有煤气，炉灶现在不能开。请开窗，马上出门。",
        "There may be gas. The stove is not switched now. Open a window and go outside.",
    ),
}
WORDS: Mapping[str, Mapping[Step, Phrase]] = {"gas": _GAS, "water": _WATER, "stove": _STOVE}
"""By what is cut, and what happens to it."""
_STILL_CLOSED: Mapping[str, Sentence] = {
    "gas": Sentence(zh="煤气阀还关着。", en="The gas valve is still closed."),
    "water": Sentence(zh="水阀还关着。", en="The water valve is still closed."),
    "stove": Sentence(zh="炉灶还关着。", en="The stove is still off."),
}


def still_closed(part: CutOffPart) -> Phrase:
    """All is over, but it stays closed; how a person opens it."""
    said = _STILL_CLOSED[part.cuts]
    if part.open_by:
        press = part.open_by[0]
        zh, en = f"请按 {press.sensor} 的 {press.value} 号键", f"press button {press.value} of {press.sensor}"
    else:
        command = f"shouwang gateway open {part.id}"
        zh, en = f"请在守望主机上输入 {command}", f"order at the box: {command}"
    return Phrase(words=Sentence(zh=f"{said.zh}要恢复，{zh}。", en=f"{said.en} To undo this, {en}."))
