"""Photos of a scene: made anew from what a phone sent, so that nothing but the picture is kept. Pure, and slow: call
it in a thread.

No place, device or time of the camera is left (EXIF), nothing hides behind the picture, and it is small.
"""

import io

import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

from shouwang.errors import DecodeError

MAX_UPLOAD_BYTES = 12 * 1024 * 1024
"""A photo of a 48-megapixel phone is about 10 MB."""
MAX_PIXELS = 64_000_000
"""More is no phone's photo, but a picture made to fill our memory."""
LONGEST_SIDE = 1600
"""A label on a medicine box can be read; 200 to 400 kB."""
PORTRAIT_SIDE = 480
"""A face on the page of a resident, also on a screen of double density; some 30 kB."""
SMALL_SIDE = 96
_QUALITY = 80
_FORMATS = ("JPEG", "PNG", "WEBP")


class Photo(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as JPEG."""

    width: int
    height: int
    body: bytes


def remade(upload: bytes) -> Photo:
    """The picture anew. Raises DecodeError with a plain sentence where it is none, or too large."""
    if len(upload) > MAX_UPLOAD_BYTES:
        raise DecodeError(f"the photo has {len(upload) // 1024**2} MB; at most {MAX_UPLOAD_BYTES // 1024**2} are taken")
    try:
        with Image.open(io.BytesIO(upload), formats=_FORMATS) as picture:
            upright = _upright(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DecodeError("this is no photo that can be read: take it as JPEG, PNG or WebP") from error
    except (OSError, ValueError, SyntaxError, MemoryError, EOFError, ArithmeticError, LookupError) as error:
        raise DecodeError("the photo is damaged: take it once more") from error
    if upright is None:
        raise DecodeError("the photo has more points than any phone's")
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    made = io.BytesIO()
    clean.save(made, "JPEG", quality=_QUALITY, optimize=True)
    return Photo(width=clean.width, height=clean.height, body=made.getvalue())


def smaller(photo: Photo, longest: int) -> Photo:
    """The same picture, its longest side at most so many points."""
    with Image.open(io.BytesIO(photo.body), formats=("JPEG",)) as picture:
        picture.thumbnail((longest, longest))
        made = io.BytesIO()
        picture.save(made, "JPEG", quality=_QUALITY, optimize=True)
        return Photo(width=picture.width, height=picture.height, body=made.getvalue())


def portrait(upload: bytes) -> tuple[Photo, Photo]:
    """A face for a page and for a list, made anew. Raises DecodeError with a plain sentence."""
    whole = remade(upload)
    return smaller(whole, PORTRAIT_SIDE), smaller(whole, SMALL_SIDE)


def _upright(picture: Image.Image) -> Image.Image | None:
    """As the photographer held it; None where it is too large, which is told before its points are read."""
    if picture.width * picture.height > MAX_PIXELS:
        return None
    picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    return ImageOps.exif_transpose(picture).convert("RGB")
