"""community.yaml: what is accepted, how mistakes are told, where relative paths begin."""

from pathlib import Path

import pytest

import community
from community.settings import BrokerEntry, broker_settings, load, secret
from shouwang.errors import ConfigError

EXAMPLE = Path(community.__file__).parent / "examples" / "community.yaml"
SMALL = """\
name: Sunshine
broker:
  url: mqtt://127.0.0.1:1883
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "community.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_example_is_whole() -> None:
    settings = load(EXAMPLE)
    assert settings.homes[0].resident.name == "王桂兰"
    assert settings.store.url == f"sqlite:///{EXAMPLE.parent / 'data/community.db'}"


def test_little_is_enough(tmp_path: Path) -> None:
    settings = load(written(tmp_path, SMALL))
    assert settings.store.url == f"sqlite:///{tmp_path / 'community.db'}"
    assert (settings.web.host, settings.web.port, settings.broker.version) == ("127.0.0.1", 8080, "5")


ONE_HOME = "homes: [{id: h, gateway: g, address: a, resident: {id: r, name: W}%s}]\n"


def test_home_may_be_silent_for_180_s_unless_it_says_otherwise(tmp_path: Path) -> None:
    (usual,) = load(written(tmp_path, SMALL + ONE_HOME % "")).homes
    assert (usual.offline_after, usual.high_risk) == (3, False)
    (other,) = load(written(tmp_path, SMALL + ONE_HOME % ", offline_after: 1440, high_risk: true")).homes
    assert (other.offline_after, other.high_risk) == (1440, True)


@pytest.mark.parametrize("minutes", [0, 1441])
def test_nobody_is_left_alone_for_more_than_a_day(tmp_path: Path, minutes: int) -> None:
    with pytest.raises(ConfigError, match="offline_after"):
        load(written(tmp_path, SMALL + ONE_HOME % f", offline_after: {minutes}"))


def test_paths_begin_at_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    text = SMALL + "  password_file: keys/broker\n  ca_file: /etc/ca.pem\nstore:\n  url: sqlite:////var/lib/c.db\n"
    settings = load(written(tmp_path, text))
    assert settings.broker.password_file == tmp_path / "keys/broker"
    assert settings.broker.ca_file == Path("/etc/ca.pem")
    assert settings.store.url == "sqlite:////var/lib/c.db"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\n", "community.yaml:1: broker:"),
        (SMALL + "webb:\n  port: 1\n", "community.yaml:4: webb:"),
        (SMALL + "web:\n  prot: 1\n", 'community.yaml:5: web.prot: is not a key here; did you mean "port"?'),
        (SMALL + "store:\n  url: mysql://x/y\n", "community.yaml:5: store.url: write sqlite:///"),
        (
            SMALL + "store:\n  url: postgresql://a:b@c/d\n",
            "community.yaml:5: store.url: write the password into a file",
        ),
        (SMALL + "  client_id: my server\n", 'community.yaml:4: broker.client_id: "my server" cannot be a name; use'),
        (SMALL.replace("Sunshine", '""'), "community.yaml:1: name: has 0 characters; write 1 to 200"),
        (SMALL + "web:\n  port: 99999\n", "community.yaml:5: web.port:"),
        (SMALL + "web:\n  public_url: care.example.org\n", "community.yaml:5: web.public_url:"),
        ("name: x\nbroker:\n  url: http://x\n", "community.yaml:3: broker.url:"),
        ("name: x\nbroker:\n  url: mqtt://u:p@x\n", "password_file"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(written(tmp_path, text))
    assert said in str(refused.value)


HOME = """
  - id: {id}
    gateway: {gateway}
    address: a
    resident: {{id: {resident}, name: n}}"""


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"id": "h1", "gateway": "g2", "resident": "r2"}, "home id h1"),
        ({"id": "h2", "gateway": "g1", "resident": "r2"}, "gateway g1"),
        ({"id": "h2", "gateway": "g2", "resident": "r1"}, "resident id r1"),
    ],
)
def test_two_homes_share_nothing(tmp_path: Path, second: dict[str, str], said: str) -> None:
    text = SMALL + "homes:" + HOME.format(id="h1", gateway="g1", resident="r1") + HOME.format(**second)
    with pytest.raises(ConfigError, match=said):
        load(written(tmp_path, text))


def test_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.yaml")
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(path)


def test_secret_stands_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("geheim\n", encoding="utf-8")
    assert secret(path) == "geheim"
    assert secret(None) is None
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        secret(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        secret(tmp_path / "none")


def test_certificate_that_cannot_be_used_is_told_before_anything_starts(tmp_path: Path) -> None:
    entry = BrokerEntry(url="mqtts://broker.example.org", ca_file=tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot use the certificate files"):
        broker_settings(entry, "downlink", receive_maximum=20, session_expiry_s=0)


def test_broker_session_of_each_part_has_its_own_name() -> None:
    entry = BrokerEntry(url="mqtts://broker.example.org", username="community")
    kept = broker_settings(entry, "ingest-alerts", receive_maximum=50, session_expiry_s=3600)
    assert (kept.client_id, kept.port, kept.clean_start) == ("shouwang-community-ingest-alerts", 8883, False)
    assert kept.tls is not None
    assert broker_settings(entry, "downlink", receive_maximum=20, session_expiry_s=0).clean_start
