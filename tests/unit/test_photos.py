"""A photo keeps its picture and nothing else; what is none, or too much, is refused in words."""

import io
import random
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from community import photos
from community.photos import LONGEST_SIDE, remade
from shouwang.errors import DecodeError

GPS, MAKER, ORIENTATION = 0x8825, 0x010F, 0x0112


def a_photo(kind: str = "JPEG", size: tuple[int, int] = (64, 32), **more: object) -> bytes:
    made = io.BytesIO()
    picture = Image.new("RGB", size, (200, 30, 30))
    picture.putpixel((0, 0), (0, 0, 255))
    picture.save(made, kind, **more)
    return made.getvalue()


def test_place_time_and_camera_are_gone():
    exif = Image.Exif()
    exif[MAKER] = "Camera of Wang"
    exif.get_ifd(GPS)[2] = (30.0, 15.0, 1.0)
    upload = a_photo(exif=exif, comment=b"hidden words")
    assert b"Camera of Wang" in upload
    kept = remade(upload)
    assert b"Camera of Wang" not in kept.body
    assert b"hidden words" not in kept.body
    with Image.open(io.BytesIO(kept.body)) as picture:
        assert not picture.getexif()
        assert "comment" not in picture.info
        assert picture.format == "JPEG"


def test_what_hides_behind_the_picture_is_gone():
    assert b"<script>" not in remade(a_photo() + b"<script>alert(1)</script>").body


def test_the_picture_stands_upright():
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was held on its side
    kept = remade(a_photo(size=(64, 32), exif=exif))
    assert (kept.width, kept.height) == (32, 64)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_large_photos_become_small(kind):
    kept = remade(a_photo(kind, size=(3200, 1000)))
    assert (kept.width, kept.height) == (LONGEST_SIDE, 500)


def test_palettes_and_transparency_are_read():
    made = io.BytesIO()
    Image.new("P", (8, 8)).save(made, "PNG", transparency=0)
    assert remade(made.getvalue()).width == 8


@pytest.mark.parametrize(
    ("upload", "said"),
    [
        (b"", "no photo"),
        (b"<svg onload=alert(1)>", "no photo"),
        (b"GIF89a" + bytes(64), "no photo"),
        (a_photo()[:300], "damaged"),
    ],
)
def test_what_is_no_photo_is_refused_in_words(upload, said):
    with pytest.raises(DecodeError, match=said):
        remade(upload)


def test_too_many_bytes_are_refused(monkeypatch):
    monkeypatch.setattr(photos, "MAX_UPLOAD_BYTES", 100)
    with pytest.raises(DecodeError, match="at most"):
        remade(a_photo())


def test_a_picture_made_to_fill_our_memory_is_refused_before_it_is_read():
    made = io.BytesIO()
    Image.new("1", (9000, 9000)).save(made, "PNG")  # 10 kB
    assert len(made.getvalue()) < 50_000
    with pytest.raises(DecodeError, match="more points"):
        remade(made.getvalue())
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + made.getvalue()[24:29]
    bomb = made.getvalue()[:12] + header + zlib.crc32(header).to_bytes(4, "big") + made.getvalue()[33:]
    with pytest.raises(DecodeError, match="no photo"):
        remade(bomb)


@given(st.integers(min_value=0, max_value=2**32), st.integers(min_value=1, max_value=40))
def test_damaged_photos_never_raise_anything_else(seed, faults):
    chance = random.Random(seed)
    upload = bytearray(a_photo(chance.choice(["JPEG", "PNG", "WEBP"])))
    for _ in range(faults):
        upload[chance.randrange(len(upload))] = chance.randrange(256)
    with suppress(DecodeError):
        remade(bytes(upload))
