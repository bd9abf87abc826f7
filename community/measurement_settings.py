"""What community.yaml says of measurements and of backups."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from community.measurements.port import Keep
from shouwang.bilingual import Bilingual


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError(
            Bilingual(
                "write its address without user and password, e.g. http://127.0.0.1:8428",
                zh="请写不带用户名和密码的地址，例如 http://127.0.0.1:8428",
            )
        )
    return url.rstrip("/")


class KeepEntry(_Part):
    """For how many days measurements are kept."""

    raw_days: Annotated[int, Field(ge=8, le=3650)] = Field(
        default=30, description="single readings; case pages look back 7 days"
    )
    minute_days: Annotated[int, Field(ge=1, le=3650)] = Field(default=90, description="sums by the minute")
    quarter_days: Annotated[int, Field(ge=30, le=36_500)] = Field(
        default=730, description="sums by the quarter of an hour"
    )
    daily_days: Annotated[int, Field(ge=30, le=36_500)] | None = Field(
        default=None, description="sums by the day; for ever where it is not set"
    )

    @model_validator(mode="after")
    def _coarser_is_longer(self) -> "KeepEntry":
        if self.quarter_days < self.raw_days or (self.daily_days or self.quarter_days) < self.quarter_days:
            raise ValueError(
                Bilingual(
                    "keep quarters at least as long as single readings, and days as long as quarters",
                    zh="每刻钟的数据至少要和单次读数保留一样久，每天的数据要和每刻钟的一样久",
                )
            )
        return self


class HistoryEntry(_Part):
    """A VictoriaMetrics (or InfluxDB 2) that gets a copy of all measurements, for years and for other programs."""

    url: Annotated[str, AfterValidator(_address)] = Field(description="where it listens, e.g. http://127.0.0.1:8428")
    org: str = Field(default="shouwang", description="organisation (InfluxDB; VictoriaMetrics does not look)")
    bucket: str = Field(default="shouwang", description="bucket (InfluxDB; VictoriaMetrics does not look)")
    token_file: Path | None = Field(default=None, description="holds the token, where it asks for one")


class MeasurementsEntry(_Part):
    """`measurements:` of community.yaml (docs/measurements.md)."""

    file: Path | None = Field(
        default=None,
        description="SQLite file of measurements; by default beside a SQLite database, and none with PostgreSQL",
    )
    keep: KeepEntry = KeepEntry()
    day_offset_hours: Annotated[float, Field(ge=-12, le=14, multiple_of=0.25)] = Field(
        default=8.0, description="hours by which the day of daily values is ahead of UTC"
    )
    history: HistoryEntry | None = Field(default=None, description="a time-series database that gets a copy")

    def to_keep(self) -> Keep:
        """The same as values."""
        days = self.keep.daily_days
        return Keep(
            raw=timedelta(days=self.keep.raw_days),
            minutes=timedelta(days=self.keep.minute_days),
            quarters=timedelta(days=self.keep.quarter_days),
            days=None if days is None else timedelta(days=days),
            day_offset=timedelta(hours=self.day_offset_hours),
        )

    def placed(self, folder: Path) -> "MeasurementsEntry":
        """With its paths made absolute from the folder of community.yaml."""
        history = self.history
        if history is not None and history.token_file is not None:
            history = history.model_copy(update={"token_file": folder / history.token_file})
        return self.model_copy(update={"file": self.file and folder / self.file, "history": history})


class BackupEntry(_Part):
    """`backup:` of community.yaml: one a day, tried out, the newest few kept."""

    folder: Path = Field(description="where they are written; best on another disk")
    hour: Annotated[int, Field(ge=0, le=23)] = Field(default=3, description="from which hour on, by the server's clock")
    keep: Annotated[int, Field(ge=2, le=1000)] = Field(default=7, description="how many are kept")

    def placed(self, folder: Path) -> "BackupEntry":
        """With its path made absolute from the folder of community.yaml."""
        return self.model_copy(update={"folder": folder / self.folder})
