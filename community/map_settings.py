"""What community.yaml says of the street map: where its tiles lie, and how they are drawn."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shouwang.bilingual import Bilingual

DEEPEST = 22
"""Zoom of maps at which a pixel is some centimetres; no published tiles go further."""
_USUAL = (3, 18)
"""Zooms of most public tile servers."""
_ADDRESS = re.compile(r"(?P<host>https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?)/[^\s\"'<>\\]*")
_PARTS = ("{z}", "{x}", "{y}")


def _tile_address(written: str) -> str:
    if not _ADDRESS.fullmatch(written):
        raise ValueError(
            Bilingual(
                f'"{written[:60]}" is no address of tiles; write e.g. https://tiles.example.org/{{z}}/{{x}}/{{y}}.png',
                zh=f"“{written[:60]}”不是瓦片地址；请写例如 https://tiles.example.org/{{z}}/{{x}}/{{y}}.png",
            )
        )
    lacking = [part for part in _PARTS if written.count(part) != 1]
    if lacking:
        raise ValueError(
            Bilingual(
                f"the address of tiles needs {', '.join(lacking)} once; see the page of whoever offers them",
                zh=f"瓦片地址里 {', '.join(lacking)} 各要写一次；请看提供者的说明页",
            )
        )
    strange = re.search(r"[{}]", re.sub(r"\{[zxy]\}", "", written))
    if strange is not None:
        raise ValueError(
            Bilingual(
                "only {z}, {x} and {y} may stand in the address of tiles: one host serves them all",
                zh="瓦片地址里只能写 {z}、{x} 和 {y}：全部由同一个主机提供",
            )
        )
    return written


Zoom = Annotated[int, Field(ge=0, le=DEEPEST)]


class MapEntry(BaseModel):
    """`web: {map: ...}` of community.yaml (docs/operations.md, "A street map"). Points are kept in WGS-84."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tiles: Path | None = Field(
        None, description="a folder with {z}/{x}/{y}.png (or jpg, webp), or one raster .mbtiles file, on this server"
    )
    url: Annotated[str, AfterValidator(_tile_address)] | None = Field(
        None, description="tiles of another server, which each browser then asks: it learns where people look"
    )
    attribution: Annotated[str, Field(max_length=300)] = Field(
        "", description="whose map it is, as its licence wants it"
    )
    min_zoom: Zoom | None = Field(None, description="least zoom; left out: what the tiles have")
    max_zoom: Zoom | None = Field(None, description="most zoom; left out: what the tiles have")
    datum: Literal["wgs84", "gcj02"] = Field(
        "wgs84", description="gcj02 for a Chinese base map: points are shifted to where it shows them"
    )

    @model_validator(mode="after")
    def _of_one_source(self) -> "MapEntry":
        if (self.tiles is None) == (self.url is None):
            raise ValueError(Bilingual("a map has tiles or url, one of the two", zh="地图写 tiles 或 url，二选一"))
        if self.url is not None and not self.attribution.strip():
            raise ValueError(
                Bilingual(
                    "whoever offers these tiles wants to be named; write attribution",
                    zh="提供瓦片的人要求署名；请写 attribution",
                )
            )
        if self.min_zoom is not None and self.max_zoom is not None and self.min_zoom > self.max_zoom:
            raise ValueError(
                Bilingual(
                    f"min_zoom {self.min_zoom} is more than max_zoom {self.max_zoom}",
                    zh=f"min_zoom {self.min_zoom} 大于 max_zoom {self.max_zoom}",
                )
            )
        return self

    @property
    def outside(self) -> str:
        """The host that browsers ask, as a policy of a page names it; empty: they ask this server alone."""
        found = _ADDRESS.fullmatch(self.url or "")
        return found["host"].lower() if found is not None else ""

    def zooms(self, had: tuple[int, int] | None = None) -> tuple[int, int]:
        """Least and most, as written, else as the tiles `had` them."""
        least, most = had or _USUAL
        return (
            least if self.min_zoom is None else self.min_zoom,
            most if self.max_zoom is None else self.max_zoom,
        )

    def placed(self, folder: Path) -> "MapEntry":
        """With its path from this folder on."""
        return self if self.tiles is None else self.model_copy(update={"tiles": folder / self.tiles})
