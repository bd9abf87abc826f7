"""Recorded phrases: WAV files by language and phrase, `<folder>/zh/raised.wav`, by `gateway phrases` or by a person."""

import logging
import wave
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One file and how long it plays."""

    path: Path
    seconds: float


def recordings(folder: Path | None, language: str) -> dict[str, Recording]:
    """What there is in this language, by phrase; a file that cannot be read is told and left out. Reads the disk."""
    found: dict[str, Recording] = {}
    for path in () if folder is None else _files(folder / language):
        seconds = seconds_of(path)
        if seconds is None:
            log.warning("%s is no WAV file that can be played; this phrase is spoken by the synthesiser", path)
        else:
            found[path.stem] = Recording(path=path, seconds=seconds)
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.wav")) if folder.is_dir() else []
    except OSError as error:  # another user's folder, or a card that fails
        log.warning("%s cannot be read (%s); all phrases are spoken by the synthesiser", folder, error.strerror)
        return []


def seconds_of(path: Path) -> float | None:
    """How long it plays; None where it cannot be played."""
    try:
        with wave.open(str(path), "rb") as file:
            return file.getnframes() / file.getframerate() if file.getnframes() else None
    except (OSError, wave.Error, EOFError, ZeroDivisionError):
        return None
