"""Any bytes at every decoder: `./dev bench fuzz [--seconds 60] [--json FILE]`. Exits 1 on any failure.

A failure is an exception that is not DecodeError, a number that is not finite, an implausible value shown as good, or a
row without an answer. atheris (libFuzzer) looks for new paths where it is installed; else real values are changed at
random. What failed is printed with its bytes: put them into a test first.
"""

import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec
from _figures import Figure, options_of, report

from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity

ROOT = Path(__file__).resolve().parent.parent
HAS_ATHERIS = find_spec("atheris") is not None
IS_CHILD = "--child" in sys.argv
SHOWN = 20
"""More kinds of failure than this are counted, not told."""

if IS_CHILD:
    import atheris

# atheris sees the paths only of what is imported under its eyes.
with atheris.instrument_imports(include=["drivers"]) if IS_CHILD else nullcontext():
    from drivers.ble.codec.catalogue import CATALOGUE
    from drivers.ble.codec.quirks import QUIRKS
    from drivers.decode import Answer, answer, answer_line
    from drivers.serial import fall_radar_r60

sys.path.insert(0, str(ROOT / "tests"))
from fixtures.gatt_values import WHOLE  # noqa: E402 - the tests' own table


@dataclass(frozen=True, kw_only=True)
class Target:
    """One decoder and real input for it."""

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _characteristic(name: str) -> Target:
    def run(value: bytes) -> None:
        try:
            _, said = CATALOGUE[name].read(value)
        except DecodeError:
            return
        _check_said(said)
        _check_answer(answer({"characteristic": name, "hex": value[:512].hex()}))

    return Target(name=name, run=run, seeds=(bytes.fromhex(WHOLE[name]),))


def _quirks(value: bytes) -> None:
    for quirk in QUIRKS:
        quirk.is_shown_by(value)
        try:
            _check_said(CATALOGUE[f"{quirk.characteristic:04X}"].read(quirk.as_standard(value))[1])
        except DecodeError:
            continue


def _row(line: bytes) -> None:
    _check_answer(answer_line(line))


def _advert(data: bytes) -> None:
    given = {"adv_data_hex": data[:255].hex(), "address": "C0:FF:EE:00:00:01"}
    _check_answer(answer({"format": "any", "input": given}))


def _radar(frame: bytes) -> None:
    try:
        _check_said(fall_radar_r60.decode(frame))
    except DecodeError:
        return


def _check_said(said: list[Said]) -> None:
    for one in said:
        if isinstance(one, Sample) and not math.isfinite(one.value):
            raise AssertionError(f"not finite: {one}")


def _check_answer(found: Answer) -> None:
    msgspec.json.encode(found)
    if found.valid is not (found.reason is None):
        raise AssertionError(f"neither read nor refused: {found}")
    for one in found.readings:
        is_plausible = QUANTITIES[Quantity(one.quantity)].is_plausible(one.value)
        if (one.quality == "implausible") is is_plausible:
            raise AssertionError(f"marked wrongly: {one}")


_ROW = b'{"id":"a","format":"gatt","characteristic":"2A35","hex":"566a0047000000ea07080b121f00003f000000","quirk":null}'
TARGETS = (
    *(_characteristic(name) for name in CATALOGUE),
    Target(
        name="quirks",
        run=_quirks,
        seeds=(
            bytes.fromhex("566a0047000000ea07080b121f00003f000000"),
            bytes.fromhex("0226b20705040f0201ac018642"),
        ),
    ),
    Target(name="row of `shouwang decode`", run=_row, seeds=(_ROW,)),
    # BTHome v2 and Ruuvi 5 from their makers' documents
    Target(
        name="advert",
        run=_advert,
        seeds=(
            bytes.fromhex("020106 0b09 4449592d73656e736f72 0a16 d2fc 40 02 c409 03 bf13"),
            bytes.fromhex("1bff 9904 05 12fc 5394 c37c 0004 fffc 040c ac36 42 00cd cbb8334c884f"),
        ),
    ),
    Target(name="fall radar", run=_radar, seeds=(bytes.fromhex("5359830100010132 5443"),)),
)


