"""The signature of webhooks: genuine, fresh, and of these bytes."""

import pytest

from community.channels.signature import FRESH_S, ID, SIGNATURE, TIMESTAMP, checked, signed
from shouwang.errors import DecodeError

SECRET, BODY, NOW = b"s3cret", b'{"a":1}', 1_790_000_000


def headers() -> dict[str, str]:
    return signed(SECRET, BODY, key="sw-1", now_s=NOW)


def test_what_we_sign_is_believed_while_it_is_fresh() -> None:
    assert checked(SECRET, BODY, headers(), now_s=NOW + FRESH_S) == "sw-1"


def test_the_signature_is_the_documented_sum() -> None:
    # echo -n '1790000000.sw-1.{"a":1}' | openssl dgst -sha256 -hmac s3cret
    assert headers()[SIGNATURE] == "v1=" + _openssl()


def _openssl() -> str:
    import subprocess

    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "s3cret"],
        input=b'1790000000.sw-1.{"a":1}',
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().split()[-1]


@pytest.mark.parametrize(
    ("secret", "body", "changed", "later"),
    [
        (b"other", BODY, {}, 0),
        (SECRET, b'{"a":2}', {}, 0),
        (SECRET, BODY, {ID: "sw-2"}, 0),
        (SECRET, BODY, {TIMESTAMP: str(NOW + 1)}, 0),
        (SECRET, BODY, {TIMESTAMP: "soon"}, 0),
        (SECRET, BODY, {SIGNATURE: "ü"}, 0),
        (SECRET, BODY, {}, FRESH_S + 1),
        (SECRET, BODY, {}, -FRESH_S - 1),
    ],
)
def test_anything_else_is_refused(secret: bytes, body: bytes, changed: dict[str, str], later: int) -> None:
    with pytest.raises(DecodeError):
        checked(secret, body, headers() | changed, now_s=NOW + later)
