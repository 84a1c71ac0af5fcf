"""Hearing a recording: for the player as it is or made playable, its waveform, and to be saved in several forms.

door.py imports this when somebody first listens: the codecs take time and memory that most processes never need.
"""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from ccfs.audio import forms, levels, pcm
from ccfs.audio.forms import Form
from ccfs.audio.pcm import TooLate
from ccfs.audio.tape import Tape, UnknownAudio, look
from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.ranges import Unsatisfiable, still_valid, wanted
from ccfs.model.recording import Kept, Recording
from ccfs.model.user import Right
from ccfs.store import waveforms
from ccfs.web.answers import Answer, MadeFile, Plain
from ccfs.web.bytes_of import opened
from ccfs.web.console.visit import Visit
from ccfs.web.decks import Busy, IsLate
from ccfs.web.here import Here
from ccfs.web.recordings import file_of

FIRST = 1 << 17  # bytes of the first piece for the player: 8 s at 8 kHz, so that it can begin at once
FURTHER = 1 << 20  # bytes of all others; the player asks for the next in time
ENOUGH = (
    1 << 16
)  # bytes that are given once they have taken BRIEFLY, so that a codec that is slow is heard at once, too
BRIEFLY = 0.1  # seconds
AGAIN = "2"  # seconds after which one who found every place taken may ask again

Drawn = tuple[int, int, bytes]  # milliseconds, channels, levels of one channel after the other


async def play(visit: Visit) -> Answer:
    """A recording for the browser's player, ranges and all. It is in the log."""
    place, recording = await visit.recording(Right.LISTEN)
    await visit.note_piece(Action.RECORDING_PLAYED, recording.file_name, place)
    as_it_is = replace(file_of(recording), content_type="audio/wav", is_inline=True)
    try:
        tape = await _tape(visit.here, recording.kept)
        if tape.is_played:
            return replace(as_it_is, content_type=tape.content_type)
        return await _made_playable(visit, recording, tape)
    except UnknownAudio:
        return as_it_is  # the browser may know more than we do, and says so if not
    except (Busy, TooLate):
        return _busy(visit)


async def _made_playable(visit: Visit, recording: Recording, tape: Tape) -> Answer:
    """As a WAV, of which a range is decoded when it is asked for: of a long one a part, as RFC 9110 allows (15.3.7)."""
    here, kept, size = visit.here, recording.kept, pcm.wav_size(tape)
    etag = f'"{kept.sha256[:32]}-pcm"'
    headers = [("accept-ranges", "bytes"), ("etag", etag), ("content-disposition", "inline")]
    headers.append(("cache-control", "private, no-cache"))
    asked = visit.request.headers.get("range")
    try:
        span = wanted(asked, size) if still_valid(visit.request.headers.get("if-range"), etag) else None
    except Unsatisfiable:
        return Plain(body=b"", status=416, more=(("content-range", f"bytes */{size}"), *headers))
    if span is None:
        return await _made(here, recording, tape, Form.WAV, is_inline=True)
    start, end = span[0], min(span[1], span[0] + (FURTHER if span[0] else FIRST))
    body = await here.decks.piece(lambda is_late: _piece(here, kept, tape, (start, end), is_late))
    headers.append(("content-range", f"bytes {start}-{start + len(body) - 1}/{size}"))
    return Plain(body=body, content_type="audio/wav", status=206, more=tuple(headers))


async def waveform(visit: Visit) -> Answer:
    """The recording's length and levels, drawn once; no levels where it cannot be read."""
    place, recording = await visit.recording(Right.LISTEN)
    await visit.note(Action.WAVEFORM_SHOWN, recording.file_name, place)
    here, app = visit.here, place.app
    drawn = await here.ask(lambda connection: waveforms.found(connection, app, recording))
    if drawn is None:
        try:
            fresh = await here.decks.draw(
                f"{app.id} {recording.file_name}", lambda is_late: _drawn(here, recording.kept, is_late)
            )
        except (Busy, TooLate):
            return _busy(visit)
        await here.tell(lambda connection: waveforms.keep(connection, app, recording, fresh, here.now()))
        drawn = fresh
    milliseconds, channels, data = drawn
    each = len(data) // channels if channels else 0
    told = [list(data[number * each : (number + 1) * each]) for number in range(channels)]
    body = json.dumps({"milliseconds": milliseconds, "levels": told}, separators=(",", ":"))
    return Plain(body=body.encode(), content_type="application/json")


