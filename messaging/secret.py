"""Secrets come from files named in the configuration, never from the configuration itself."""

from pathlib import Path

from shouwang.errors import ConfigError

_MAX_BYTES = 4096


def read_secret(path: Path) -> str:
    """The one line that the file holds; raises ConfigError with what to do about it."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        words = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the secret must be plain text") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: the secret cannot be read ({error.strerror}); check the name and who may read it"
        ) from error
    if not words or len(raw) > _MAX_BYTES or "\n" in words:
        raise ConfigError(f"{path}: must hold the secret on one line and nothing else")
    return words
