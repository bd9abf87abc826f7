"""One-time codes against the vectors of RFC 4226 (appendix D) and RFC 6238 (appendix B)."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from community import totp
from shouwang.errors import ConfigError

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("counter", "code"),
    list(
        enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])
    ),
)
def test_rfc_4226_appendix_d(counter: int, code: str) -> None:
    assert totp.code_at(SECRET, counter) == code


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    step = totp.step_at(datetime.fromtimestamp(seconds, UTC))
    assert totp.code_at(SECRET, step, digits=8) == code


NOW = datetime(2026, 11, 26, 8, 0, 15, tzinfo=UTC)


@pytest.mark.parametrize(("steps", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_one_step_of_drift_is_forgiven(steps: int, *, is_good: bool) -> None:
    code = totp.code_at(SECRET, totp.step_at(NOW) + steps)
    assert (totp.accepted_step(SECRET, code, NOW, after=0) is not None) is is_good


def test_code_is_good_once() -> None:
    step = totp.step_at(NOW)
    code = totp.code_at(SECRET, step)
    assert totp.accepted_step(SECRET, f" {code[:3]} {code[3:]} ", NOW, after=step - 1) == step
    assert totp.accepted_step(SECRET, code, NOW, after=step) is None
    assert totp.accepted_step(SECRET, code, NOW + timedelta(seconds=30), after=step) is None


@pytest.mark.parametrize("code", ["", "000000", "abcdef", "１２３４５６", "\0" * 6, "9" * 500])
def test_wrong_code_is_none(code: str) -> None:
    assert totp.accepted_step(SECRET, code, NOW, after=0) is None


def test_new_secrets_differ_and_have_160_bits() -> None:
    first, second = totp.new_secret(), totp.new_secret()
    assert first != second
    assert len(base64.b32decode(first)) == 20


def test_damaged_secret_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="make a new one"):
        totp.code_at("1189", 1)


def test_address_is_quoted() -> None:
    said = totp.address("ABC", "zhang li", "阳光 社区")
    assert said.startswith("otpauth://totp/%E9%98%B3%E5%85%89%20%E7%A4%BE%E5%8C%BA:zhang%20li?secret=ABC&issuer=")
