"""The SDK: what a program needs to call CC-FS operations. Never store, work or web."""

from ccfs.client.session import Answer, Session

__all__ = ["Answer", "Session"]
