"""Links of a sealed chain: each has the hash of the one before it and its own bytes. Pure."""

import hashlib

GENESIS = bytes(32)
"""What the first link follows."""


def seal(previous: bytes, body: bytes) -> bytes:
    """The hash of a link: of the one before it and its own bytes."""
    return hashlib.sha256(previous + body).digest()


def words_digest(salt: bytes, words: str) -> str:
    """What a chain keeps of personal words; without the salt they cannot be guessed from it."""
    return hashlib.sha256(salt + words.encode()).hexdigest()


class Walk:
    """From the first link of a chain to its last: `number` and `head` are those of the link that was passed last."""

    def __init__(self, of: str = "entries") -> None:
        """`of`: how people call many of its links."""
        self.number = 0
        self.head = GENESIS
        self._of = of

    def pass_on(self, number: int, *, body: bytes, previous: bytes, sealed: bytes) -> list[str]:
        """Go on to this link; what is wrong with how it follows."""
        faults = []
        if number != self.number + 1:
            faults.append(f"{self._of} are missing before it (expected {self.number + 1})")
        if previous != self.head:
            faults.append("does not follow the one before it")
        if seal(previous, body) != sealed:
            faults.append("its bytes are not those that were sealed")
        self.number, self.head = number, sealed
        return faults
