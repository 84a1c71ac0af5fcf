"""The page of one call: its player, annotations, timeline, and what agents did."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.console.calls import heard, timeline
from ccfs.console.calls.navigation import CallNavigation, build_navigation
from ccfs.console.calls.timeline import TimelineView
from ccfs.console.links import call_links
from ccfs.console.links.link_access import get_longest
from ccfs.console.quality.call_quality import CallQuality, load_call_quality
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.speech.call_speech import SpeechView, load_speech
from ccfs.db.tenant import annotations, waveforms
from ccfs.db.tenant.calls import call_lookup
from ccfs.db.tenant.ingest import recording_sources
from ccfs.db.tenant.ingest.recording_sources import RecordingSource
from ccfs.model.calls.agent_operation import AgentOperation
from ccfs.model.calls.call import Call, build_call
from ccfs.model.calls.timeline import bound_operation, build_timeline
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.user import Permission
from ccfs.model.recordings.annotation import Annotation, parse_offset
from ccfs.model.recordings.guest_link import GuestLink
from ccfs.model.recordings.tracks import PlacedRecording, place_recordings
from ccfs.web.responses.types import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedAnnotation:
    """An annotation with its place on the call's axis."""

    annotation: Annotation
    placed: PlacedRecording

    @property
    def offset_ms(self) -> int:
        """Where it begins on the axis."""
        return self.placed.offset_ms + self.annotation.offset_ms

    @property
    def end_ms(self) -> int | None:
        """Where a passage ends on the axis; None for a moment."""
        end = self.annotation.end_ms
        return None if end is None else self.placed.offset_ms + end


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """Everything that the page shows of a call."""

    call_id: str
    call: Call | None  # None if only recordings are known
    timeline: TimelineView
    recordings: list[PlacedRecording]
    operations: list[tuple[AgentOperation, datetime, datetime | None]]  # with their begin and end in the call
    replaced: Mapping[str, Sequence[RecordingSource]]
    annotations: list[PlacedAnnotation]
    navigation: CallNavigation
    speech: SpeechView
    heard: list[AuditEntry] | None = None  # None: the user may not see it
    links: list[GuestLink] | None = None  # None: the user may not share, or links are off
    quality: CallQuality | None = None  # None: the user may not evaluate

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents of the call, or of its recordings if it has no CDRs."""
        recorded = dict.fromkeys(placed.recording.agent_id for placed in self.recordings)
        return self.call.agents if self.call else tuple(agent_id for agent_id in recorded if agent_id)

    @property
    def track_count(self) -> int:
        """The number of tracks of which the player plays one."""
        return max((placed.track for placed in self.recordings), default=-1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationFormState:
    """The fields of a rejected form, and the reasons by field. It is the form of an annotation, or of a new one (None)."""

    annotation_id: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


NO_FORM = AnnotationFormState()


async def show_call(request: ConsoleRequest) -> Response:
    """Show one call, at the second that `t` names."""
    scope, call_id = request.current_scope, request.query_params.get("id", "")
    view = await load_call_view(request, call_id)
    await request.audit_action(AuditAction.CALL_VIEWED, call_id, scope, call_id)
    return render_call(request, view)


async def load_call_view(request: ConsoleRequest, call_id: str) -> CallView:
    """Return a call of the request's account. Raise NotFound if the account has none of this id."""
    scope = request.current_scope
    navigation = await build_navigation(request, scope, call_id)
    view = await request.context.query(lambda connection: _load(connection, scope, call_id, navigation))
    if view is None:
        raise NotFound
    links = await call_links.list_of_call(request, [placed.recording for placed in view.recordings])
    quality = await load_call_quality(request, call_id, view.agents)
    return replace(view, heard=await heard.list_heard(request, call_id), links=links, quality=quality)


def render_call(
    request: ConsoleRequest, view: CallView, status: int = 200, form: AnnotationFormState = NO_FORM
) -> Response:
    """Return the page, with a form that was rejected."""
    scope = request.current_scope
    start_ms = _find_start_ms(request, view)
    return request.render_page(
        "call.html",
        status,
        nonce=secrets.token_urlsafe(16),
        scope=scope,
        view=view,
        heard=view.heard,
        navigation=view.navigation,
        call_id=view.call_id,
        form=form,
        now=request.context.now(),
        longest_link=get_longest(request),
        may_make_links=request.context.settings.guest_links and scope.account.allows_links,
        analysis_is_on=request.context.settings.speech_analysis,
        start_ms=min(start_ms, view.timeline.axis.milliseconds),
        may_change_all=request.has_permission_in(Permission.ADMINISTER, scope),
        may_listen=request.has_permission_in(Permission.LISTEN, scope),
        may_download=request.has_permission_in(Permission.DOWNLOAD, scope),
    )


def _find_start_ms(request: ConsoleRequest, view: CallView) -> int:
    """Return the position that the address names: by `t`, or by one of the call's annotations; else 0."""
    annotation_id = request.query_params.get("annotation", "")
    named = (one.offset_ms for one in view.annotations if str(one.annotation.id) == annotation_id)
    return next(named, parse_offset(request.query_params.get("t", "")) or 0)


def _load(connection: Connection, scope: AccountScope, call_id: str, navigation: CallNavigation) -> CallView | None:
    app, accounts = scope.app, [scope.account.account_id]
    legs = call_lookup.find_legs(connection, app, accounts, [call_id]).get(call_id, [])
    recordings = call_lookup.list_recordings(connection, app, accounts, call_id)
    if not legs and not recordings:
        return None
    operations = call_lookup.list_agent_operations(connection, app, accounts, call_id)
    names = [recording.file_name for recording in recordings]
    known = build_timeline(legs, operations)
    axis = timeline.build_axis(known, recordings)
    placed = place_recordings(recordings, axis.begin, waveforms.list_lengths(connection, app, recordings))
    by_name = {one.recording.file_name: one for one in placed}
    found = annotations.list_by_recordings(connection, app, recordings)
    call = build_call(legs) if legs else None
    return CallView(
        call_id=call_id,
        call=call,
        speech=load_speech(connection, app, placed, known, axis, call.direction if call else None),
        timeline=timeline.build_timeline_view(known, axis),
        recordings=placed,
        operations=[(operation, *bound_operation(operation, known)) for operation in operations],
        replaced=recording_sources.list_replaced(connection, app, names),
        annotations=sorted(
            (PlacedAnnotation(annotation=one, placed=by_name[name]) for name, own in found.items() for one in own),
            key=lambda one: (one.offset_ms, one.annotation.id),
        ),
        navigation=navigation,
    )
