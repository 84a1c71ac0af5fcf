"""Logs: one JSON object per line on stderr, with an `action`. Fields contain no secrets and no full phone numbers."""

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime

import structlog


class ErrorStream:
    """The process's stderr. Lines that it does not take, for example because its disk is full, are lost; the program goes on."""

    def write(self, text: str) -> None:
        """Write lines with one call, so that those of several processes stay intact."""
        with suppress(OSError, ValueError):  # ValueError: it has been closed
            sys.stderr.write(text)

    def flush(self) -> None:
        """Do nothing: stderr keeps no complete line back."""


_STREAM = ErrorStream()


def configure_logging(*, json: bool = True) -> None:
    """Send structlog and the standard library's loggers to stderr."""
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # One write per line, including its end: several processes share stderr, and Python may be unbuffered.
        logger_factory=structlog.WriteLoggerFactory(_STREAM),  # type: ignore[arg-type]  # it needs no more of a file
        cache_logger_on_first_use=True,
    )


def disable_logging() -> None:
    """Drop all messages of structlog, for a command whose output is a report."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return the logger. Every call names an `action`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def log_request(request: str, operation: str, status: int, code: str, size: int, seconds: float) -> None:
    """Log a request in the format of `get_logger`, which would take longer than verifying a signature.

    The texts come from our own tables and need no escaping.
    """
    _STREAM.write(
        f'{{"action": "request_completed", "request": "{request}", "operation": "{operation}", "status": {status}, '
        f'"code": "{code}", "bytes": {size}, "ms": {seconds * 1000:.2f}, "event": "request completed", "level": "info", '
        f'"timestamp": "{datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")}Z"}}\n'
    )