async def download(visit: Visit) -> Answer:
    """A recording to be saved: as it is stored, or in the form that `as` names. Either is in the log."""
    place, recording = await visit.recording(Right.DOWNLOAD)
    asked = visit.asked.get("as", "")
    if asked not in ("", *Form):
        raise Absent
    told = f"{recording.file_name} as {asked}" if asked else recording.file_name
    await visit.note(Action.RECORDING_DOWNLOADED, told, place)
    if not asked:
        return file_of(recording)
    try:
        tape = await visit.here.decks.piece(lambda _: _looked(visit.here, recording.kept, exactly=True))
        return await _made(visit.here, recording, tape, Form(asked))
    except UnknownAudio:
        reason = visit.translate("This recording cannot be read: it can only be had as it is stored.")
        return visit.page("wrong.html", 400, what="refused", reason=reason)
    except (Busy, TooLate):
        reason = visit.translate("Too many recordings are being converted. Try again in a moment.")
        page = visit.page("wrong.html", 503, what="refused", reason=reason)
        return replace(page, more=(*page.more, ("retry-after", AGAIN)))


async def _made(here: Here, recording: Recording, tape: Tape, form: Form, *, is_inline: bool = False) -> MadeFile:
    name = file_of(recording).name
    stem = name.rpartition(".")[0] or name
    making = await here.decks.make(lambda: _pieces(here, recording.kept, tape, form))
    size = forms.size(tape, form)
    kind = form.content_type
    return MadeFile(making=making, name=f"{stem}.{form}", content_type=kind, size=size, is_inline=is_inline)


async def _tape(here: Here, kept: Kept) -> Tape:
    """What the recording is; known from the last time, for a player asks often."""
    known = here.decks.known
    if kept.sha256 not in known:
        found = await here.decks.piece(lambda _: _looked(here, kept))
        if len(known) >= 1000:
            known.clear()
        known[kept.sha256] = found
    return known[kept.sha256]


def _looked(here: Here, kept: Kept, *, exactly: bool = False) -> Tape:
    with closing(opened(here, kept)) as source:
        return look(source, kept.size, exactly=exactly)


def _piece(here: Here, kept: Kept, tape: Tape, span: tuple[int, int], is_late: IsLate) -> bytes:
    """The bytes of the span, or as many of them as could be made before long."""
    body, brief = bytearray(), time.monotonic() + BRIEFLY
    with closing(opened(here, kept)) as source:
        for piece in pcm.wav(source, tape, *span, is_late):
            body += piece
            if len(body) >= ENOUGH and time.monotonic() > brief:
                break
    return bytes(body)


def _pieces(here: Here, kept: Kept, tape: Tape, form: Form) -> Iterator[bytes]:
    with closing(opened(here, kept)) as source:
        yield from forms.made(source, tape, form, lambda: False)


def _drawn(here: Here, kept: Kept, is_late: IsLate) -> Drawn:
    try:
        with closing(opened(here, kept)) as source:
            found = levels.draw(source, look(source, kept.size), is_late)
    except UnknownAudio:
        return 0, 0, b""
    return found.milliseconds, len(found.levels), b"".join(found.levels)


def _busy(visit: Visit) -> Plain:
    text = visit.translate("Too many recordings are being converted. Try again in a moment.")
    return Plain(
        body=text.encode(), content_type="text/plain;charset=UTF-8", status=503, more=(("retry-after", AGAIN),)
    )


ROOMS = {"/console/audio": play, "/console/waveform": waveform, "/console/download": download}
