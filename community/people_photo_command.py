"""`shouwang community people photo`: the photograph of a resident, made anew and kept with the register."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from community.photos import MAX_UPLOAD_BYTES, portrait
from community.settings import load
from community.store import resident_photos
from community.store.people_register import Hand
from community.terminal import acting, say, with_config, with_store
from shouwang.bilingual import both
from shouwang.errors import ConfigError


def register(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add it to `people`."""
    photo = with_config(verbs.add_parser("photo", help="keep a photograph of a resident, or take it away"))
    photo.add_argument("resident")
    which = photo.add_mutually_exclusive_group(required=True)
    which.add_argument("file", nargs="?", type=Path, metavar="FILE", help="JPEG, PNG or WebP, at most 12 MB")
    which.add_argument("--take-away", action="store_true", help="no photograph any more")
    acting(photo).set_defaults(func=_photo)


def _photo(options: argparse.Namespace) -> int:
    settings = load(options.config)
    hand = Hand(by=options.by, at=datetime.now(UTC), reason=options.reason)
    if options.take_away:
        was_there = with_store(
            settings, lambda store: store.write(lambda of: resident_photos.take_away(of, options.resident, hand))
        )
        say(both(*(_GONE if was_there else _NONE), who=options.resident))
        return 0
    large, small = portrait(_bytes_of(options.file))
    with_store(
        settings,
        lambda store: store.write(lambda of: resident_photos.put(of, options.resident, large, small, hand)),
    )
    say(both(*_KEPT, who=options.resident, width=large.width, height=large.height))
    return 0


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_UPLOAD_BYTES + 1)
    except OSError as error:
        raise ConfigError(both(*_UNREAD, path=path, error=error.strerror)) from error


_GONE = "{who}: the photograph is gone", "{who}：照片已删除"
_NONE = "{who}: there is none", "{who}：没有照片"
_KEPT = (
    "{who}: a photograph of {width} x {height} points, without place and time",
    "{who}：已保存照片 {width} x {height} 像素，拍摄地点和时间已去掉",
)
_UNREAD = "{path}: cannot be read: {error}", "{path}：读不出来：{error}"
