"""Requests of the routes of quality management for something foreign; tests/console/access/test_route_access.py sends them."""

from collections.abc import Callable

from tests.console.call_centre_data import CallCentreData

FormFields = dict[str, str]


def build_account_fields(call_centre: CallCentreData) -> FormFields:
    """Return the parameter of an account of another app."""
    return {"account": f"{call_centre.bolt.ak}/bolt-account"}


QUALITY_REQUESTS: dict[tuple[str, str], str | Callable[[CallCentreData], FormFields]] = {
    ("GET", "/console/evaluations"): build_account_fields,
    ("GET", "/console/evaluations/csv"): build_account_fields,
    ("GET", "/console/evaluation"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("POST", "/console/evaluation"): lambda call_centre: (
        build_account_fields(call_centre) | {"evaluation": "1", "revision": "0"}
    ),
    ("POST", "/console/evaluation/start"): lambda call_centre: (
        build_account_fields(call_centre) | {"form": "1", "id": "1700000000-1", "agent": "512"}
    ),
    ("POST", "/console/evaluation/draft"): lambda call_centre: (
        build_account_fields(call_centre) | {"evaluation": "1", "revision": "0"}
    ),
    ("POST", "/console/evaluation/delete"): lambda call_centre: build_account_fields(call_centre) | {"evaluation": "1"},
    ("GET", "/console/evaluation-forms"): build_account_fields,
    ("GET", "/console/evaluation-form"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("GET", "/console/evaluation-form/edit"): build_account_fields,
    ("POST", "/console/evaluation-form/edit"): lambda call_centre: (
        build_account_fields(call_centre) | {"name": "mine", "s1.title": "s", "s1.weight": "1", "q1.1.text": "?"}
    ),
    ("POST", "/console/evaluation-form/retire"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("GET", "/console/to-score"): build_account_fields,
    ("POST", "/console/to-score/skip"): lambda call_centre: build_account_fields(call_centre) | {"id": "1700000000-1"},
    ("GET", "/console/sampling-rules"): build_account_fields,
    ("POST", "/console/sampling-rules"): lambda call_centre: (
        build_account_fields(call_centre) | {"form": "1", "calls": "1", "period": "day"}
    ),
    ("POST", "/console/sampling-rules/delete"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("GET", "/console/calibrations"): build_account_fields,
    ("GET", "/console/calibration/new"): lambda call_centre: (
        build_account_fields(call_centre) | {"form": "1", "id": "1700000000-1", "agent": "512"}
    ),
    ("POST", "/console/calibration/new"): lambda call_centre: (
        build_account_fields(call_centre) | {"form": "1", "id": "1700000000-1", "agent": "512"}
    ),
    ("GET", "/console/calibration"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("POST", "/console/calibration/score"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("POST", "/console/calibration/close"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("GET", "/console/my-evaluations"): "lists the user's own; test_access_matrix tries the permission",
    ("GET", "/console/my-evaluation"): lambda call_centre: build_account_fields(call_centre) | {"id": "1"},
    ("POST", "/console/my-evaluation"): lambda call_centre: (
        build_account_fields(call_centre) | {"id": "1", "response": "acknowledged"}
    ),
}
