"""What is odd about the entries that bring sensors along: alarms that nobody would hear, ids that nobody has yet."""

from collections.abc import Iterator

from config.home import Home
from shouwang.bilingual import Bilingual
from shouwang.document import Document
from shouwang.nodes import Problem
from shouwang.quantities import QUANTITIES, Quantity

_ANY = "any-that-joins"
"""A pretended sensor that can say everything: no real id, since it is only asked who would listen to it."""
_COMMON = (Quantity.SOS, Quantity.SMOKE, Quantity.CARBON_MONOXIDE_ALARM, Quantity.GAS_ALARM)
"""What such devices commonly say that somebody must hear."""


def may_join(home: Home) -> bool:
    """Whether sensors may join that the file does not name."""
    return bool(home.hubs())


def join_oddities(document: Document[Home]) -> Iterator[Problem]:
    """What a person should look at."""
    yield from _unheard(document)
    yield from _not_here(document)
    yield from _open_dashboard(document)


def _unheard(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    if not may_join(home):
        return
    bound = home.bound_rules({_ANY: frozenset(QUANTITIES)})
    heard = {quantity for rule in bound for sensor, quantity in rule.readings if sensor == _ANY}
    lost = [quantity for quantity in _COMMON if quantity not in heard]
    for index, sensor in enumerate(home.sensors):
        if lost and sensor in home.hubs():
            message = Bilingual(
                f"a device that joins may say {', '.join(lost)}, but no rule listens: nobody would come",
                zh=f"新加入的设备可能会报 {', '.join(lost)}，但没有规则在听：不会有人来",
            )
            yield document.problem(("sensors", index), message)


def _not_here(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    if not may_join(home):
        return
    known = home.facts().emits
    for index, rule in enumerate(home.rules):
        for key in ("sensors", "cancel_by"):
            for place, sensor in enumerate(getattr(rule, key, None) or ()):
                if sensor not in known:
                    message = Bilingual(
                        f'no sensor here has the id "{sensor}"; it is taken for one that joins later',
                        zh=f"这里没有编号为“{sensor}”的传感器；当作以后才加入的",
                    )
                    yield document.problem(("rules", index, key, place), message)


def _open_dashboard(document: Document[Home]) -> Iterator[Problem]:
    broker = document.value.local_broker
    if broker is None or broker.publish is None or broker.is_encrypted or broker.is_on_this_box:
        return
    message = Bilingual(
        "health data of the home would travel unencrypted to another box; use mqtts:// with publish",
        zh="家里的健康数据会不加密地传到另一台机器；有 publish 时请用 mqtts://",
    )
    yield document.problem(("local_broker", "publish"), message)
