"""How many times faster `ccfs.protocol.signature.normalize` is than `urllib.parse.quote`; ratios only, on bodies made here.

    PYTHONPATH=src python bench/canonical.py [--json] [--rounds N]

Both make the percent-encoded bytes of a canonical request. Each round gives each of them a
tenth of a second on the same body, in turn, and the best of all rounds counts: what else the machine does hits both.
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


def normalize_with_quote(body: bytes) -> bytes:
    return quote(body, safe="-._~").encode()


def iter_bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Kind and bytes, about `size` of them; the same in every run."""
    chance = random.Random(size)
    upload = {
        "request": {"version": "2.0"},
        "msgBody": {"data": base64.b64encode(chance.randbytes(size * 3 // 4 - 45)).decode()},
    }
    yield "base64 in JSON", json.dumps(upload).encode()
    call = {"callId": "1530240169-7", "begin": "2018-06-29 10:42:49", "url": "https://cb.example.com:8000/x?y=1"}
    yield "pretty-printed JSON", json.dumps([call] * (size // 130 + 1), indent=2).encode()[:size]
    characters = "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(size // 3 + 1))
    sentences = [{"text": characters[at : at + 40]} for at in range(0, len(characters), 40)]
    yield "Chinese in JSON", json.dumps(sentences, ensure_ascii=False).encode()[:size]
    yield "random bytes", chance.randbytes(size)


def measure_seconds(encode: Callable[[bytes], bytes], body: bytes) -> float:
    """Of one call, the best within a tenth of a second; short calls are timed in batches, above the clock's grain."""
    batch = max(1, 100_000 // len(body))
    end, best = time.perf_counter() + 0.1, float("inf")
    while (begin := time.perf_counter()) < end:
        for _ in range(batch):
            encode(body)
        best = min(best, (time.perf_counter() - begin) / batch)
    return best


def measure_ratio(body: bytes, rounds: int) -> float:
    if percent_encode(body) != normalize_with_quote(body):
        raise SystemExit("the two differ: nothing to compare")
    pairs = [
        (measure_seconds(normalize_with_quote, body), measure_seconds(percent_encode, body)) for _ in range(rounds)
    ]
    return round(min(theirs for theirs, _ in pairs) / min(ours for _, ours in pairs), 1)


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Kind of body -> size -> how many times faster."""
    found: dict[str, dict[str, float]] = {}
    for label, size in SIZES.items():
        for kind, body in iter_bodies(size):
            print(f"{kind}, {label}", file=sys.stderr)
            found.setdefault(kind, {})[label] = measure_ratio(body, rounds)
    return found


def format_table(found: dict[str, dict[str, float]]) -> str:
    head = f"{'body':20}" + "".join(f"{label:>9}" for label in SIZES)
    rows = [f"{kind:20}" + "".join(f"{one[label]:>8}x" for label in SIZES) for kind, one in found.items()]
    return "\n".join([f"times as fast as {RIVAL_EXPRESSION}", head, *rows])


def main() -> None:
    asked = argparse.ArgumentParser(description="normalize against urllib.parse.quote, ratios only")
    asked.add_argument("--json", action="store_true", help="one JSON object on stdout")
    asked.add_argument("--rounds", type=int, default=7, help="best of so many (default 7)")
    given = asked.parse_args()
    found = measure(given.rounds)
    report: dict[str, Any] = {"rival": RIVAL_EXPRESSION, "python": platform.python_version(), "times_as_fast": found}
    print(json.dumps(report) if given.json else format_table(found))


if __name__ == "__main__":
    main()
