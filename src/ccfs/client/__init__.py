"""The SDK: calling CC-FS operations and receiving their callbacks."""

from ccfs.client.receiver import Callback, CallbackError, InvalidCallback, InvalidSignature, read_callback
from ccfs.client.session import CcfsClient, ClientResponse

__all__ = [
    "Callback",
    "CallbackError",
    "CcfsClient",
    "ClientResponse",
    "InvalidCallback",
    "InvalidSignature",
    "read_callback",
]
