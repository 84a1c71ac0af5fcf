"""Percent-encoding of canonical requests: `ccfs.protocol.signature.percent_encode`, compared with `urllib.parse.quote`.

    scripts/bench signature [--json] [--rounds N]

Each round runs both for a tenth of a second on the same generated body, in turn. The best of all rounds counts, because other load on
the machine affects both. Prints ratios only.
"""

import argparse
import base64
import json
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from ccfs.protocol.signature import percent_encode

SIZES = {"200 B": 200, "200 KB": 200_000, "7 MB": 7_000_000}
RIVAL_EXPRESSION = "urllib.parse.quote(body, safe='-._~').encode()"


def encode_with_quote(body: bytes) -> bytes:
    return quote(body, safe="-._~").encode()


def iter_bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield kind and bytes of bodies of about `size` bytes, the same in every run."""
    generator = random.Random(size)
    upload = {
        "request": {"version": "2.0"},
        "msgBody": {"data": base64.b64encode(generator.randbytes(size * 3 // 4 - 45)).decode()},
    }
    yield "base64 in JSON", json.dumps(upload).encode()
    call = {"callId": "1530240169-7", "begin": "2018-06-29 10:42:49", "url": "https://cb.example.com:8000/x?y=1"}
    yield "pretty-printed JSON", json.dumps([call] * (size // 130 + 1), indent=2).encode()[:size]
    characters = "".join(chr(generator.randrange(0x4E00, 0x9FA5)) for _ in range(size // 3 + 1))
    sentences = [{"text": characters[at : at + 40]} for at in range(0, len(characters), 40)]
    yield "Chinese in JSON", json.dumps(sentences, ensure_ascii=False).encode()[:size]
    yield "random bytes", generator.randbytes(size)


def measure_seconds(encode: Callable[[bytes], bytes], body: bytes) -> float:
    """Return the best time of a call within a tenth of a second. Short calls are timed in batches, for the clock's resolution."""
    batch = max(1, 100_000 // len(body))
    end, best = time.perf_counter() + 0.1, float("inf")
    while (begin := time.perf_counter()) < end:
        for _ in range(batch):
            encode(body)
        best = min(best, (time.perf_counter() - begin) / batch)
    return best


def measure_ratio(body: bytes, rounds: int) -> float:
    if percent_encode(body) != encode_with_quote(body):
        raise SystemExit("the results differ")
    pairs = [(measure_seconds(encode_with_quote, body), measure_seconds(percent_encode, body)) for _ in range(rounds)]
    return round(min(theirs for theirs, _ in pairs) / min(ours for _, ours in pairs), 1)


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Return kind of body -> size -> how many times faster."""
    ratios: dict[str, dict[str, float]] = {}
    for label, size in SIZES.items():
        for kind, body in iter_bodies(size):
            print(f"{kind}, {label}", file=sys.stderr)
            ratios.setdefault(kind, {})[label] = measure_ratio(body, rounds)
    return ratios


def format_table(ratios: dict[str, dict[str, float]]) -> str:
    head = f"{'body':20}" + "".join(f"{label:>9}" for label in SIZES)
    rows = [f"{kind:20}" + "".join(f"{by_size[label]:>8}x" for label in SIZES) for kind, by_size in ratios.items()]
    return "\n".join([f"times faster than {RIVAL_EXPRESSION}", head, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    ratios = measure(options.rounds)
    report: dict[str, Any] = {"rival": RIVAL_EXPRESSION, "python": platform.python_version(), "times_faster": ratios}
    print(json.dumps(report) if options.json else format_table(ratios))


if __name__ == "__main__":
    main()
