"""Errors of the server: invalid requests, and clients that disconnect, are too slow, or exceed a limit."""


class BadRequest(Exception):
    """The request violates HTTP or a limit. The connection ends after a response with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ClientDisconnected(Exception):
    """The client disconnected before the response was sent, or the server disconnected it."""

    status = 499  # in metrics and logs

    def __init__(self, sent_bytes: int = 0) -> None:
        """`sent_bytes` of the body were sent before."""
        super().__init__()
        self.sent_bytes = sent_bytes


class BodyTimeout(ClientDisconnected):
    """The body arrived too slowly. The server has sent 408."""

    status = 408


class InvalidBody(ClientDisconnected):
    """The chunks of the body are malformed. The server has sent 400."""

    status = 400


class BodyTooLarge(Exception):
    """The body is larger than the reader allows."""


class BudgetExhausted(Exception):
    """The bodies in progress leave no memory for this one."""
