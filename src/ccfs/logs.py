"""Logs: one JSON object per line on stderr, with an `action`. Fields contain no secrets and no full phone numbers."""

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog


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
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
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
    sys.stderr.write(
        f'{{"action": "request_completed", "request": "{request}", "operation": "{operation}", "status": {status}, '
        f'"code": "{code}", "bytes": {size}, "ms": {seconds * 1000:.2f}, "event": "request completed", "level": "info", '
        f'"timestamp": "{datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")}Z"}}\n'
    )


def build_granian_config() -> dict[str, Any]:
    """Return a configuration for logging.config.dictConfig that formats Granian's lines like ours."""
    formatter = {
        "()": "structlog.stdlib.ProcessorFormatter",
        "foreign_pre_chain": [
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_server_action,
        ],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    }
    handler = {"formatter": "json", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
    server = {"handlers": ["stderr"], "level": "INFO", "propagate": False}
    return {
        "formatters": {"json": formatter},
        "handlers": {"stderr": handler},
        "loggers": {"_granian": server, "granian.access": server},
    }


def _add_server_action(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"action": "server", **event}
