"""The whole visit of `shouwang gateway doctor`: the real command, a real broker with a real ACL, a real gateway."""

import asyncio
import json
import os
import pty
import pwd
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fixtures.authority import Authority

from config.home import Home
from gateway.doctor import centre
from gateway.doctor.box import box_findings
from gateway.doctor.centre import centre_findings
from gateway.doctor.certificate import certificates_in
from gateway.doctor.finding import Mark, exit_code, fine, lines_of, unproven, wrong
from gateway.doctor.hardware import LOCK_FILE, hardware_findings
from gateway.doctor.papers import paper_findings
from gateway.doctor.patient import Patient
from gateway.doctor.service import service_findings
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, connect
from shouwang.alert import Sentence
from shouwang.errors import DecodeError

LIMIT_S = 60.0
GOOD_ACL = """pattern write v1/%u/up/#
pattern write v1/%u/lwt
pattern read v1/%u/down/#
user community
topic readwrite #
"""


def home(tmp_path, port, **parts):
    return {
        "gateway": {"id": "gw-1", "data_dir": str(tmp_path), "language": "en"},
        "resident": {"id": "r-1"},
        "uplink": {"url": f"mqtt://127.0.0.1:{port}"},
        "sensors": [],
        **parts,
    }


def patient(written, root=None):
    return Patient(path="home.yaml", home=Home.model_validate(written), root=root or "/")


