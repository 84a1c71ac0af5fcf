"""How long a database may be silent. Nothing else: who waits, and what becomes of the connection, is silence.py's business."""

from dataclasses import dataclass


@dataclass(slots=True)
class ReadTimeout:
    """One database's; its owner may change it at any time."""

    seconds: float | None = None  # for ever
