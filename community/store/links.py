"""Links of a sealed chain: each has the hash of the one before it and its own bytes. Pure."""

import hashlib

from shouwang.bilingual import Bilingual, both

GENESIS = bytes(32)
"""What the first link follows."""


def seal(previous: bytes, body: bytes) -> bytes:
    """The hash of a link: of the one before it and its own bytes."""
    return hashlib.sha256(previous + body).digest()


def words_digest(salt: bytes, words: str) -> str:
    """What a chain keeps of personal words; without the salt they cannot be guessed from it."""
    return hashlib.sha256(salt + words.encode()).hexdigest()


ENTRIES = Bilingual("entries", zh="记录")


def at(place: str, fault: str) -> str:
    """What is wrong there, in both languages where both parts are."""
    return both("{place}: {fault}", "{place}：{fault}", place=place, fault=fault)


def unreadable(error: Exception) -> str:
    """The bytes of a link are none."""
    return both("cannot be read: {error}", "读不出来：{error}", error=error)


OTHER_COLUMNS = Bilingual("its columns differ from its sealed bytes", zh="各栏内容与封存的字节不一致")


class Walk:
    """From the first link of a chain to its last: `number` and `head` are those of the link that was passed last."""

    def __init__(self, of: str = ENTRIES) -> None:
        """`of`: how people call many of its links, in both languages."""
        self.number = 0
        self.head = GENESIS
        self._of = of

    def pass_on(self, number: int, *, body: bytes, previous: bytes, sealed: bytes) -> list[str]:
        """Go on to this link; what is wrong with how it follows."""
        faults: list[str] = []
        if number != self.number + 1:
            missing = "{of} are missing before it (expected {number})", "前面缺少{of}（这里应是第 {number} 条）"
            faults.append(both(*missing, of=self._of, number=self.number + 1))
        if previous != self.head:
            faults.append(Bilingual("does not follow the one before it", zh="与前一条接不上"))
        if seal(previous, body) != sealed:
            faults.append(Bilingual("its bytes are not those that were sealed", zh="内容不是当时封存的字节"))
        self.number, self.head = number, sealed
        return faults
