"""What is wrong about the contacts that watch the gateway's box."""

from collections.abc import Iterator

from config.home import Home
from config.joining import may_join
from shouwang.bilingual import Bilingual, chinese
from shouwang.complaint import nearest
from shouwang.document import Document
from shouwang.nodes import Problem


def lid_troubles(document: Document[Home]) -> Iterator[Problem]:
    """Contacts that are not there, are named twice, or never say what is waited for."""
    home, facts = document.value, document.value.facts()
    seen: set[str] = set()
    for index, lid in enumerate(home.box.tamper):
        path = ("box", "tamper", index, "sensor")
        if lid.sensor in seen:
            yield document.problem(
                path,
                Bilingual(
                    f'"{lid.sensor}" stands in the list twice; keep one of the two',
                    zh=f"列表里“{lid.sensor}”写了两次；请留一个",
                ),
            )
        seen.add(lid.sensor)
        if lid.sensor not in facts.emits:
            if not may_join(home):
                known = nearest(lid.sensor, list(facts.emits))
                yield document.problem(
                    path,
                    Bilingual(
                        f'no sensor has the id "{lid.sensor}"; {known}',
                        zh=f"没有编号为“{lid.sensor}”的传感器；{chinese(known)}",
                    ),
                )
        elif lid.quantity not in facts.emits[lid.sensor]:
            able = ", ".join(facts.sensors_with(lid.quantity)) or Bilingual("none in this home", zh="这个家没有")
            message = Bilingual(
                f'"{lid.sensor}" never says "{lid.quantity}"; sensors that do: {able}',
                zh=f"“{lid.sensor}”从来不报“{lid.quantity}”；会报的有：{chinese(able) or able}",
            )
            yield document.problem(path, message)
