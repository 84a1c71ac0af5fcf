"""Runs parsers of outside input on mutated examples: no undocumented exception, no slow input, no large memory.

    python -m tests.soak.fuzz [--runs N] [--seed N] [--seconds N] [TARGET...]

Prints a line for each parser, and each harmful input as Python bytes; exits with 1 if one was found. The same seed gives the same
inputs. Inputs that once did harm belong into tests/soak/fuzz_found.py: they are tried first, by scripts/test, too.
"""

import argparse
import random
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.soak.fuzz_found import FOUND
from tests.soak.fuzz_targets import TARGETS, FuzzTarget

MAX_BYTES = 20_000
SLOW_SECONDS = 0.5  # of CPU time for one input
MAX_GROWTH_MB = 300
PIECES = (
    b"\0", b"\r\n", b"\n", b'"', b"'", b",", b";", b"/", b"\\", b"{", b"[", b"<", b"</", b">", b"&", b"=", b"%", b"%00", b"-", b"+", b".",
    b" ", b"\t", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\xb2", b"\xd9\xa1", b"\xe2\x80\xae", b"1e400", b"NaN", b"-1", b"0" * 30,
    b"9" * 25, b"4294967295", b"9999-12-31 23:59:59", b"0001-01-01 00:00:00", b"null", b"true", b"\\ud800", b"<![CDATA[", b"&a;", b"]]>",
)  # fmt: skip


@dataclass(kw_only=True)
class FuzzResult:
    """What a parser did."""

    runs: int = 0
    rejected: int = 0  # documented exceptions
    slowest_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def iter_inputs(target: FuzzTarget, seed: int) -> Iterator[bytes]:
    """Yield inputs that did harm before, the examples, and mutations of them without end."""
    generator, seeds = random.Random(f"{seed} {target.name}"), list(target.seeds)
    assert seeds, target.name
    yield from FOUND.get(target.name, ())
    yield from seeds
    while True:
        data = bytearray(generator.choice(seeds))
        for _ in range(generator.choice((1, 1, 2, 3, 8, 20))):
            _mutate(data, generator, seeds)
        yield bytes(data[:MAX_BYTES])


def _mutate(data: bytearray, generator: random.Random, seeds: list[bytes]) -> None:
    """Change a place: flip, delete, repeat, insert, splice."""
    at, length = generator.randint(0, len(data)), generator.choice((1, 1, 2, 4, 16, 64))
    match generator.randrange(8):
        case 0 if data:
            data[at % len(data)] = generator.randrange(256)
        case 1 if data:
            data[at % len(data)] ^= 1 << generator.randrange(8)
        case 2:
            del data[at : at + length]
        case 3:
            data[at:at] = data[at : at + length] * generator.choice((1, 2, 50))
        case 4:
            data[at:at] = generator.choice(PIECES) * generator.choice((1, 1, 2, 200))
        case 5:
            data[at : at + length] = generator.choice(PIECES)
        case 6:
            other = generator.choice(seeds)
            start = generator.randint(0, len(other))
            data[at:] = other[start:]
        case _:
            data[at:at] = generator.randbytes(length)


def fuzz(target: FuzzTarget, runs: int, seed: int, seconds: float = float("inf"), max_faults: int = 3) -> FuzzResult:
    """Run a parser so often, or for so long."""
    result, end = FuzzResult(), time.monotonic() + seconds
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in iter_inputs(target, seed):
        if result.runs >= runs or time.monotonic() > end or len(result.faults) >= max_faults:
            break
        _run_once(target, data, result)
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    if growth > MAX_GROWTH_MB:
        result.faults.append(f"memory grew by {growth} MB")
    return result


def _run_once(target: FuzzTarget, data: bytes, result: FuzzResult) -> None:
    began = time.thread_time()
    try:
        target.parse(data)
    except target.allowed:
        result.rejected += 1
    except Exception as error:  # noqa: BLE001  what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        result.faults.append(f"{error!r:.200} at {place.filename}:{place.lineno} for {data!r}")
    taken = time.thread_time() - began
    result.runs += 1
    result.slowest_seconds = max(result.slowest_seconds, taken)
    if taken > SLOW_SECONDS:
        result.faults.append(f"took {taken:.2f} s for {data!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="longest time of a parser")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    faults = 0
    for target in TARGETS:
        if options.targets and target.name not in options.targets:
            continue
        result = fuzz(target, options.runs, options.seed, options.seconds)
        faults += len(result.faults)
        slowest = result.slowest_seconds * 1000
        print(
            f"{target.name:24} {result.runs:9} runs, {result.rejected:9} rejected, slowest {slowest:6.1f} ms",
            flush=True,
        )
        for fault in result.faults:
            print(f"  FAULT {fault}", flush=True)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
