"""The table of codecs: how each kind of file is detected, stored and played.

A new format is one row here. "Without loss" means, for each way of storing:
  COPY    byte by byte.
  WRAP    headerless samples: a WAV header is put before them; the samples are the same bytes.
  DECODE  few players have the decoder: decoded to 16-bit PCM, every sample that the codec defines, nothing resampled or
          levelled. The way back is not exact, so the recording's row holds the original's hash as well.
  REMUX   the same packets in another container: browsers and telephones play Opus in Ogg, few play it in WebM.

A WAV whose header was left unfinished, or is one of RF64, is copied with a right header.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from ccfs.model.recordings import wav


class UnknownAudio(ValueError):
    """Not audio that ccfs can store: of no known kind, empty or damaged. The text is the reason that an operator sees."""


class Storage(Enum):
    """Ways of storing a file."""

    COPY = auto()
    WRAP = auto()
    DECODE = auto()
    REMUX = auto()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Codec:
    """One row of the table."""

    name: str  # in reasons that operators read, and FFmpeg's name of the format of a file that is copied
    # Detection. Extensions are lower-case, each with the samples per second that it says; 0: the file says it.
    extensions: Mapping[str, int]
    has_magic: Callable[[bytes], bool] = lambda _head: False  # whether a file's first bytes are proof
    has_weak_magic: Callable[[bytes], bool] = lambda _head: False  # whether they will do if the extension is unknown
    magic_name: str = ""  # header that a file of these extensions must have; "": the extension alone is enough
    # Storage.
    storage: Storage
    stored_extension: str = ".wav"
    content_type: str = "audio/wav"  # of the stored file
    # Headerless samples.
    frame_bytes: int = 1
    frame_samples: int = 1
    frame_tag: int | None = None  # high four bits of every frame's first byte
    wav_tag: int = wav.PCM  # format of the WAV that is stored
    wav_bits: int = 16
    decoder: str = ""  # FFmpeg's name, to be decoded at ingest
    stored_format: str = ""  # FFmpeg's name of the container that packets are remuxed to
    # Playback. FFmpeg's names of the codecs that Chromium and Firefox play in such a file; a WAV's header says it.
    browser_codecs: frozenset[str] = field(default=frozenset())

    def count_samples(self, size: int) -> int:
        """Return the samples per channel in `size` bytes without a header. An incomplete frame does not count."""
        return size // self.frame_bytes * self.frame_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioKind:
    """A codec, and the sample rate that a headerless file does not contain."""

    codec: Codec
    rate: int = 0  # samples per second; 0: the file says it

    @property
    def extension(self) -> str:
        """Extension of the stored file: ".wav", ".mp3" or ".ogg"."""
        return self.codec.stored_extension

    @property
    def is_copied(self) -> bool:
        """Whether the stored file is the source file, byte by byte."""
        return self.codec.storage is Storage.COPY


def _is_riff(head: bytes) -> bool:
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


def _is_ogg(head: bytes) -> bool:
    return head[:4] == b"OggS"


def _is_matroska(head: bytes) -> bool:
    return head[:4] == b"\x1a\x45\xdf\xa3"


def _is_amr(head: bytes) -> bool:
    return head.startswith((b"#!AMR\n", b"#!AMR-WB\n"))


def _is_flac(head: bytes) -> bool:
    return head[:4] == b"fLaC"


def _is_id3(head: bytes) -> bool:
    """Return whether there is "ID3" with a version and a size: bytes below 255 and below 128."""
    return head[:3] == b"ID3" and len(head) >= 10 and max(head[3:5]) < 255 and max(head[6:10]) < 128


def _is_mpeg_frame(head: bytes) -> bool:
    """Return whether there are eleven sync bits, layer III, and a valid bit rate and sample rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    return head[1] & 0x18 != 0x08 and head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C


