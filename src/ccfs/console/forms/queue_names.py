"""Queues that a form names, separated by commas."""

from typing import Final

MAX_LENGTH: Final = 64  # of a name


def split_queue_names(text: str) -> tuple[str, ...]:
    """Return the names, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def are_too_many(queues: tuple[str, ...], most: int) -> bool:
    """Return whether there are more names than `most`, or a name is too long."""
    return len(queues) > most or any(len(queue) > MAX_LENGTH for queue in queues)
