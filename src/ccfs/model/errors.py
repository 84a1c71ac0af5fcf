"""The error tree. An error's docstring is its English message with {param} filled in; protocol/error_codes.py has the codes.

CcfsError                        unexpected failure
├── Unauthorised                 HTTP 401
├── AddressLocked                HTTP 403
├── ServerBusy                   HTTP 503
├── FlowLimitReached             the app is over one of its limits
│   └── DownloadLimitReached  QueryLimitReached
├── InvalidRequest               the request is malformed or not allowed
│   ├── NullParameter  EmptyParameter  ValueTooLong  ValueTooShort  InvalidFormat
│   ├── UnsupportedVersion  EmptyBody  InvalidDate
│   ├── RequestTooLarge  InvalidUploadAudio  PathNotAllowed
│   └── BeginAfterEnd  PeriodTooLong  CallbackNotBound
├── NotFound                     absent, or another app's: clients cannot distinguish the two
│   ├── NoFile  NoData  NoAccount  NotExactlyOneFile
│   └── EmptyToken  InvalidToken
├── FileUnavailable              exists, but cannot be read at the moment
└── OperatorError                an operator's command cannot be carried out; never part of a response
"""

from typing import Self


class CcfsError(Exception):
    """Internal error."""

    def __init__(self, param: str = "") -> None:
        """`param` is the field, value or limit in the message."""
        self.param = param
        super().__init__((type(self).__doc__ or "").format(param=param))


class Unauthorised(CcfsError):
    """Not authorised: {param}."""


class AddressLocked(CcfsError):
    """Too many invalid signatures from this address."""


class ServerBusy(CcfsError):
    """The server is busy; try again later."""


class FlowLimitReached(CcfsError):
    """Reached a flow control threshold."""

    def __init__(self, retry_after: int = 1) -> None:
        """`retry_after` is the number of seconds after which a request may succeed."""
        self.retry_after = retry_after
        super().__init__()


class DownloadLimitReached(FlowLimitReached):
    """Reached the download flow control threshold."""


class QueryLimitReached(FlowLimitReached):
    """Reached the query flow control threshold."""


class InvalidRequest(CcfsError):
    """Invalid request."""


class NullParameter(InvalidRequest):
    """The value of {param} cannot be null."""


class EmptyParameter(InvalidRequest):
    """The value of {param} cannot be an empty string."""


class ValueTooLong(InvalidRequest):
    """The length of {param} is too long."""


class InvalidFormat(InvalidRequest):
    """The format of {param} is incorrect."""


class ValueTooShort(InvalidRequest):
    """The length of {param} is too short."""


class UnsupportedVersion(InvalidRequest):
    """The value of version is error, current version is {param} ."""


class EmptyBody(InvalidRequest):
    """The params of requestBody is null."""


class InvalidDate(InvalidRequest):
    """The date in the value of fileName is in an incorrect format."""


class RequestTooLarge(InvalidRequest):
    """The request is larger than {param}."""


class InvalidUploadAudio(InvalidRequest):
    """The audio is not an 8-bit, 8000 Hz, mono WAV: {param}."""


class PathNotAllowed(InvalidRequest):
    """The value of {param} does not match the path rules of this system."""


class BeginAfterEnd(InvalidRequest):
    """The beginTime cannot be later than the endTime."""


class PeriodTooLong(InvalidRequest):
    """The time from beginTime to endTime is longer than {param} days."""


class CallbackNotBound(InvalidRequest):
    """The callBackURL does not begin with an address that is bound for this developer."""


class NotFound(CcfsError):
    """Not found."""


class NoFile(NotFound):
    """The file does not exist."""


class NoData(NotFound):
    """No data found."""


class NoAccount(NotFound):
    """The account does not exist."""


class NotExactlyOneFile(NotFound):
    """The folder does not hold exactly one file."""


class EmptyToken(NotFound):
    """Parameter token is empty."""


class InvalidToken(NotFound):
    """The token is invalid or has expired."""


class FileUnavailable(CcfsError):
    """The file cannot be read at the moment; try again later."""

    location_id = ""  # of the bytes, where it is known, as is their key: for the log
    key = ""
    reason = ""  # in one word, if it is not the exception that caused this one

    def about(self, location_id: str, key: str, reason: str = "") -> Self:
        """Return this error, which now says which bytes cannot be read."""
        self.location_id, self.key = self.location_id or location_id, self.key or key
        self.reason = self.reason or reason
        return self


class OperatorError(CcfsError):
    """{param}"""