# Extensions of headerless files are Asterisk's (formats/format_*.c, "exts") and FreeSWITCH's (mod_native_file: names of
# codecs). A .V3 of CC-FS is a WAV.
RIFF: Final = Codec(
    name="wav",
    extensions=dict.fromkeys(("wav", "wav49", "wav16", "v3"), 0),
    has_magic=_is_riff,
    magic_name="RIFF/WAVE",
    storage=Storage.COPY,
)
MP3: Final = Codec(
    name="mp3",
    extensions={"mp3": 0},
    has_magic=_is_id3,
    has_weak_magic=_is_mpeg_frame,
    storage=Storage.COPY,
    stored_extension=".mp3",
    content_type="audio/mpeg",
    browser_codecs=frozenset({"mp3", "mp2", "mp1"}),
)
OGG: Final = Codec(
    name="ogg",
    extensions=dict.fromkeys(("ogg", "opus"), 0),
    has_magic=_is_ogg,
    magic_name="Ogg",
    storage=Storage.COPY,
    stored_extension=".ogg",
    content_type="audio/ogg",
    browser_codecs=frozenset({"opus", "vorbis", "flac"}),
)
A_LAW: Final = Codec(
    name="alaw",
    extensions=dict.fromkeys(("alaw", "al", "alw", "pcma"), 8000),
    storage=Storage.WRAP,
    wav_tag=wav.A_LAW,
    wav_bits=8,
)
MU_LAW: Final = Codec(
    name="ulaw",
    extensions=dict.fromkeys(("pcm", "ulaw", "ul", "mu", "ulw", "pcmu"), 8000),
    storage=Storage.WRAP,
    wav_tag=wav.MU_LAW,
    wav_bits=8,
)
LINEAR: Final = Codec(  # 16-bit signed little-endian samples
    name="sln",
    extensions={
        **dict.fromkeys(("sln", "sln8", "slin", "raw", "l16"), 8000),
        **{f"sln{k}": k * 1000 for k in (12, 16, 24, 32, 48, 96, 192)},
        "sln44": 44100,
    },
    storage=Storage.WRAP,
    frame_bytes=2,
)
GSM: Final = Codec(  # GSM 06.10 full rate
    name="gsm",
    extensions={"gsm": 8000},
    storage=Storage.DECODE,
    frame_bytes=33,
    frame_samples=160,
    frame_tag=0xD,
    decoder="gsm",
)
G722: Final = Codec(  # at 64 kbit/s
    name="g722",
    extensions={"g722": 16000},
    storage=Storage.DECODE,
    frame_samples=2,
    decoder="adpcm_g722",
)
G729: Final = Codec(  # 8 kbit/s, frames of 10 ms; an annex B file may end with a frame of silence of 2 bytes
    name="g729",
    extensions={"g729": 8000},
    storage=Storage.DECODE,
    frame_bytes=10,
    frame_samples=80,
    decoder="g729",
)
AMR: Final = Codec(  # narrow and wide band, with their header
    name="amr",
    extensions=dict.fromkeys(("amr", "awb"), 0),
    has_magic=_is_amr,
    magic_name="AMR",
    storage=Storage.COPY,
    stored_extension=".amr",
    content_type="audio/amr",
)
FLAC: Final = Codec(
    name="flac",
    extensions={"flac": 0},
    has_magic=_is_flac,
    magic_name="FLAC",
    storage=Storage.COPY,
    stored_extension=".flac",
    content_type="audio/flac",
    browser_codecs=frozenset({"flac"}),
)
WEBM: Final = Codec(  # MikoPBX
    name="matroska",
    extensions=dict.fromkeys(("webm", "mka"), 0),
    has_magic=_is_matroska,
    magic_name="WebM",
    storage=Storage.REMUX,
    stored_extension=".ogg",
    content_type="audio/ogg",
    stored_format="ogg",
    browser_codecs=frozenset({"opus", "vorbis", "flac"}),
)
CODECS: Final = (RIFF, MP3, OGG, A_LAW, MU_LAW, LINEAR, GSM, G722, G729, AMR, FLAC, WEBM)
CODEC_BY_EXTENSION: Final = {extension: codec for codec in CODECS for extension in codec.extensions}
# Audio that ingest rejects, with a reason: names of it are names of recordings all the same.
REJECTED_EXTENSIONS: Final = frozenset({"m4a", "siren7", "speex", "wma"})

_MAX_EXTENSIONS: Final = 3  # that converters add to a name, one after the other


def is_audio_name(name: str) -> bool:
    """Return whether a name has a stem and the extension of an audio file."""
    stem, _, extension = name.rpartition(".")
    return bool(stem) and (extension.lower() in CODEC_BY_EXTENSION or extension.lower() in REJECTED_EXTENSIONS)


def strip_audio_extension(name: str) -> str:
    """Return a name without its audio extensions: `q.wav.mp3` → q; any other name as it is."""
    for _ in range(_MAX_EXTENSIONS):
        if not is_audio_name(name):
            break
        name = name.rpartition(".")[0]
    return name
