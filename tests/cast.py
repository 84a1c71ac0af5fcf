"""The cast: two apps with accounts, VDNs, recordings, voice files and play tokens, for any test and any database.

Values and rows only: no server and no request. Names follow the manual's patterns, and both apps own a VDN 39 in which
their files have the same names: what tells them apart is the app and nothing else.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ccfs.model import wav
from ccfs.model.recording import Recording
from ccfs.model.tenancy import Account, App, Vdn
from ccfs.model.voice_file import VoiceFile
from ccfs.node import Node
from ccfs.store import play_tokens, recordings, tenancy, voice_files

COMMON_VDN = 39
BEGIN = datetime(2020, 10, 15, 2, 23, 39, tzinfo=UTC)
LARGE_SECONDS = 400  # 3.2 MB: more than the web process reads by itself
ONE_CALL, TWICE_RECORDED, LONG_CALL = "1602728619-101", "1602728619-102", "1602728619-103"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One app and all that is its own; `audio` holds the bytes of every name."""

    app: App
    sk: str
    vdn: int  # its own; COMMON_VDN is the other's, too
    account_id: str
    one: Recording  # the only one of ONE_CALL
    two: tuple[Recording, Recording]  # both of TWICE_RECORDED
    large: Recording  # the only one of LONG_CALL
    message: str  # IVR voice messages
    common_message: str
    oiap: tuple[str, ...]  # in the four forms of the manual, and a prompt
    upload: str
    lonely: str  # the only file of its folder
    crowd: str  # a folder of two files
    token: str  # plays `one`
    old_token: str  # did so until yesterday
    audio: dict[str, bytes]

    @property
    def ak(self) -> str:
        """The appId, which is its first access key, too."""
        return self.app.ak

    @property
    def lonely_folder(self) -> str:
        """The folder of `lonely`."""
        return self.lonely.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The two apps."""

    acme: Member
    bolt: Member


def a_law(seed: int, seconds: int = 1) -> bytes:
    """An A-law WAV that differs from those of every other seed below 256."""
    samples = bytes((seed + number * 7) % 256 for number in range(8000))
    return wav.header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=8000 * seconds) + samples * seconds


def fill(node: Node) -> Cast:
    """Put the cast into the node's empty database and onto its disk."""
    return Cast(acme=_Maker(node, "acme", 4, 10).member(), bolt=_Maker(node, "bolt", 8, 100).member())


class _Maker:
    """Makes one app; `seed` is the first of its sounds."""

    def __init__(self, node: Node, name: str, vdn: int, seed: int) -> None:
        self._node, self._name, self._vdn, self._seed = node, name, vdn, seed
        self._audio: dict[str, bytes] = {}
        self._now = datetime.now(UTC)
        self._account = f"{name}-account"
        self._sk = f"{name}-secret-of-32-characters-00000"[:32]
        with node.database.writing() as connection:
            self._app = tenancy.add_app(connection, name, f"{name.upper()}AK0001", self._now)
            tenancy.add_key(connection, self._app, self._app.ak, self._sk, node.sealer, self._now)
            for number in (vdn, COMMON_VDN):
                vdn_row = Vdn(vdn_id=number, cc_id=1, account_id=self._account)
                tenancy.add_account(connection, self._app, Account(account_id=self._account), vdn_row, self._now)

    def member(self) -> Member:
        """The app with all its files."""
        vdn = self._vdn
        one = self._recording(ONE_CALL, 0)
        return Member(
            app=self._app,
            sk=self._sk,
            vdn=vdn,
            account_id=self._account,
            one=one,
            two=(self._recording(TWICE_RECORDED, 1), self._recording(TWICE_RECORDED, 2)),
            large=self._recording(LONG_CALL, 3, LARGE_SECONDS),
            message=self._voice(vdn, f"Y:/{vdn}/record/20201015/10233946082696733.wav"),
            common_message=self._voice(COMMON_VDN, "Y:/39/record/20201015/10233946082696733.wav"),
            oiap=tuple(self._voice(vdn, name) for name in _oiap_names(vdn)),
            upload=self._voice(vdn, f"Y:/3rdfile/{vdn}/thirdvoicebotfile/8fSsBaEb_1631869974029.wav"),
            lonely=self._voice(vdn, f"Y:/voice/{vdn}/IVRrecordFile/greeting/hello.wav"),
            crowd=self._crowd(f"Y:/voice/{vdn}/IVRrecordFile/many"),
            token=self._token(one, timedelta(minutes=30)),
            old_token=self._token(one, timedelta(days=-1)),
            audio=self._audio,
        )

    def _bytes(self, name: str, seconds: int = 1) -> bytes:
        self._seed += 1
        self._audio[name] = a_law(self._seed, seconds)
        return self._audio[name]

    def _recording(self, call_id: str, number: int, seconds: int = 1) -> Recording:
        vdn, begin = self._vdn, BEGIN + timedelta(minutes=number)
        main = f"0223390{number}"
        name = f"/0/1/record/{self._app.ak}/{self._account}/20201015/512/{main}.V3"
        original = f"Y:/{vdn}/0/20201015/512/{main}.V3"
        data = self._bytes(name, seconds)
        self._audio[original] = data
        kept = self._node.disk.keep(f"{self._app.id}/recordings/{main}.v3", [data])
        recording = Recording(
            account_id=self._account,
            cc_id="1",
            vdn_id=str(vdn),
            agent_id="512",
            call_id=call_id,
            caller_no="02079460001",
            callee_no="02079460002",
            call_begin=begin,
            call_end=begin + timedelta(seconds=seconds),
            file_name=name,
            original_file_name=original,
            kept=kept,
            source_sha256=kept.sha256,
        )
        with self._node.database.writing() as connection:
            recordings.add(connection, self._app, recording, self._now)
        return recording

    def _voice(self, vdn: int, name: str) -> str:
        kept = self._node.disk.keep(f"{self._app.id}/voice/{len(self._audio)}.wav", [self._bytes(name)])
        file = VoiceFile(vdn_id=vdn, file_name=name, kept=kept, created_at=self._now)
        with self._node.database.writing() as connection:
            voice_files.add(connection, self._app, file)
        return name

    def _crowd(self, folder: str) -> str:
        for name in ("first.wav", "second.wav"):
            self._voice(self._vdn, f"{folder}/{name}")
        return folder

    def _token(self, recording: Recording, life: timedelta) -> str:
        token = f"{self._name}{len(self._audio)}{life}".encode().hex().upper().ljust(32, "0")[:32]
        with self._node.database.writing() as connection:
            play_tokens.add(connection, self._app, token, recording, self._now + life)
        return token


def _oiap_names(vdn: int) -> tuple[str, ...]:
    return (
        f"Y:/record/{vdn}/odfsrecord/20201015/a.wav",
        f"Y:/{vdn}/odfsrecord/20201015/b.wav",
        f"Y:/record/{vdn}/20201015/c.wav",
        f"Y:/{vdn}/transferrecord/20201015/d.wav",
        f"Y:/IVR/7/voice/{vdn}/yEE2Lh2x_1738761075708.mp3",
    )
