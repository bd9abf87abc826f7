"""Secrets come from files named in the configuration, never from the configuration itself."""

from pathlib import Path

from messaging.broker import BrokerSettings
from shouwang.bilingual import both
from shouwang.errors import ConfigError
from shouwang.system_words import system_words

_MAX_BYTES = 4096
_NO_TEXT = (
    "{path}: the secret must be plain text; write it into the file again with a text editor",
    "{path}：密码必须是纯文本；请用文本编辑器重新写进这个文件",
)
_UNREAD = (
    "{path}: the secret cannot be read ({error}); check the name and who may read it",
    "{path}：密码读不出来（{error}）；请核对文件名以及谁可以读",
)
_NOT_ONE_LINE = (
    "{path}: must hold the secret on one line and nothing else",
    "{path}：里面只能有一行密码，不能有别的",
)


def read_secret(path: Path) -> str:
    """The one line that the file holds; raises ConfigError with what to do about it."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        words = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ConfigError(both(*_NO_TEXT, path=path)) from error
    except OSError as error:
        raise ConfigError(both(*_UNREAD, path=path, error=system_words(error))) from error
    if not words or len(raw) > _MAX_BYTES or "\n" in words:
        raise ConfigError(both(*_NOT_ONE_LINE, path=path))
    return words


def password_of(settings: BrokerSettings) -> str | None:
    """The password as its file holds it now; raises ConfigError where that cannot be read."""
    return settings.password if settings.password_file is None else read_secret(settings.password_file)
