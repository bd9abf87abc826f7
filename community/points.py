"""Where something stands on the earth: latitude and longitude in WGS-84, as a GPS receiver says them. Pure.

Everything that is kept is WGS-84. What a Chinese map or telephone app shows is GCJ-02, 100 to 700 m beside it, and
nobody can tell the two by looking at the numbers (community.gcj02).
"""

from typing import Annotated

import msgspec
from pydantic import AfterValidator

from shouwang.bilingual import Bilingual, both


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A place on the earth, WGS-84, in degrees."""

    lat: float
    lon: float


_MOST_LAT, _MOST_LON = 90.0, 180.0
_ARCTIC_LATS, _ARCTIC_LONS = (73.0, 90.0), (17.0, 54.0)
"""Sea and ice north of Norway and Russia, where no home stands. The west of China (Xinjiang, Tibet) comes to lie there
where latitude and longitude are swapped; the east of it comes to lie beyond 90 degrees."""


def _latitude(written: float) -> float:
    if -_MOST_LAT <= written <= _MOST_LAT:
        return written
    if -_MOST_LON <= written <= _MOST_LON:
        raise ValueError(both(*_LAT_BEYOND, written=written))
    raise ValueError(both(*_NO_LAT, written=written))


def _longitude(written: float) -> float:
    if -_MOST_LON <= written <= _MOST_LON:
        return written
    raise ValueError(both(*_NO_LON, written=written))


_LAT_BEYOND = (
    "{written:g} is no latitude, which lies from -90 to 90; were lat and lon swapped?",
    "{written:g} 不是纬度（纬度在 -90 到 90 之间）；lat 和 lon 是不是写反了？",
)
_NO_LAT = (
    "{written:g} is no latitude; write degrees from -90 to 90, e.g. 31.2304",
    "{written:g} 不是纬度；请写 -90 到 90 之间的度数，例如 31.2304",
)
_NO_LON = (
    "{written:g} is no longitude; write degrees from -180 to 180, e.g. 121.4737",
    "{written:g} 不是经度；请写 -180 到 180 之间的度数，例如 121.4737",
)


Latitude = Annotated[float, AfterValidator(_latitude)]
Longitude = Annotated[float, AfterValidator(_longitude)]


def fault_of(lat: float | None, lon: float | None) -> str:
    """What is wrong with the two of them together, and what to do; empty where nothing is."""
    if lat is None and lon is None:
        return ""
    if lat is None or lon is None:
        there, lacking = ("lon", "lat") if lat is None else ("lat", "lon")
        words = (
            "has {there} and no {lacking}; write both, or neither",
            "有 {there} 没有 {lacking}；请两个都写，或都不写",
        )
        return both(*words, there=there, lacking=lacking)
    if lat == lon == 0:
        return _NO_FIX
    if _is_in(lat, _ARCTIC_LATS) and _is_in(lon, _ARCTIC_LONS):
        return both(*_ARCTIC, lat=lat, lon=lon)
    return ""


_NO_FIX = Bilingual(
    "lat 0 and lon 0 lie in the sea off Africa: a receiver without a fix says so; leave both empty",
    zh="lat 0、lon 0 在非洲外海：接收机没有定位时会这样报；请两个都留空",
)
_ARCTIC = (
    "lat {lat:g} and lon {lon:g} lie in the Arctic sea; were lat and lon swapped?",
    "lat {lat:g}、lon {lon:g} 在北冰洋里；lat 和 lon 是不是写反了？",
)


def point_of(lat: float | None, lon: float | None) -> Point | None:
    """The point that two columns hold."""
    return None if lat is None or lon is None else Point(lat=lat, lon=lon)


def _is_in(value: float, span: tuple[float, float]) -> bool:
    return span[0] <= value <= span[1]
