"""Domains of one FreeSWITCH: propose tenant rules that assign each domain to an account."""

from pathlib import Path

from ccfs.ingest.check.recognition.file_kinds import FileKind
from ccfs.ingest.check.recognition.survey import Survey
from ccfs.model.identity.tenancy import is_account_id
from ccfs.switches.tenant_rules import TenantRules, parse_rules

PROPOSED_FILE = Path("tenants.csv")


def list_domains(survey: Survey) -> list[str]:
    """Return the domains that the CDRs name, in order."""
    named = {name for file in survey.list_kind(FileKind.FREESWITCH_CDR) for name in file.found.domains}
    return sorted(named | survey.table_domains)


def propose_lines(domains: list[str]) -> list[str]:
    """Return the lines of a tenant rules file. The first part of each domain becomes the name of its account."""
    lines, used = ["fact,value,app,account,vdn"], set[str]()
    for number, domain in enumerate(domains, 1):
        name = domain.partition(".")[0][:20]
        account = name if is_account_id(name) and name not in used else f"tenant{number}"
        used.add(account)
        lines.append(f"domain,{domain},,{account},{number}")
    return lines


def propose_rules(survey: Survey) -> tuple[Path, TenantRules] | None:
    """Return rules for the domains, with the name of their file; None if the CDRs name fewer than two."""
    domains = list_domains(survey)
    return (PROPOSED_FILE, parse_rules("\n".join(propose_lines(domains)))) if len(domains) > 1 else None
