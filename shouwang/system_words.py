"""What the system says of a failed call, in Chinese too where it is one that an installer meets."""

import errno
import os
import socket

from shouwang.bilingual import Bilingual

_CHINESE = {
    errno.ENOENT: "没有这个文件或文件夹",
    errno.EACCES: "没有权限",
    errno.EPERM: "不允许这样做",
    errno.EISDIR: "这是文件夹，不是文件",
    errno.ENOTDIR: "路径里有一段不是文件夹",
    errno.ENOSPC: "存储已满",
    errno.EROFS: "存储是只读的",
    errno.EIO: "读写出错",
    errno.EADDRINUSE: "端口已被占用",
    errno.ECONNREFUSED: "对方拒绝连接",
    errno.ECONNRESET: "对方断开了连接",
    errno.ETIMEDOUT: "连接超时",
    errno.EHOSTUNREACH: "到不了这台主机",
    errno.ENETUNREACH: "没有网络",
}
_NO_SUCH_HOST = "找不到这个主机名"
_NO_RESOLVER = "域名解析暂时不通"
_CHINESE_OF_NAMES = {
    socket.EAI_NONAME: _NO_SUCH_HOST,
    socket.EAI_NODATA: _NO_SUCH_HOST,
    socket.EAI_AGAIN: _NO_RESOLVER,
}


def system_words(error: OSError) -> str:
    """In both languages where we know it, else as the system says it."""
    if isinstance(error, socket.gaierror):
        said, zh = error.strerror or str(error), _CHINESE_OF_NAMES.get(error.errno or 0)
    else:
        # asyncio writes its own words around those of the system
        said, zh = os.strerror(error.errno) if error.errno else str(error), _CHINESE.get(error.errno or 0)
    return said if zh is None else Bilingual(said, zh=zh)
