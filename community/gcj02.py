"""WGS-84 to GCJ-02, the datum of maps that are published in China (GB 20263-2006). Pure.

Source: the transformation as it is published since 2012 and used by open map programs ("eviltransform" and its many
translations; Wikipedia, "Restrictions on geographic data in China", section GCJ-02): two sums of sines, in metres, over
the distance from 35 N 105 E, laid off on the Krasovsky 1940 ellipsoid. The state publishes no text of it. Outside of
the box below nothing is shifted, as there.
"""

import math

from community.points import Point

_SEMI_MAJOR_M = 6_378_245.0
"""Krasovsky 1940, half the long axis, metres."""
_ECCENTRICITY_2 = 0.006_693_421_622_965_943
"""Krasovsky 1940, first eccentricity squared."""
_LAT_0, _LON_0 = 35.0, 105.0
_BOX_LAT, _BOX_LON = (0.8293, 55.8271), (72.004, 137.8347)
"""The box of the published code. It holds China and some of its neighbours: for maps of these no datum is asked."""


def to_gcj02(point: Point) -> Point:
    """Where a map in GCJ-02 shows this point; the same point outside of China."""
    if not (_BOX_LAT[0] <= point.lat <= _BOX_LAT[1] and _BOX_LON[0] <= point.lon <= _BOX_LON[1]):
        return point
    x, y = point.lon - _LON_0, point.lat - _LAT_0
    phi = math.radians(point.lat)
    flat = 1 - _ECCENTRICITY_2 * math.sin(phi) ** 2
    meridian_m = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_2) / flat**1.5
    parallel_m = _SEMI_MAJOR_M / math.sqrt(flat) * math.cos(phi)
    return Point(
        lat=point.lat + math.degrees(_north_m(x, y) / meridian_m),
        lon=point.lon + math.degrees(_east_m(x, y) / parallel_m),
    )


def _north_m(x: float, y: float) -> float:
    straight = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    return straight + _ripple(x) + _waves(y, (20.0, 40.0), (160.0, 320.0))


def _east_m(x: float, y: float) -> float:
    straight = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    return straight + _ripple(x) + _waves(x, (20.0, 40.0), (150.0, 300.0))


def _ripple(x: float) -> float:
    return (20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)) * 2 / 3


def _waves(along: float, near: tuple[float, float], far: tuple[float, float]) -> float:
    """Waves of 2 and 6 degrees, then of 24 and 60."""
    short = near[0] * math.sin(along * math.pi) + near[1] * math.sin(along / 3 * math.pi)
    long = far[0] * math.sin(along / 12 * math.pi) + far[1] * math.sin(along / 30 * math.pi)
    return (short + long) * 2 / 3
