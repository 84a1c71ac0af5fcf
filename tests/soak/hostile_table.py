"""Tries every attack on a real server and prints a table: what happened, how long it took, and what others noticed.

    python -m tests.soak.hostile_table [--quick] [NAME...]

An honest client downloads a recording again and again meanwhile: its longest wait and its errors are the last columns. Exits with
1 if an attack did harm. Names select attacks that contain one of them.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cli.command import ROOT
from tests.soak.attacks import api_rows, console_rows, http_rows, known_rows, media_rows
from tests.soak.attacks.site import Attack, AttackSite, Cost, measure_attack, run_attack_site

NEW_ATTACKS: tuple[Attack, ...] = (*http_rows.ATTACKS, *api_rows.ATTACKS, *console_rows.ATTACKS, *media_rows.ATTACKS)
MAX_GROWTH_MB = 300
MAX_WAIT_MS = 10_000.0  # of the honest client, on a machine that the attackers keep busy


def find_harm(cost: Cost) -> str:
    """Return what an attack did to others, empty if nothing."""
    if cost.honest_errors:
        return f"honest errors: {dict(cost.honest_errors)}"
    if cost.growth_mb > MAX_GROWTH_MB:
        return f"memory grew by {cost.growth_mb} MB"
    return f"waited {cost.longest_wait_ms:.0f} ms" if cost.longest_wait_ms > MAX_WAIT_MS else ""


def format_row(label: str, before: str, cost: Cost) -> str:
    """Return a row of the table."""
    return (
        f"| {label} | {before} | {cost.outcome} | {cost.seconds:.1f} s | +{cost.growth_mb} MB "
        f"| {cost.longest_wait_ms:.0f} ms of {len(cost.honest_seconds)} |"
    )


def run_tests(files: tuple[str, ...]) -> str:
    """Run the test files that try an attack on sites of their own; return their summary. Raise AssertionError if one fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    result = subprocess.run(command, check=False, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout[-3000:]
    return result.stdout.strip().splitlines()[-1]


def _try_one(site: AttackSite, attack: Attack, label: str, before: str) -> bool:
    try:
        cost = measure_attack(site, attack)
    except AssertionError as error:
        print(f"| {label} | {before} | HARM: {error} | | | |", flush=True)
        return False
    print(format_row(label, before, cost) + (f" HARM: {harm}" if (harm := find_harm(cost)) else ""), flush=True)
    return not harm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    is_harmless = True
    with tempfile.TemporaryDirectory() as folder, run_attack_site(Path(folder), is_quick=options.quick) as site:
        for known in known_rows.KNOWN:
            label = f"{known.number} {known.name}"
            if options.names and not any(name in label for name in options.names):
                continue
            if known.run is not None:
                attack = Attack(name=known.name, run=known.run)
                is_harmless &= _try_one(site, attack, label, known.before)
            else:
                print(f"| {label} | {known.before} | {run_tests(known.tests)} | | | |", flush=True)
        for attack in NEW_ATTACKS:
            if not options.names or any(name in attack.name for name in options.names):
                is_harmless &= _try_one(site, attack, attack.name, "")
    sys.exit(not is_harmless)


if __name__ == "__main__":
    main()
