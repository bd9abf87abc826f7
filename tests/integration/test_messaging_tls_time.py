"""TLS of a box whose clock is wrong: the dates of certificates by what is known, all else as ever. A real mosquitto."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fixtures.authority import Authority

from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.errors import DeviceError

PAST = ("20200101000000Z", "20200201000000Z")
FUTURE = ("20900101000000Z", "20900201000000Z")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def old_authority(authority, tmp_path):
    return Authority(tmp_path, "old", ("20000101000000Z", "21000101000000Z"))


@pytest.fixture
def start_dated(start_mosquitto, authority):
    """Starts a broker whose certificate is valid for so long; gives the settings of a box that knows `earliest`."""

    def start(own, earliest):
        broker = start_mosquitto(
            f"cafile {own.ca_file}", f"certfile {own.cert_file}", f"keyfile {own.key_file}", "allow_anonymous true"
        )
        tls = replace(authority.issue("gw-1"), ca_file=own.ca_file)
        return BrokerSettings(host="127.0.0.1", port=broker.port, client_id="gw-1", tls=tls, earliest=lambda: earliest)

    return start


async def refusal(settings):
    with pytest.raises(DeviceError) as caught:
        async with connect(settings):
            pass
    return str(caught.value)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("dates", [PAST, FUTURE])
async def test_a_certificate_issued_after_the_clocks_time_is_proof_that_it_is_later(
    start_dated, old_authority, dates, version
):
    settings = start_dated(old_authority.issue("broker", dates=dates), EPOCH)
    async with connect(replace(settings, version=version)) as session:
        await session.subscribe(["x"])
        await session.publish("x", b"1")


@pytest.mark.parametrize(("dates", "words"), [(PAST, "has expired"), (FUTURE, "not valid yet")])
async def test_where_the_clock_is_right_it_judges(start_dated, old_authority, dates, words):
    assert words in await refusal(start_dated(old_authority.issue("broker", dates=dates), None))


async def test_a_certificate_that_had_expired_by_then_is_refused(start_dated, old_authority):
    march = datetime(2020, 3, 1, tzinfo=UTC)
    assert "has expired" in await refusal(start_dated(old_authority.issue("broker", dates=PAST), march))


async def test_a_chain_that_was_never_valid_as_a_whole_is_refused(start_dated, authority):
    own = authority.issue("broker", dates=FUTURE)  # by an authority of two days
    assert "has expired" in await refusal(start_dated(own, EPOCH))


async def test_an_unknown_authority_is_not_trusted_by_a_wrong_clock_either(start_dated, old_authority, tmp_path):
    settings = start_dated(old_authority.issue("broker", dates=PAST), EPOCH)
    other = Authority(tmp_path, "stranger")
    words = await refusal(replace(settings, tls=replace(settings.tls, ca_file=other.cert)))
    assert "nobody in" in words


async def test_another_host_is_not_trusted_by_a_wrong_clock_either(start_dated, authority):
    settings = start_dated(authority.issue("broker", host="127.0.0.2"), EPOCH)
    assert "another host" in await refusal(settings)