class Failures:
    """What failed, each kind once: one target, one type, one line of code."""

    def __init__(self, file: Path) -> None:
        """Each is written to `file` at once, for a fuzzer may end this process at any time."""
        self._file = file
        self._seen: set[tuple[str, str, str]] = set()

    def one_input(self, data: bytes) -> None:
        """Give all but the first byte to the target that it names."""
        if not data:
            return
        target = TARGETS[data[0] % len(TARGETS)]
        try:
            target.run(data[1:])
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = (target.name, type(error).__name__, f"{place.filename}:{place.lineno}")
            if kind not in self._seen:
                self._seen.add(kind)
                self._write(kind, error, data[1:])

    def _write(self, kind: tuple[str, str, str], error: Exception, data: bytes) -> None:
        told = {"target": kind[0], "error": f"{kind[1]}: {error}"[:300], "place": kind[2], "hex": data[:512].hex()}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")


def _seeds() -> list[bytes]:
    return [bytes((number,)) + seed for number, target in enumerate(TARGETS) for seed in target.seeds]


def _by_atheris(seconds: int, folder: Path) -> int:
    """libFuzzer ends its process by itself, so it has one of its own; returns how many inputs it gave."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(_seeds()):
        (corpus / str(number)).write_bytes(seed)
    program = subprocess.run(
        [sys.executable, __file__, "--child", str(folder / "failures"), str(corpus), str(seconds)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path[1:]))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds + 120,
        check=False,
    )
    done = re.search(r"stat::number_of_executed_units:\s+(\d+)", program.stdout)
    if program.returncode != 0 or done is None:
        print(program.stdout[-4000:])
        raise SystemExit("the fuzzer broke")
    return int(done[1])


def _be_child() -> None:
    failures, corpus, seconds = sys.argv[2:5]
    options = [corpus, f"-max_total_time={seconds}", "-max_len=600", "-print_final_stats=1", "-timeout=10"]
    atheris.Setup([sys.argv[0], *options], Failures(Path(failures)).one_input)
    atheris.Fuzz()


def _by_chance(seconds: int, folder: Path, seed: int) -> int:
    """Real values with some bytes changed, cut or added; returns how many."""
    chance, failures, seeds = random.Random(seed), Failures(folder / "failures"), _seeds()
    done, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(1000):
            data = bytearray(chance.choice(seeds))
            for _ in range(chance.randrange(4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            if chance.random() < 0.3:
                del data[chance.randrange(1, len(data) + 1) :]
            if chance.random() < 0.3:
                data += chance.randbytes(chance.randrange(12))
            failures.one_input(bytes(data))
            done += 1
    return done


def main() -> int:
    """Print the table and the failures, write the JSON; 1 on any failure."""
    parser = options_of(__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long to try")
    parser.add_argument("--seed", type=int, default=None, help="of the changes at random (default: another each time)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if HAS_ATHERIS:
            how, done = "atheris", _by_atheris(options.seconds, folder)
        else:
            how, done = f"changes at random, seed {seed}", _by_chance(options.seconds, folder, seed)
        written = folder / "failures"
        lines = written.read_text(encoding="utf-8").splitlines() if written.exists() else []
    failed = [json.loads(line) for line in lines]
    figures = [
        Figure(name="decoders", value=len(TARGETS)),
        Figure(name=f"executions ({how})", value=done),
        Figure(name="executions a second", value=done / options.seconds, unit="/s"),
        Figure(name="kinds of failure", value=len(failed), target=0),
    ]
    for one in failed[:SHOWN]:
        print(f"{one['target']}: {one['error']} at {one['place']}\n    {one['hex']}")
    return report(figures, options.json, failures=failed)


if __name__ == "__main__":
    if IS_CHILD:
        _be_child()
    sys.exit(main())
