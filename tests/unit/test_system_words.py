"""What the system says of a failed call, in both languages where we know it."""

import errno
import socket

import pytest

from shouwang.bilingual import chinese
from shouwang.system_words import system_words


@pytest.mark.parametrize(
    ("error", "en", "zh"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "No such file or directory", "没有这个文件"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "Connection refused", "对方拒绝连接"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known", "找不到这个"),
        (socket.gaierror(socket.EAI_FAMILY, "ai_family not supported"), "ai_family not supported", ""),
        (socket.gaierror("odd"), "odd", ""),
        (OSError(errno.EXDEV, "whatever"), "Invalid cross-device link", ""),
        (OSError("several at once"), "several at once", ""),
    ],
)
def test_it_is_said_in_chinese_where_we_know_it(error: OSError, en: str, zh: str) -> None:
    assert system_words(error) == en
    assert chinese(system_words(error)).startswith(zh)
    assert bool(chinese(system_words(error))) is bool(zh)
