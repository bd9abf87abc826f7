"""What the configurations of all sensors behind the local broker hold."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.mqtt.filters import flaw, is_pattern
from drivers.mqtt.meaning import SOS_WORDS
from shouwang.bilingual import Bilingual, both
from shouwang.document import Duration, Id
from shouwang.quantities import Quantity

MAX_SILENCE = timedelta(hours=48)
"""Longer would notice nothing; safety devices should be 4 h or less, others 24 h (telecare practice, EN 50134-5)."""


_NO_TOPIC = '"{written}" cannot be a topic: {trouble}', "“{written}”不能作主题：{trouble}"


def _prefix(written: str) -> str:
    trouble = flaw(written)
    if trouble:
        raise ValueError(both(*_NO_TOPIC, written=written[:60], trouble=trouble))
    if is_pattern(written) or written.startswith(("/", "$")) or written.endswith("/"):
        raise ValueError(
            Bilingual(
                f'"{written[:60]}" is not the topic of one thing; write it without "+", "#", "$" or "/" at an end',
                zh=f"“{written[:60]}”不是某一个设备的主题；不要写“+”“#”“$”，末尾也不要“/”",
            )
        )
    return written


def _filter(written: str) -> str:
    trouble = flaw(written)
    if trouble:
        raise ValueError(both(*_NO_TOPIC, written=written[:60], trouble=trouble))
    return written


Prefix = Annotated[str, AfterValidator(_prefix)]
"""A topic, or the part that all topics of a device begin with; no wildcards."""
Filter = Annotated[str, AfterValidator(_filter)]
"""A topic that may hold + and #."""
SOS_ACTIONS = tuple(sorted(SOS_WORDS))


class MqttKind(BaseModel):
    """One sensor behind the local broker."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    id: Id = Field(description="name of this sensor in the home")
    says: tuple[Quantity, ...] | None = Field(
        default=None, description="what this device can say, e.g. [smoke, battery]; left out: all that its kind can"
    )
    max_silence: Annotated[Duration, Field(gt=timedelta(0), le=MAX_SILENCE)] | None = Field(
        default=None, description="silent for longer than this: not heard, e.g. 24h; left out: it speaks only on events"
    )

    @model_validator(mode="after")
    def _says_what_it_can(self) -> Self:
        emits: frozenset[Quantity] = getattr(type(self), "emits")  # noqa: B009 - a class variable of each kind
        strange = [quantity for quantity in self.says or () if quantity not in emits]
        if strange:
            raise ValueError(
                Bilingual(
                    f'a sensor of this kind cannot say "{strange[0]}"; take it out of says',
                    zh=f"这种传感器说不了“{strange[0]}”；请从 says 里删去",
                )
            )
        return self

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What rules may expect of it."""
        emits: frozenset[Quantity] = getattr(type(self), "emits")  # noqa: B009 - a class variable of each kind
        return emits if self.says is None else emits & frozenset(self.says)

    @property
    def will_say(self) -> frozenset[Quantity]:
        """What it says for sure, so that a rule must listen."""
        return frozenset() if self.says is None else self.can_say
