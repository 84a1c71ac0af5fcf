"""The SDK: what a program needs to call CC-FS operations and to receive their callbacks. Never store, work or web."""

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
