"""VICIdial's table `recording_log`: the call and agent of each recording. A row becomes a CDR of the agent's talk.

`vicidial_id` is the uniqueid of an outbound call or the `closecallid` of an inbound one, whose uniqueid is in
vicidial_closer_log. VICIdial adds the row when the recording begins, and the end of the recording when it ends.
"""

from collections.abc import Mapping

COLUMNS = ("recording_id", "start_epoch", "end_epoch", "filename", "user", "vicidial_id")
CDR_COLUMNS = (
    *("src", "dst", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end", "disposition"),
    *("uniqueid", "linkedid", "recordingfile"),
)


def is_finished(row: Mapping[str, str]) -> bool:
    """Return whether the recording has ended."""
    return row["end_epoch"].strip("0.") != ""


def is_inbound_id(vicidial_id: str) -> bool:
    """Return whether the id of a recording's call is a `closecallid`."""
    return vicidial_id.isascii() and vicidial_id.isdecimal()


def build_cdr(row: Mapping[str, str], inbound: Mapping[str, str], outbound: Mapping[str, str]) -> dict[str, str]:
    """Return the values of CDR_COLUMNS for a row, with those of its call in vicidial_closer_log or vicidial_log.

    The durations are left out because they are corrected later, which would turn the row into another CDR.
    """
    unique_id = inbound.get("uniqueid", "") or ("" if is_inbound_id(row["vicidial_id"]) else row["vicidial_id"])
    agent = f"Agent/{row['user']}" if row["user"] else ""
    cdr = dict.fromkeys(CDR_COLUMNS, "") | {
        "start": row["start_epoch"],
        "answer": row["start_epoch"],
        "end": row["end_epoch"] if is_finished(row) else "",
        "disposition": "ANSWERED",
        "uniqueid": unique_id,
        "linkedid": unique_id,
        "recordingfile": row["filename"],
    }
    if outbound and not inbound:
        return cdr | {"src": row["user"], "dst": outbound.get("phone_number", ""), "channel": agent}
    queue = inbound.get("campaign_id", "")
    waiting = {"lastapp": "Queue", "lastdata": queue} if queue else {}
    return cdr | {"src": inbound.get("phone_number", ""), "dstchannel": agent} | waiting
