"""Requests of every route of the console for something foreign."""

from collections.abc import Callable

from tests.console.call_centre_data import CallCentreData
from tests.console.quality.foreign_requests import QUALITY_REQUESTS, build_account_fields

RouteKey = tuple[str, str]
FormFields = dict[str, str]
OWN_DATA_ONLY = "the user's own: it names nothing of others"
RESPONSE_ID = "b" * 32  # of bolt's export
SAVED_SEARCH_ACTIONS = ("save", "share", "rename", "rename-shared", "delete", "unshare", "start")
LIST_FORMS = ("calls/columns", *(f"saved-searches/{action}" for action in SAVED_SEARCH_ACTIONS))


def build_app_fields(call_centre: CallCentreData, **more: str) -> FormFields:
    return {"app": call_centre.bolt.ak, **more}


# A request of each route for something foreign; a text says why a route has none. A test fails for a route without an entry.
FOREIGN_REQUESTS: dict[RouteKey, str | Callable[[CallCentreData], FormFields]] = {
    ("GET", "/console"): OWN_DATA_ONLY,
    ("GET", "/console/"): OWN_DATA_ONLY,
    ("GET", "/console/calls"): build_account_fields,
    ("GET", "/console/call"): lambda call_centre: build_account_fields(call_centre) | {"id": "1700000000-1"},
    ("GET", "/console/audio"): lambda call_centre: (
        build_account_fields(call_centre) | {"name": call_centre.other_app_recording.file_name}
    ),
    ("GET", "/console/download"): lambda call_centre: (
        build_account_fields(call_centre) | {"name": call_centre.other_app_recording.file_name}
    ),
    ("GET", "/console/statistics"): build_account_fields,
    ("GET", "/console/statistics/csv"): build_account_fields,
    ("GET", "/console/agent"): lambda call_centre: build_account_fields(call_centre) | {"agent": "512"},
    ("GET", "/console/team"): build_account_fields,
    ("GET", "/console/wallboard"): build_account_fields,
    ("GET", "/console/reports"): build_account_fields,
    ("POST", "/console/reports"): lambda call_centre: (
        build_account_fields(call_centre) | {"frequency": "daily", "format": "csv"}
    ),
    ("GET", "/console/saved-searches"): build_account_fields,
    **{("POST", f"/console/{path}"): build_account_fields for path in LIST_FORMS},
    ("POST", "/console/reports/delete"): lambda call_centre: build_account_fields(call_centre) | {"id": "d" * 32},
    ("POST", "/console/apps/targets"): lambda call_centre: (
        build_account_fields(call_centre) | {"service_level": "30", "after_call": "30"}
    ),
    ("GET", "/console/waveform"): lambda call_centre: (
        build_account_fields(call_centre) | {"name": call_centre.other_app_recording.file_name}
    ),
    ("POST", "/console/annotation"): lambda call_centre: (
        build_account_fields(call_centre)
        | {"name": call_centre.other_app_recording.file_name, "offset": "1", "text": "x"}
    ),
    ("GET", "/console/annotations"): build_account_fields,
    ("POST", "/console/annotation/change"): lambda call_centre: (
        build_account_fields(call_centre)
        | {"name": call_centre.other_app_recording.file_name, "annotation": "1", "offset": "1", "text": "x"}
    ),
    ("POST", "/console/annotation/delete"): lambda call_centre: (
        build_account_fields(call_centre) | {"name": call_centre.other_app_recording.file_name, "annotation": "1"}
    ),
    ("GET", "/console/calls/csv"): build_account_fields,
    ("GET", "/console/calls/suggest"): lambda call_centre: build_account_fields(call_centre) | {"q": "0777"},
    ("GET", "/console/bulk-downloads"): "lists the user's own; test_access_matrix tries the permission",
    ("POST", "/console/bulk-downloads"): lambda call_centre: (
        build_account_fields(call_centre) | {"call.1700000000-1": "on"}
    ),
    ("GET", "/console/bulk-download"): lambda call_centre: build_account_fields(call_centre) | {"id": "c" * 32},
    ("POST", "/console/bulk-download"): lambda call_centre: build_account_fields(call_centre) | {"id": "c" * 32},
    ("GET", "/console/bulk-download/zip"): lambda call_centre: build_account_fields(call_centre) | {"id": "c" * 32},
    **QUALITY_REQUESTS,
    ("POST", "/console/logout"): OWN_DATA_ONLY,
    ("GET", "/console/exports"): build_app_fields,
    ("GET", "/console/export"): lambda call_centre: build_app_fields(call_centre, id=RESPONSE_ID),
    ("POST", "/console/export"): lambda call_centre: build_app_fields(call_centre, id=RESPONSE_ID),
    ("GET", "/console/callbacks"): build_app_fields,
    ("GET", "/console/callbacks/retry"): lambda call_centre: build_app_fields(
        call_centre, receiver="http://127.0.0.1:9"
    ),
    ("POST", "/console/callbacks/retry"): lambda call_centre: build_app_fields(
        call_centre, receiver="http://127.0.0.1:9"
    ),
    ("GET", "/console/status"): lambda call_centre: {},
    ("GET", "/console/missing-recordings"): build_account_fields,
    ("GET", "/console/ingest"): lambda call_centre: {},
    ("POST", "/console/ingest/reread"): lambda call_centre: build_app_fields(call_centre, file="/x"),
    ("GET", "/console/apps"): "lists what the user administers; test_access_matrix tries the permission",
    ("POST", "/console/apps/add"): lambda call_centre: {"name": "mine"},
    ("POST", "/console/apps/account"): lambda call_centre: build_app_fields(
        call_centre, account="new", vdn="99", zone="Asia/Shanghai"
    ),
    ("POST", "/console/apps/key"): build_app_fields,
    ("POST", "/console/apps/revoke"): lambda call_centre: build_app_fields(call_centre, key="2"),
    ("POST", "/console/apps/revoke-older"): lambda call_centre: build_app_fields(
        call_centre, than="2", confirmed="yes"
    ),
    ("POST", "/console/apps/limits"): lambda call_centre: build_app_fields(call_centre, queued_exports="7"),
    ("GET", "/console/app"): build_app_fields,
    ("POST", "/console/app/rename"): lambda call_centre: build_app_fields(call_centre, name="mine"),
    ("POST", "/console/app/zone"): lambda call_centre: build_app_fields(
        call_centre, account="bolt-account", zone="UTC"
    ),
    ("POST", "/console/app/vdn"): lambda call_centre: build_app_fields(
        call_centre, account="bolt-account", vdn="8", old_cc="1", cc="2"
    ),
    ("POST", "/console/app/key"): lambda call_centre: build_app_fields(call_centre, key="2", name="mine"),
    ("POST", "/console/app/callback"): lambda call_centre: build_app_fields(
        call_centre, prefix="https://evil.example/"
    ),
    ("POST", "/console/app/callback/remove"): lambda call_centre: build_app_fields(
        call_centre, prefix="http://127.0.0.1:9/"
    ),
    ("GET", "/console/links"): build_account_fields,
    ("POST", "/console/links"): lambda call_centre: build_account_fields(call_centre) | {"id": "1700000000-1"},
    ("GET", "/console/links/new"): lambda call_centre: build_account_fields(call_centre) | {"id": "1700000000-1"},
    ("POST", "/console/links/switch"): lambda call_centre: build_account_fields(call_centre) | {"state": "on"},
    ("POST", "/console/links/revoke"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("GET", "/console/users"): lambda call_centre: {},
    ("POST", "/console/users/add"): lambda call_centre: {"name": "eve", "role": "operator", "scope": ""},
    ("POST", "/console/users/grant"): lambda call_centre: {"user": "lucy", "role": "operator", "scope": ""},
    ("POST", "/console/users/revoke"): lambda call_centre: {"user": "basil", "grant": "0"},
    ("POST", "/console/users/disable"): lambda call_centre: {"user": "basil"},
    ("POST", "/console/users/sessions"): lambda call_centre: {"user": "olga"},
    ("POST", "/console/account/sessions"): OWN_DATA_ONLY,
    ("POST", "/console/settings/certificates/import"): lambda call_centre: {"store_password": "x"},
    ("POST", "/console/cluster/node/remove"): lambda call_centre: {"node": "0"},
    ("POST", "/console/cluster/location/add"): lambda call_centre: {"location": "9", "kind": "disk", "root": "/tmp"},
    ("POST", "/console/cluster/location/remove"): lambda call_centre: {"location": "0"},
    ("GET", "/console/cluster/moves"): lambda call_centre: {},
    ("POST", "/console/cluster/moves"): lambda call_centre: {"source": "0", "target": "1"},
    ("POST", "/console/cluster/moves/state"): lambda call_centre: {"move": "x", "state": "paused"},
    ("POST", "/console/users/reset"): lambda call_centre: {"user": "olga"},
    ("GET", "/console/audit"): lambda call_centre: {"actor": "basil"},
    ("GET", "/console/audit/csv"): lambda call_centre: {"actor": "basil"},
    ("GET", "/console/audit/jsonl"): lambda call_centre: {"actor": "basil"},
    ("GET", "/console/settings"): lambda call_centre: {},
    ("POST", "/console/settings/certificates/add"): lambda call_centre: {"name": "evil"},
    ("POST", "/console/settings/certificates/remove"): lambda call_centre: {"name": "x"},
    ("GET", "/console/cluster"): lambda call_centre: {},
    ("POST", "/console/cluster/node"): lambda call_centre: {"node": "0", "state": "draining"},
    ("POST", "/console/cluster/location"): lambda call_centre: {"location": "0", "state": "draining"},
    ("GET", "/console/account"): OWN_DATA_ONLY,
    ("GET", "/console/resume"): OWN_DATA_ONLY,
    ("POST", "/console/account/preferences"): OWN_DATA_ONLY,
    ("POST", "/console/account/password"): OWN_DATA_ONLY,
    ("POST", "/console/account/totp"): OWN_DATA_ONLY,
    ("POST", "/console/account/totp/enable"): OWN_DATA_ONLY,
    ("POST", "/console/account/totp/disable"): OWN_DATA_ONLY,
}
