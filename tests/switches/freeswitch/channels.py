"""Channels of FreeSWITCH made of a few variables, as documents of mod_json_cdr and mod_xml_cdr."""

import json
from typing import Any

CALLER = "02079460123"
A_LEG, B_LEG, OTHER_LEG = (f"d1d1d1d1-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
START = 1_751_554_800  # second at which calls begin


def make_variables(
    uuid: str = A_LEG, *, start: Any = 0, answer: Any = 10, end: Any = 60, **variables: str
) -> dict[str, str]:
    """Return the variables of a channel; times are seconds after START, `answer` is None if it was not answered."""
    times = {"start_epoch": START + start, "answer_epoch": 0 if answer is None else START + answer}
    texts = {name: str(value) for name, value in {**times, "end_epoch": START + end}.items()}
    numbers = {"caller_id_number": CALLER, "destination_number": "442079460999", "direction": "inbound"}
    return {"uuid": uuid, **texts, "hangup_cause": "NORMAL_CLEARING", **numbers, **variables}


def make_json(*channels: dict[str, str]) -> bytes:
    """Return an array of documents of mod_json_cdr."""
    return json.dumps([{"variables": variables} for variables in channels]).encode()


def make_xml(variables: dict[str, str], extra: str = "", app_log: str = "") -> bytes:
    """Return a document of mod_xml_cdr; `extra` is put among the variables as it is."""
    elements = "".join(f"<{name}>{value}</{name}>" for name, value in variables.items())
    return (
        f'<?xml version="1.0"?>\n<cdr core-uuid="c0"><variables>{elements}{extra}</variables>'
        f"<app_log>{app_log}</app_log></cdr>\n"
    ).encode()
