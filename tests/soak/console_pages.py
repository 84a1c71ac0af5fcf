"""Addresses of every page of the console, for tests that open them all: the route table says which pages exist.

A new page with query parameters needs a row in `build_addresses`; without one it fails, since it does not open.
"""

from datetime import timedelta
from urllib.parse import urlencode

from ccfs.console.routes import ROUTES
from ccfs.server.node import utc_now
from tests.console.demo_site import LONDON
from tests.console.jobs.job_site import KNOWN_RECORDING, ZONE, JobSite
from tests.soak.console_objects import MadeByUser

NO_PAGES = {  # redirects, files, parts of pages, and what needs a provider
    *("/console", "/console/", "/console/resume"),
    *("/console/audio", "/console/waveform", "/console/download", "/console/calls/csv", "/console/calls/suggest"),
    *("/console/audit/csv", "/console/audit/jsonl", "/console/statistics/csv", "/console/bulk-download/zip"),
    *("/console/evaluations/csv", "/console/guest/audio"),
    *("/console/oidc", "/console/oidc/callback", "/console/oidc/logout"),
}


def list_page_paths(*, is_public: bool) -> list[str]:
    """Return the paths of all pages, of those for strangers or of the others."""
    routes = (route for route in ROUTES if route.method == "GET" and route.is_public == is_public)
    return [route.path for route in routes if route.path not in NO_PAGES]


def build_addresses(site: JobSite, setup_token: str, made: MadeByUser) -> dict[str, list[str]]:
    """Return the addresses of pages that need parameters, by path: with data and without any."""
    account, app = {"account": site.demo.build_account_param(LONDON)}, {"app": site.demo.app.ak}
    day = f"{utc_now().astimezone(ZONE).date() - timedelta(days=1):%Y-%m-%d}"
    ((export, receiver),) = site.demo.query("SELECT export, receiver FROM deliveries")
    call = {"id": site.call.call_id, "agent": site.call.agent_id}
    queries: dict[str, list[dict[str, str]]] = {
        "/console/setup": [{"link": setup_token}, {"link": "x"}],
        "/console/calls": [account | {"period": "7"}, account | {"caller": "1"}, account | {"min_talk": "?"}],
        "/console/call": [account | {"id": site.call.call_id}, account | {"id": site.unrecorded_call}],
        "/console/annotations": [account, account | {"q": "nothing"}],
        "/console/statistics": [account | {"period": "7"}, account | {"from": "2001-01-01", "to": "2001-01-02"}],
        "/console/missing-recordings": [account, account | {"state": "awaited"}],
        "/console/agent": [account | {"agent": site.call.agent_id, "day": day}, account | {"agent": "x", "day": day}],
        "/console/team": [account | {"day": day}, account | {"day": "2001-01-01"}],
        "/console/wallboard": [account],
        "/console/reports": [account],
        "/console/app": [app],
        "/console/export": [app | {"id": export}],
        "/console/exports": [app, app | {"condition": "failed"}],
        "/console/callbacks": [app],
        "/console/callbacks/retry": [app | {"receiver": receiver}],
        "/console/bulk-download": [account | {"id": made.bulk_download}],
        "/console/saved-searches": [account],
        "/console/links": [account],
        "/console/links/new": [account | {"id": site.call.call_id, "recording": KNOWN_RECORDING}],
        "/console/guest": [{"link": made.guest_link}, {"link": "x"}],
        "/console/evaluations": [account, account | {"agent": "x"}],
        "/console/evaluation": [account | {"id": number} for number in (made.evaluation, made.draft)],
        "/console/evaluation-forms": [account],
        "/console/evaluation-form": [account | {"id": made.form}],
        "/console/evaluation-form/edit": [account, account | {"id": made.form}],
        "/console/to-score": [account],
        "/console/sampling-rules": [account],
        "/console/calibrations": [account],
        "/console/calibration/new": [account | call | {"form": made.form}],
        "/console/calibration": [account | {"id": made.calibration}],
        "/console/my-evaluations": [account],
        "/console/my-evaluation": [account | {"id": made.evaluation}],
        "/console/audit": [{}, {"actor": "nobody"}],
        "/console/settings": [{}, {"q": "no such setting"}],
    }
    return {path: [f"{path}?{urlencode(query)}".rstrip("?") for query in some] for path, some in queries.items()}