def doctor(path):
    command = [sys.executable, "-m", "shouwang", "gateway", "doctor", "-c", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@contextmanager
def gateway(path):
    log = path.with_suffix(".log")
    with log.open("wb") as out:
        command = [sys.executable, "-m", "shouwang", "gateway", "run", "-c", str(path)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=out)
    try:
        end = time.monotonic() + LIMIT_S
        while b" watches " not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield process, log
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def broker_with(start_mosquitto, tmp_path):
    """A broker that goes by names and an ACL; everybody's password is `secret`."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto_passwd (Debian package mosquitto)")

    def start(acl):
        (tmp_path / "acl").write_text(acl)
        passwords = tmp_path / "passwords"
        passwords.write_text("".join(f"{user}:secret\n" for user in ("gw-1", "gw-2", "community")))
        subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True)
        for file in (passwords, tmp_path / "acl"):
            file.chmod(0o600)
        return start_mosquitto(f"password_file {passwords}", f"acl_file {tmp_path / 'acl'}", "allow_anonymous false")

    return start


@pytest.fixture
def credentials(tmp_path):
    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0o600)
    return {"password_file": str(tmp_path / "password")}


async def looked_at_centre(written):
    return [finding async for finding in centre_findings(patient(written))]


def by_topic(findings):
    return {finding.what.en.rpartition(": ")[2]: finding for finding in findings}


async def test_a_good_broker_is_proven_step_by_step(broker_with, tmp_path, credentials):
    port = broker_with(GOOD_ACL).port
    found = by_topic(
        await looked_at_centre(home(tmp_path, port, uplink={"url": f"mqtt://127.0.0.1:{port}", **credentials}))
    )
    assert list(found) == [
        "name of the centre's broker",
        "port of the broker",
        "login at the broker",
        "this box may write what is its own",
        "this box may not write for another home",
        "this box hears nothing of other homes",
        "receipts of the centre",
    ]
    assert {finding.mark for finding in found.values()} == {Mark.FINE, Mark.UNPROVEN}
    assert found["receipts of the centre"].mark is Mark.UNPROVEN, "only a gateway that runs can prove it"
    assert "0x87" in found["this box may not write for another home"].found.en


async def test_an_open_acl_is_a_fault_by_what_is_delivered_not_by_what_is_granted(broker_with, tmp_path, credentials):
    port = broker_with("topic readwrite #\nuser community\ntopic readwrite #\nuser gw-1\ntopic readwrite #\n").port
    neighbour = BrokerSettings(host="127.0.0.1", port=port, client_id="gw-2", username="community", password="secret")
    async with connect(neighbour) as session:
        await session.publish("v1/gw-2/lwt", b"online", retain=True, qos=0)
    found = by_topic(
        await looked_at_centre(home(tmp_path, port, uplink={"url": f"mqtt://127.0.0.1:{port}", **credentials}))
    )
    assert found["this box may not write for another home"].mark is Mark.FAULT
    assert found["this box hears nothing of other homes"].mark is Mark.FAULT
    assert found["this box hears nothing of other homes"].found.en == "messages of 1 other homes were delivered"


async def test_a_quota_that_is_used_up_is_no_proof_of_an_open_acl():
    class Full:
        async def publish(self, topic, _payload, **_):
            raise PublishRefused(topic, 0x97, "quota exceeded")

    topics = centre._Topics(own="o", foreign="f", retained="r", own_retained="w")
    assert (await centre._foreign(Full(), topics)).mark is Mark.UNPROVEN


async def test_a_box_that_may_not_write_is_told_what_the_acl_needs(broker_with, tmp_path, credentials):
    port = broker_with("user community\ntopic readwrite #\n").port
    found = by_topic(
        await looked_at_centre(home(tmp_path, port, uplink={"url": f"mqtt://127.0.0.1:{port}", **credentials}))
    )
    own = found["this box may write what is its own"]
    assert (own.mark, "pattern write v1/%u/up/#" in own.remedy.en) == (Mark.FAULT, True)


async def test_a_wrong_password_is_a_fault_at_the_door(broker_with, tmp_path, credentials):
    port = broker_with(GOOD_ACL).port
    (tmp_path / "password").write_text("wrong")
    found = await looked_at_centre(home(tmp_path, port, uplink={"url": f"mqtt://127.0.0.1:{port}", **credentials}))
    door = by_topic(found)["login at the broker"]
    assert door.mark is Mark.FAULT
    assert "password_file" in door.found.en


async def test_each_step_ends_the_way_where_it_fails(tmp_path, free_port, monkeypatch):
    nowhere = await looked_at_centre(home(tmp_path, free_port, uplink={"url": "mqtt://no-such-host.invalid"}))
    closed = await looked_at_centre(home(tmp_path, free_port))
    assert [(finding.mark, finding.what.en) for finding in nowhere] == [(Mark.FAULT, "name of the centre's broker")]
    assert [(finding.mark, finding.what.en) for finding in closed[1:]] == [(Mark.FAULT, "port of the broker")]
    assert closed[1].found.en.endswith("cannot be reached: Connection refused")
    assert closed[1].found.zh.endswith("连不上：对方拒绝连接")


async def test_an_encrypted_way_is_judged_by_its_certificates(start_mosquitto, tmp_path):
    authority, stranger = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    server, box = authority.issue("server"), authority.issue("gw-1")
    tls = (f"cafile {server.ca_file}", f"certfile {server.cert_file}", f"keyfile {server.key_file}")
    port = start_mosquitto(
        *tls, "require_certificate true", "use_identity_as_username true", "allow_anonymous true"
    ).port
    own = {"cert_file": str(box.cert_file), "key_file": str(box.key_file)}
    uplink = {"url": f"mqtts://127.0.0.1:{port}", "ca_file": str(authority.cert), **own}
    found = {finding.what.en: finding for finding in await looked_at_centre(home(tmp_path, port, uplink=uplink))}
    assert found["encryption"].mark is Mark.LOOK, "the broker's certificate ends in two days"
    assert "tell the centre that it must be renewed" in found["encryption"].remedy.en
    assert found["login at the broker"].mark is Mark.FINE
    distrusted = {**uplink, "ca_file": str(stranger.cert)}
    (*_, last) = await looked_at_centre(home(tmp_path, port, uplink=distrusted))
    assert (last.mark, last.what.en) == (Mark.FAULT, "encryption")
    assert "vouches for the broker" in last.found.en


@pytest.mark.slow
async def test_the_doctor_disturbs_neither_the_gateway_nor_the_centre(broker_with, tmp_path, credentials):
    broker = broker_with(GOOD_ACL)
    written = home(tmp_path / "data", broker.port, uplink={"url": f"mqtt://127.0.0.1:{broker.port}", **credentials})
    (tmp_path / "data").mkdir()
    path = tmp_path / "home.yaml"
    path.write_text(json.dumps(written))
    heard = []

    async def centre():
        settings = BrokerSettings(
            host="127.0.0.1", port=broker.port, client_id="centre", username="community", password="secret"
        )
        async with connect(settings) as session:
            await session.subscribe(["v1/+/up/al", "v1/+/up/st", "v1/+/up/tm", "v1/+/lwt", "v1/+/down/#"])
            async for message in session.messages():
                heard.append((message.topic, message.payload))
                message.ack()

    listening = asyncio.create_task(centre())
    with gateway(path) as (_, log):
        async with asyncio.timeout(LIMIT_S):
            while not heard:
                await asyncio.sleep(0.02)
        answer = await asyncio.to_thread(doctor, path)
        words = log.read_text()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert "ok  ACL: this box may not write for another home: refused (0x87)" in answer.stdout
    assert "held by the gateway itself: fine" in answer.stdout
    assert "??  receipts of the centre" in answer.stdout or "XX  receipts of the centre" in answer.stdout
    assert {topic for topic, _ in heard} <= {f"v1/gw-1/{leaf}" for leaf in ("up/al", "up/st", "up/tm", "lwt")}
    assert {payload for topic, payload in heard if topic == "v1/gw-1/lwt"} == {b"online"}
    assert words.count("connected to the centre's broker") == 1, "it was not sent away"


@pytest.mark.slow
def test_the_exit_code_is_that_of_the_worst_finding(tmp_path, free_port):
    path = tmp_path / "home.yaml"
    path.write_text(json.dumps(home(tmp_path, free_port)))
    answer = doctor(path)
    assert answer.returncode == 2
    assert "XX  port of the broker: " in answer.stdout
    assert "    -> ask the centre whether its broker runs" in answer.stdout
    assert "faults (XX)" in answer.stdout.splitlines()[-1]
    path.write_text("gateway: {id: gw-1}\n")
    answer = doctor(path)
    assert answer.returncode == 2
    assert f"XX  configuration: is wrong:\n{path}:1: resident: is missing" in answer.stdout


def test_codes_and_lines():
    what = Sentence(zh="甲", en="a")
    look = wrong(Mark.LOOK, what, Sentence(zh="乙", en="b"), Sentence(zh="丙", en="c\nd"))
    fault = wrong(Mark.FAULT, what, what, what)
    assert exit_code([]) == exit_code([fine(what, "", ""), unproven(what, "", "")]) == 0
    assert exit_code([look, fine(what, "", "")]) == 1
    assert exit_code([look, fault]) == 2
    assert lines_of(look, "en") == ["!!  a: b", "    -> c", "    -> d"]
    assert lines_of(look, "zh") == ["!!  甲：乙", "    -> 丙"]


# ---- certificates ----


@pytest.mark.parametrize(("days", "mark"), [(400, Mark.FINE), (20, Mark.LOOK), (-1, Mark.FAULT)])
def test_a_certificate_is_judged_by_the_days_it_has_left(tmp_path, days, mark):
    authority = Authority(tmp_path, "ours")
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    files = authority.issue("gw-1", dates=("20200101000000Z", f"{ends:%Y%m%d%H%M%SZ}"))
    uplink = {"url": "mqtts://127.0.0.1", "cert_file": str(files.cert_file), "key_file": str(files.key_file)}
    dated, key = paper_findings(Home.model_validate(home(tmp_path, 1, uplink=uplink)))
    assert (dated.mark, key.mark) == (mark, Mark.FINE)
    assert f"{ends:%Y-%m-%d}" in dated.found.en
    (certificate,) = certificates_in(files.cert_file.read_text())
    assert (certificate.name, certificate.ends) == ("gw-1", ends.replace(microsecond=0))


def test_papers_that_do_not_fit_are_told(tmp_path):
    authority = Authority(tmp_path, "ours")
    one, other = authority.issue("gw-1"), authority.issue("gw-2")
    (tmp_path / "ca.pem").write_text("no certificate")
    uplink = {
        "url": "mqtts://127.0.0.1",
        "ca_file": str(tmp_path / "ca.pem"),
        "cert_file": str(other.cert_file),
        "key_file": str(one.key_file),
        "password_file": str(tmp_path / "nowhere"),
    }
    found = list(paper_findings(Home.model_validate(home(tmp_path, 1, uplink=uplink))))
    told = [(finding.mark, finding.found.en) for finding in found]
    assert told[0][0] is Mark.FAULT
    assert "nowhere" in told[0][1]
    assert told[1] == (Mark.FAULT, f"{tmp_path / 'ca.pem'} cannot be used: there is no certificate in it")
    assert (Mark.LOOK, "it is of gw-2, not of gw-1") in told
    assert told[-1][0] is Mark.FAULT
    assert "does not belong to it" in told[-1][1]
    one.key_file.write_text("no key")
    last = list(paper_findings(Home.model_validate(home(tmp_path, 1, uplink=uplink))))[-1]
    assert last.found.en == f"{one.key_file} holds no key that can be used"


@pytest.mark.parametrize("body", ["", "MIIB", "AAAA", "MAMCAQE=", "MIIBszCCAV2gAwIBAgIU"])
def test_what_is_no_certificate_is_refused_and_nothing_worse(body):
    with pytest.raises(DecodeError):
        certificates_in(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")


# ---- the box ----


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read what the gateway's user may not")
@pytest.mark.parametrize(("mode", "is_fault"), [(0o600, True), (0o640, False)])
def test_with_sudo_the_doctor_still_asks_whether_the_gateways_own_user_may_read(tmp_path, monkeypatch, mode, is_fault):
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr(pwd, "getpwnam", lambda _: nobody)
    monkeypatch.setattr(Path, "parents", ())
    secret = tmp_path / "password"
    secret.write_text("secret")
    os.chown(secret, 0, nobody.pw_gid)
    secret.chmod(mode)
    uplink = {"url": "mqtt://127.0.0.1:1", "password_file": str(secret)}
    found = list(paper_findings(Home.model_validate(home(tmp_path, 1, uplink=uplink))))
    assert [one.mark for one in found] == [Mark.FINE, *([Mark.FAULT] if is_fault else [])]
    if is_fault:
        assert f"sudo chmod 0640 {secret}" in found[-1].remedy.en


def test_what_the_board_tells_is_judged(tmp_path):
    device = tmp_path / "sys/block/mmcblk0/device"
    device.mkdir(parents=True)
    (device / "life_time").write_text("0x0a 0x02\n")
    (device / "pre_eol_info").write_text("0x01\n")
    monitor = tmp_path / "sys/class/hwmon/hwmon0"
    monitor.mkdir(parents=True)
    (monitor / "name").write_text("rpi_volt\n")
    (monitor / "in0_lcrit_alarm").write_text("1\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 50 kB\n")
    found = {one.what.en: one for one in box_findings(patient(home(tmp_path, 1), tmp_path))}
    assert found["wear of the card"].mark is Mark.FAULT
    assert found["memory"].mark is Mark.LOOK
    assert (found["power supply"].mark, found["power supply"].found.en) == (Mark.FAULT, "the voltage is too low now")
    assert found["data folder"].mark is Mark.FINE
    assert [*tmp_path.glob(".doctor-*")] == []


def test_a_data_folder_that_is_not_there_is_a_fault_with_its_remedy(tmp_path):
    written = home(tmp_path / "nowhere", 1)
    folder = next(one for one in box_findings(patient(written)) if one.what.en == "data folder")
    assert folder.mark is Mark.FAULT
    assert f"-m 0700 {tmp_path / 'nowhere'}" in folder.remedy.en


async def test_a_port_that_somebody_else_has_is_a_fault_and_a_radio_that_is_off_too(tmp_path):
    master, slave = pty.openpty()
    port = os.ttyname(slave)
    switch = tmp_path / "sys/class/rfkill/rfkill0"
    switch.mkdir(parents=True)
    for name, text in (("type", "bluetooth"), ("name", "hci0"), ("soft", "1"), ("hard", "0")):
        (switch / name).write_text(text)
    sensors = [
        {"kind": "pulse_oximeter_nonin", "id": "finger", "port": port},
        {"kind": "pulse_oximeter_nonin", "id": "gone", "port": "/dev/ttyUSB99"},
        {"kind": "pulse_oximeter_plx", "id": "oximeter", "address": "C0:FF:EE:00:00:01"},
    ]
    holder = subprocess.Popen(["sleep", "60"], stdin=slave)
    try:
        found = [one async for one in hardware_findings(patient(home(tmp_path, 1, sensors=sensors), tmp_path))]
    finally:
        holder.kill()
        holder.wait()
        os.close(master)
        os.close(slave)
    told = {one.what.en: one for one in found}
    assert told[f"serial port {port} (sensors[0])"].mark is Mark.FAULT
    assert "in use by sleep" in told[f"serial port {port} (sensors[0])"].found.en
    assert told[f"serial port {port} (sensors[0])"].found.zh.endswith("占用；请停掉那个程序")
    assert told["serial port /dev/ttyUSB99 (sensors[1])"].found.en == "it is not there"
    assert told["Bluetooth (hci0)"].remedy.en == "sudo rfkill unblock bluetooth"


async def test_a_gateway_that_cannot_be_asked_is_not_accused_of_holding_what_is_its_own(tmp_path):
    """An installer without sudo must not be told to end or restart the gateway."""
    master, slave = pty.openpty()
    port = os.ttyname(slave)
    sensors = [{"kind": "pulse_oximeter_nonin", "id": "finger", "port": port}]
    written = Home.model_validate(home(tmp_path, 1, sensors=sensors))
    lock = tmp_path / LOCK_FILE
    lock.touch()
    script = f"exec 9<{lock}; flock 9; echo locked; exec sleep 60"
    holder = subprocess.Popen(["bash", "-c", script], stdin=slave, stdout=subprocess.PIPE)
    try:
        assert await asyncio.to_thread(holder.stdout.readline) == b"locked\n"
        silent = Patient(path="home.yaml", home=written, root=tmp_path, is_silent=True)
        found = [one async for one in hardware_findings(silent)]
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
        os.close(master)
        os.close(slave)
    told = {one.what.en: one for one in found}
    assert told["lock of the data"].mark is Mark.FINE
    assert told[f"serial port {port} (sensors[0])"].mark is Mark.UNPROVEN


SHOWN = """LoadState=loaded
ActiveState={active}
SubState=running
Result=success
NRestarts={restarts}
WatchdogUSec={dog}
UnitFileState={file}
"""


@pytest.mark.parametrize(
    ("shown", "marks"),
    [
        ({}, {"the gateway as a service": Mark.FINE}),
        ({"restarts": 9}, {"the gateway as a service": Mark.LOOK}),
        ({"active": "failed"}, {"the gateway as a service": Mark.FAULT}),
        ({"file": "disabled"}, {"the gateway as a service": Mark.FINE, "start at boot": Mark.FAULT}),
        ({"dog": "0"}, {"the gateway as a service": Mark.FINE, "watchdog": Mark.LOOK}),
    ],
)
def test_the_service_is_judged_by_what_systemd_says(tmp_path, monkeypatch, shown, marks):
    tool = tmp_path / "systemctl"
    text = SHOWN.format(**{"active": "active", "restarts": 0, "dog": "30s", "file": "enabled"} | shown)
    tool.write_text(f"#!/bin/sh\ncat <<'EOF'\n{text}EOF\n")
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = service_findings(patient(home(tmp_path, 1)))
    assert {one.what.en: one.mark for one in found} == marks
