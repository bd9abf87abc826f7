"""A part of a room as an installer writes it: a rectangle or a polygon, in centimetres as the radar counts."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shouwang.bilingual import Bilingual

REACH_CM = 800
"""An LD2450 sees six metres (Hi-Link's manual); a zone may reach a little farther."""

Centimetre = Annotated[int, Field(ge=-REACH_CM, le=REACH_CM)]
Span = tuple[Centimetre, Centimetre]


class Zone(BaseModel):
    """Either `x` and `y`, or `corners`."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: str = Field(default="", max_length=64, description="what this is, e.g. curtain; for people only")
    x: Span | None = Field(default=None, description="from and to across the radar, in cm as its app shows: [-90, 90]")
    y: Span | None = Field(default=None, description="from and to away from the radar, in cm: [120, 320]")
    corners: tuple[tuple[Centimetre, Centimetre], ...] | None = Field(
        default=None,
        min_length=3,
        max_length=12,
        description="instead of x and y, the corners one after the other, each [x, y] in cm",
    )

    @model_validator(mode="after")
    def _is_an_area(self) -> Self:
        if (self.corners is None) == (self.x is None and self.y is None) or (self.x is None) != (self.y is None):
            raise ValueError(
                Bilingual(
                    "needs x and y, each from and to in cm, or corners instead; write e.g. x: [-90, 90]",
                    zh="要写 x 和 y，各自从哪到哪（厘米），或写 corners；例如 x: [-90, 90]",
                )
            )
        for name, span in (("x", self.x), ("y", self.y)):
            if span is not None and span[0] >= span[1]:
                raise ValueError(
                    Bilingual(
                        f"{name} goes from {span[0]} to {span[1]}; write the smaller number first",
                        zh=f"{name} 从 {span[0]} 到 {span[1]}；请把小的数写在前面",
                    )
                )
        if _area(self.outline) == 0:
            raise ValueError(
                Bilingual(
                    "its corners lie on one line; write the corners of an area",
                    zh="它的几个角在一条线上；请写一块区域的角",
                )
            )
        return self

    @property
    def outline(self) -> tuple[tuple[int, int], ...]:
        """Its corners, one after the other."""
        if self.corners is not None:
            return self.corners
        (left, right), (near, far) = self.x or (0, 0), self.y or (0, 0)
        return ((left, near), (right, near), (right, far), (left, far))

    def has(self, x_cm: float, y_cm: float) -> bool:
        """Whether this point lies inside (to the left of an odd number of edges)."""
        outline = self.outline
        inside = False
        for (ax, ay), (bx, by) in zip(outline, (*outline[1:], outline[0]), strict=True):
            if (ay > y_cm) != (by > y_cm) and x_cm < ax + (y_cm - ay) * (bx - ax) / (by - ay):
                inside = not inside
        return inside


def _area(outline: Sequence[tuple[int, int]]) -> int:
    """Twice the area, with a sign (the shoelace formula)."""
    return sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(outline, (*outline[1:], outline[0]), strict=True))
