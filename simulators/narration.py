"""What happens in a story, in words for the person watching: Chinese and English."""

from datetime import timedelta

from shouwang.quantities import QUANTITIES
from simulators.cast.beacon import BeaconScene
from simulators.cast.oximeter import FingerPlace, OximeterScene
from simulators.cast.scene import Fault, Scene
from simulators.cast.strap import Contact, StrapScene
from simulators.scenario import Action

_DEVICES = {
    "oximeter": "血氧仪 oximeter",
    "strap": "心率带 strap",
    "cuff": "血压计 cuff",
    "thermometer": "体温计 thermometer",
    "meter": "血糖仪 glucose meter",
    "cgm": "动态血糖仪 glucose sensor",
    "scale": "体重秤 scale",
    "beacon": "信标 beacon",
}
_WORDS = {
    ("sos", "press"): "老人按下紧急呼叫 SOS is pressed",
    ("sos", "cancel"): "老人按下取消 cancel is pressed",
    ("radar", "fall"): "雷达发现跌倒 the radar sees a fall",
    ("radar", "up"): "老人起来了 the person is up again",
    ("radar", "move"): "雷达看见有人 the radar sees somebody",
    ("door", "open"): "门开了 the door opens",
    ("door", "close"): "门关着 the door is closed",
}
_FAULTS = {
    "drop": "连接中断 the link breaks",
    "wrong_length": "下一帧长度错误 the next value has a wrong length",
    "special": "下次测量无数值 the next measurement has no number",
    "resend": "重复发送 records are sent again",
    "clock": "时钟走错 the clock is wrong",
    "bond": "配对丢失 the bond is lost",
}
_RANGES = {"away": "超出范围 out of range", "back": "回到范围内 back in range"}


def describe(action: Action) -> str:
    """What happens at home."""
    if action.fault is not None:
        return _fault(action.fault)
    if action.scene is not None:
        return _scene(action.key, action.scene)
    happening = str(getattr(action, action.key))
    return _WORDS.get((action.key, happening), f"{action.key} {happening}")


def mark(offset: timedelta) -> str:
    """A moment of the story as it is written: 01:05."""
    minutes, seconds = divmod(int(offset.total_seconds()), 60)
    return f"{minutes:02d}:{seconds:02d}"


def _scene(key: str, scene: Scene) -> str:
    name = _DEVICES[key] + (f" {scene.of}" if scene.of is not None else "")
    said = [
        f"{QUANTITIES[quantity].zh} {QUANTITIES[quantity].en} {value:g}"
        + (f" {QUANTITIES[quantity].unit}" if QUANTITIES[quantity].unit != "1" else "")
        for quantity, value in scene.values.items()
    ]
    if isinstance(scene, OximeterScene) and scene.finger is FingerPlace.OUT:
        said = ["手指取出 the finger is out"]
    if isinstance(scene, StrapScene) and scene.contact is Contact.LOST:
        said.append("接触不良 it has slipped")
    if isinstance(scene, BeaconScene) and scene.press is not None:
        said.append(f"按键 its button is pressed ({scene.press})")
    return f"{name}: {', '.join(said)}"


def _fault(fault: Fault) -> str:
    what = _FAULTS.get(fault.way) or _RANGES[str(fault.range)]
    return f"故障 fault, {fault.of}: {what}"
