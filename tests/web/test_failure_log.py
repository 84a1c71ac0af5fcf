"""Causes of failures: by the exceptions of a chain, with location and key where an error names them."""

import errno
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ccfs.model.blobs.errors import BlobDamaged, BlobNotFound, LocationUnreachable
from ccfs.model.errors import FileUnavailable, NoFile
from ccfs.web.failure_log import FailureLog, describe


def fail(cause: BaseException, *, about: bool = True) -> FileUnavailable:
    """Return the error of a response that another one has caused."""
    try:
        raise FileUnavailable from cause
    except FileUnavailable as error:
        return error.about("7", "1/recordings/a.wav") if about else error


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        (BlobNotFound("k"), "missing"),
        (BlobDamaged("k"), "damaged"),
        (LocationUnreachable("no answer"), "unreachable"),
        (KeyError("7"), "unknown_location"),
        (PermissionError(errno.EACCES, "denied"), "permission"),
        (FileNotFoundError(errno.ENOENT, "gone"), "missing"),
        (OSError(errno.EIO, "Input/output error"), "io_error"),
        (OSError(errno.ENOSPC, "No space left"), "disk_full"),
        (OSError(errno.EMFILE, "Too many open files"), "descriptors"),
        (OSError(errno.EROFS, "Read-only file system"), "read_only"),
        (RuntimeError("?"), "other"),
    ],
)
def test_each_exception_has_a_cause(cause: BaseException, word: str) -> None:
    failure = describe(fail(cause))
    assert (failure.location, failure.key, failure.cause) == ("7", "1/recordings/a.wav", word)
    assert type(cause).__name__ in failure.detail


def test_a_key_that_only_the_exception_knows_is_found() -> None:
    assert describe(fail(BlobNotFound("1/voice/b.wav"), about=False)).key == "1/voice/b.wav"


def test_lines_are_few_and_tell_how_many_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    log, clock = FailureLog(CollectorRegistry(), "node-a"), iter(range(0, 100, 4))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    with capture_logs() as lines:
        for _ in range(7):  # at 0, 4, 8 … 24 seconds
            log.record(fail(BlobNotFound("k")))
        log.record(NoFile())
    assert [(line["cause"], line["node"], line["suppressed"]) for line in lines] == [
        ("missing", "node-a", 0),
        ("missing", "node-a", 2),
        ("missing", "node-a", 2),
    ]
    assert [line["log_level"] for line in lines] == ["error"] * 3


def test_another_location_or_cause_is_logged_at_once() -> None:
    log = FailureLog(CollectorRegistry())
    causes: list[Callable[[], FileUnavailable]] = [
        lambda: fail(BlobNotFound("k")),
        lambda: fail(OSError(errno.EIO, "x")),
        lambda: fail(BlobNotFound("k"), about=False),
    ]
    with capture_logs() as lines:
        for cause in causes * 2:
            log.record(cause())
    assert [(line["location"], line["cause"]) for line in lines] == [
        ("7", "missing"),
        ("7", "io_error"),
        ("", "missing"),
    ]
