"""One-time codes of an authenticator app: RFC 6238 over RFC 4226 with SHA-1, 6 digits, 30 s, as every such app has."""

import base64
import hashlib
import hmac
import secrets
import struct
from datetime import datetime
from urllib.parse import quote

from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

STEP_S = 30
"""RFC 6238, 5.2: the recommended step."""
DIGITS = 6
DRIFT_STEPS = 1
"""RFC 6238, 5.2: at most one step back for the time that a message takes; one ahead for a phone that is fast."""
SECRET_BYTES = 20
"""RFC 4226, 4, R6: 160 bits are recommended."""


def new_secret() -> str:
    """What the app and the centre share, in the letters that apps take."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def code_at(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """The code of this step. Raises ConfigError where the secret is not Base32."""
    try:
        key = base64.b32decode(secret, casefold=True)
    except ValueError as error:
        raise ConfigError(
            Bilingual(
                "the secret of an authenticator app is not Base32; make a new one",
                zh="身份验证器的密钥不是 Base32；请重新做一个",
            )
        ) from error
    mac = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    start = mac[-1] & 0x0F
    number = struct.unpack(">I", mac[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def is_code(given: str) -> bool:
    """Whether this can be a code at all: a password that is typed in its place is no try of one."""
    signs = "".join(given.split())
    return len(signs) == DIGITS and signs.isascii() and signs.isdigit()


def step_at(now: datetime) -> int:
    """The number of the step that runs now."""
    return int(now.timestamp()) // STEP_S


def accepted_step(secret: str, code: str, now: datetime, *, after: int) -> int | None:
    """The step of a right code; None for a wrong one, or one of a step up to `after`, which was used already."""
    given = "".join(code.split())
    running = step_at(now)
    found = None
    for step in range(running - DRIFT_STEPS, running + DRIFT_STEPS + 1):
        is_right = hmac.compare_digest(code_at(secret, step).encode(), given.encode())
        if is_right and step > after:
            found = step
    return found


def address(secret: str, login: str, centre: str) -> str:
    """What an app reads from a picture or takes by hand: the otpauth address."""
    issuer, account = quote(centre, safe=""), quote(login, safe="")
    return f"otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}"
