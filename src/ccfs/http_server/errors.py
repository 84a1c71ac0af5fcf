"""Errors of the server: a request that is none, and a client that is gone, too slow or one too many."""


class BadRequest(Exception):
    """The request violates HTTP or a bound; the connection ends after a response with the status."""

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
    """The bodies under way leave no room for this one."""
