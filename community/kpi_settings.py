"""What community.yaml says of figures and of metrics."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shouwang.bilingual import Bilingual


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _zone_name(written: str) -> str:
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            Bilingual(
                f'"{written[:40]}" is no time zone that this server knows; write e.g. Asia/Shanghai',
                zh=f"服务器不认识时区“{written[:40]}”；请写例如 Asia/Shanghai",
            )
        ) from None
    return written


class KpiEntry(_Part):
    """`kpi:` of community.yaml (docs/kpi.md)."""

    time_zone: Annotated[str, AfterValidator(_zone_name)] = Field(
        default="Asia/Shanghai", description="zone of the calendar by which months begin and end, e.g. Asia/Shanghai"
    )

    @property
    def zone(self) -> ZoneInfo:
        """The same, for reckoning."""
        return ZoneInfo(self.time_zone)

    def moment(self, written: datetime) -> datetime:
        """What somebody wrote as a moment: by the centre's clock where he wrote no offset."""
        return written if written.tzinfo is not None else written.replace(tzinfo=self.zone)


class MetricsEntry(_Part):
    """`metrics:` of community.yaml: what Prometheus may fetch at /metrics; without it there is no such address."""

    token_file: Path = Field(description="holds the bearer token that Prometheus must show")

    def placed(self, folder: Path) -> "MetricsEntry":
        """With its path from this folder on."""
        return MetricsEntry(token_file=folder / self.token_file)
