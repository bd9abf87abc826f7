"""What is kept of a random word that opens something: a session, a link, a screen, a question, a program's way in."""

import hashlib


def token_hash(token: str) -> bytes:
    """Its SHA-256; a sign that no bytes stand for counts as a question mark."""
    return hashlib.sha256(token.encode(errors="replace")).digest()
