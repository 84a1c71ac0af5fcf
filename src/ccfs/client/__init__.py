"""The SDK: what a program needs to call CC-FS operations and to receive their callbacks. Never store, work or web."""

from ccfs.client.receiver import Callback, NotACallback, NotSigned, Refused, read_callback
from ccfs.client.session import Answer, Session

__all__ = ["Answer", "Callback", "NotACallback", "NotSigned", "Refused", "Session", "read_callback"]
