"""Marks at moments of a recording: whoever may listen adds them, takes one's own away, an administrator any."""

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.mark import LONGEST, at_of, text_of, time_of
from ccfs.model.recording import Recording
from ccfs.model.user import Right
from ccfs.store import audit, marks
from ccfs.web.answers import Answer
from ccfs.web.console.visit import Place, Visit


async def add(visit: Visit) -> Answer:
    """A mark, then the call's page."""
    place, recording = await visit.recording(Right.LISTEN)
    at, text = at_of(visit.form.get("at", "")), text_of(visit.form.get("text", ""))
    if at is None:
        return _refused(visit, visit.translate("Say the moment as minutes and seconds, such as 1:30."))
    if text is None:
        return _refused(visit, visit.translate("A mark has 1 to {most} characters.", most=LONGEST))
    entry = visit.entry(Action.MARK_ADDED, f"{recording.file_name} {time_of(at)}", place)

    def change(connection: Connection) -> bool:
        audit.add(connection, entry)
        return marks.add(connection, place.app, recording, at, text, visit.who.name, visit.here.now())

    if not await visit.here.tell(change):
        return _refused(visit, visit.translate("This recording has too many marks."))
    return _back(visit, place, recording)


async def remove(visit: Visit) -> Answer:
    """A mark goes. What is somebody else's is not there, but for an administrator of the account."""
    place, recording = await visit.recording(Right.LISTEN)
    asked = visit.form.get("mark", "")
    if not asked.isdecimal() or len(asked) > 18:
        raise Absent
    may_all = visit.who.may(Right.ADMINISTER, place.app.id, place.account.account_id)
    whose = None if may_all else visit.who.name

    def change(connection: Connection) -> bool:
        gone = marks.remove(connection, place.app, recording, int(asked), whose)
        if gone:
            told = f"{recording.file_name} {time_of(gone.at_ms)} of {gone.who}"
            audit.add(connection, visit.entry(Action.MARK_REMOVED, told, place))
        return gone is not None

    if not await visit.here.tell(change):
        raise Absent
    return _back(visit, place, recording)


def _back(visit: Visit, place: Place, recording: Recording) -> Answer:
    return visit.to("/console/call", **{"in": place.name, "id": recording.call_id})


def _refused(visit: Visit, reason: str) -> Answer:
    return visit.page("wrong.html", 400, what="refused", reason=reason)
