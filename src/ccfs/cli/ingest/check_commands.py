"""The commands to paste after a check: app, account, and the ingest itself."""

import shlex
from collections.abc import Mapping, Sequence
from itertools import count, zip_longest
from pathlib import Path

from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.recognition.tables import CheckedTable
from ccfs.ingest.check.report.types import CheckReport, SwitchReport

_ACCOUNT = "acme"
_MAX_OLDER = 3  # rotated files with a command each; more have a loop
_MAX_CDRS = 5
_MAX_ACCOUNTS = 10


def list_commands(report: CheckReport, given: Mapping[str, str]) -> list[str]:
    """Return the lines to paste; `given` are the options of the check that ingest needs, too."""
    lines = ['ccfs app add "My company"    # prints the AK: put it in the place of AK below']
    switches = [switch for switch in report.switches if switch.totals.calls]
    used = {owner.vdn_id for switch in switches if _has_own_vdns(switch) for owner in switch.owners}
    free = (number for number in count(1) if number not in used)
    for switch in switches:
        if switch.kind is SwitchKind.CCFS:
            lines += _list_ccfs(switch)
        else:
            lines += _list_switch(switch, 0 if switch.tenants_file else next(free), given)
    return lines


def _has_own_vdns(switch: SwitchReport) -> bool:
    """Return whether files name the VDNs."""
    return switch.kind is SwitchKind.CCFS or switch.tenants_file is not None


def _list_switch(switch: SwitchReport, vdn: int, given: Mapping[str, str]) -> list[str]:
    owner = f"--app AK --account {_ACCOUNT} --vdn {vdn}"
    accounts = [f"ccfs account add {owner} --zone {switch.owners[0].zone}"]
    if switch.tenants_file:
        owner, accounts = f"--app AK --tenants {_quote(switch.tenants_file)}", _list_accounts(switch)
    options = [f"{name} {shlex.quote(value)}" for name, value in given.items() if _is_known(switch.kind, name)]
    start = f"ccfs ingest {switch.kind} {owner}"
    lines = accounts + _list_older(switch, start, options)
    for number, cdr in enumerate(switch.cdrs[:_MAX_CDRS]):
        parts = [start, f"--cdr {_quote(cdr)}"]
        if not number:
            parts += _list_logs(switch.queue_log, switch.cel)
        is_last = number == len(switch.cdrs[:_MAX_CDRS]) - 1
        folders = [f"--recordings {_quote(folder)}" for folder in switch.recordings] if is_last else []
        lines += _join([*parts, *folders, *options])
    if len(switch.cdrs) > _MAX_CDRS:
        lines.append(f"# and so on: there are {len(switch.cdrs)} CDR files; it is simpler to move them into a folder")
    return lines


def _is_known(kind: SwitchKind, option: str) -> bool:
    return kind is SwitchKind.ASTERISK or option != "--encoding"


def _list_older(switch: SwitchReport, start: str, options: Sequence[str]) -> list[str]:
    """Return commands for rotated files, oldest first."""
    files = list(zip_longest(switch.older_cdrs, switch.older_queue_logs, switch.older_cels))
    if not files:
        return []
    lines = ["# once, for the older files:"]
    if len(files) > _MAX_OLDER:
        current = f"--cdr {_quote(switch.cdrs[0])}"
        lines += _build_loop("--cdr", switch.older_cdrs, start, options)
        lines += _build_loop(f"{current} --queue-log", switch.older_queue_logs, start, options)
        lines += _build_loop(f"{current} --cel", switch.older_cels, start, options)
    else:
        for cdr, queue_log, cel in files:
            parts = [start, f"--cdr {_quote(cdr or switch.cdrs[0])}", *_list_logs(queue_log, cel)]
            lines += _join([*parts, *options])
    return [*lines, "# then, and from now on:"]


def _list_logs(queue_log: Path | CheckedTable | None, cel: Path | None) -> list[str]:
    logs = (("--queue-log", queue_log), ("--cel", cel))
    return [f"{option} {_quote(log)}" for option, log in logs if log]


def _build_loop(option: str, files: Sequence[Path], start: str, options: Sequence[str]) -> list[str]:
    if not files:
        return []
    names, more = " ".join(map(_quote, files)), "".join(f" {given}" for given in options)
    return [f"for file in {names}; do", f'    {start} {option} "$file"{more}', "done"]


def _list_ccfs(switch: SwitchReport) -> list[str]:
    lines, command = _list_accounts(switch), ["ccfs ingest ccfs --app AK", *map(_quote, switch.cdrs)]
    trees = [f"--recordings {_quote(folder)}" for folder in switch.recordings]
    for chosen in [[tree] for tree in trees] or [[]]:  # each run reads one
        lines += _join([*command, *chosen])
    return lines


def _list_accounts(switch: SwitchReport) -> list[str]:
    lines = [
        f"ccfs account add --app {shlex.quote(owner.ak)} --account {shlex.quote(owner.account_id)} --vdn {owner.vdn_id}"
        f" --zone {owner.zone}"
        for owner in switch.owners[:_MAX_ACCOUNTS]
    ]
    more = [f"# and so on: there are {len(switch.owners)} accounts and VDNs"]
    return lines + (more if len(switch.owners) > _MAX_ACCOUNTS else [])


def _quote(path: Path | CheckedTable) -> str:
    return shlex.quote(str(path))


def _join(parts: Sequence[str]) -> list[str]:
    """Return a command, one option a line if it is long."""
    if len(" ".join(parts)) <= 100:
        return [" ".join(parts)]
    return [
        part if not number else f"    {part}" for number, part in enumerate(f"{part} \\" for part in parts[:-1])
    ] + [f"    {parts[-1]}"]
