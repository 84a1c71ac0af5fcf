"""Detect the kind of an audio file by its first bytes or, if these are not distinctive, by its name."""

import os

from ccfs.media.codec_table import CODEC_BY_EXTENSION, CODECS, AudioKind, UnknownAudio

HEAD_BYTES = 65_536  # bytes of a file's beginning that are enough for detect_kind and for a WAV's header


def detect_kind(name: str, head: bytes) -> AudioKind:
    """Return the kind of a file that begins with `head`. Raise UnknownAudio.

    MPEG's bare frame sync does not count in files with the extension of a headerless kind: quiet mu-law begins with the
    same bytes.
    """
    if not head:
        raise UnknownAudio("empty")
    extension = os.path.splitext(name)[1][1:].lower()
    named = CODEC_BY_EXTENSION.get(extension)
    for codec in CODECS:
        if codec.has_magic(head):
            return AudioKind(codec=codec)
    if named is not None and not named.magic_name:
        return AudioKind(codec=named, rate=named.extensions[extension])
    for codec in CODECS:
        if codec.has_weak_magic(head):
            return AudioKind(codec=codec)
    if named is not None:
        raise UnknownAudio(f"named .{extension}, but has no {named.magic_name} header")
    raise UnknownAudio(f"unknown audio format: extension {extension!r}, first bytes {head[:4].hex()}")
