"""A switch of two tenants: the account "acme" of the site's app, and "other" of another app; their lines and rules."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.model.identity.tenancy import Account, Vdn
from ccfs.server.node import utc_now
from tests.cli.command import run_ccfs
from tests.ingest.ingest_site import AK, IngestSite
from tests.switches.freeswitch.channels import make_variables

OTHER_AK = "AKother002"
ACME_CALL, OTHER_CALL, THIRD_CALL = (f"e2e2e2e2-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
ACME_RULE = "domain,acme.example.com,,acme,17\n"
OTHER_RULE = f"domain,other.*,{OTHER_AK},other,18\n"
NO_WAIT = {"CCFS_SETTLE_SECONDS": "0"}


def add_other_app(site: IngestSite) -> None:
    """Add a second app with the account "other"."""
    with site.node.database.write_transaction() as connection:
        app = tenants.add_app(connection, "other", OTHER_AK, utc_now())
        tenants.add_key(connection, app, OTHER_AK, "the-secret-of-other-00000", site.node.secret_box, utc_now())
        account = Account(account_id="other", zone=site.zone)
        tenants.add_account(connection, app, account, Vdn(vdn_id=18, cc_id=2, account_id="other"), utc_now())


def add_account(site: IngestSite, account_id: str, vdn_id: int) -> None:
    """Add an account to the site's app."""
    with site.node.database.write_transaction() as connection:
        app, account = tenants.get_app_by_ak(connection, AK), Account(account_id=account_id, zone=site.zone)
        tenants.add_account(connection, app, account, Vdn(vdn_id=vdn_id, cc_id=1, account_id=account_id), utc_now())


def write_rules(site: IngestSite, rules: str) -> Path:
    """Write the file of rules, unless it has them."""
    file = site.switch_folder.parent / "tenants.csv"
    if not file.exists() or file.read_text() != rules:
        file.write_text(rules)
    return file


def run_with_rules(site: IngestSite, switch: str, rules: str, cdr: Path, *arguments: object) -> Any:
    """Return the result of one pass with these rules."""
    owner = ["--app", AK, "--tenants", write_rules(site, rules)]
    options = ["--cdr", cdr, "--recordings", site.recordings_folder, "--json", *arguments]
    return run_ccfs("ingest", switch, *owner, *options, settings={**site.environment, **NO_WAIT}).json


def write_channel(site: IngestSite, name: str, uuid: str, **variables: str) -> Path:
    """Write the document of a channel; return its folder."""
    text = json.dumps({"variables": make_variables(uuid, **{"destination_number": "101", **variables})})
    return site.write_file(f"cdr/{name}.cdr.json", text).parent


def build_line(
    call: str,
    *,
    leg: str = "",
    context: str = "from-trunk",
    accountcode: str = "",
    dialled: str = "600",
    queue: str = "",
    agent: str = "1001",
    sequence: Any = 1,
    recording: str = "",
) -> str:
    """Return a line of cdr-csv: a call from outside, on which an agent's phone rings, or which waits in a queue."""
    app = ["Queue", queue] if queue else ["Dial", f"PJSIP/{agent}"]
    fields = [accountcode, "02079460123", dialled, context, "02079460123", f"PJSIP/trunk-{sequence:08x}"]
    fields += [f"PJSIP/{agent}-{sequence:08x}" if agent else "", *app]
    fields += ["2024-01-15 09:30:42", "2024-01-15 09:30:50", "2024-01-15 09:32:00", "78", "70", "ANSWERED", ""]
    fields += [leg or call, recording, "", call, str(sequence)]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
    return text.getvalue()


def read_calls(site: IngestSite) -> list[Any]:
    """Return (account, VDN, leg, agent) of each row."""
    return sorted(site.read_rows(schema.cdrs, "account_id", "vdn_id", "switch_leg_id", "agent_id"))


def read_owners(site: IngestSite) -> dict[str, str]:
    """Return the account of each leg."""
    return dict(site.read_rows(schema.cdrs, "switch_leg_id", "account_id"))


def list_reasons(result: Any) -> list[tuple[str, int, str]]:
    """Return (file name, line, reason) of what a pass rejected."""
    return sorted((Path(row["file"]).name, row["line"], row["reason"]) for row in result["refused"])
