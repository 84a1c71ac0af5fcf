"""Signs of life of the background threads of a node, for /readyz."""

import threading
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pulse:
    """The sign of life of one thread."""

    name: str
    thread: threading.Thread
    max_silence_seconds: float | None = None  # after which it counts as stuck; None: its work may take any time
    beat_at: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """Note that the thread goes on. Call it in every round."""
        self.beat_at = time.monotonic()

    def find_fault(self) -> str:
        """Return why the thread does no work; empty if it does."""
        if not self.thread.is_alive():
            return f"worker {self.name} has ended"
        silence = time.monotonic() - self.beat_at
        if self.max_silence_seconds is not None and silence > self.max_silence_seconds:
            return f"worker {self.name} is stuck"
        return ""
