"""The one error tree. A docstring is the message; {param} is filled in. Wire codes live in wire/codes.py, not here.

CcfsError
├── Unauthorised                 HTTP 401
├── AddressLocked                HTTP 403
├── BadAsk                       what was asked cannot be understood
│   ├── NullParameter  EmptyParameter  TooLong  TooShort  WrongFormat
│   ├── WrongVersion  EmptyBody  WrongDate
│   ├── TooLarge  NotUploadAudio  PathNotAllowed
│   └── BeginAfterEnd  SpanTooWide  CallbackNotBound
├── Absent                       what was asked is not there, or is another app's: the two look alike
│   ├── NoFile  NoData  NoAccount  SeveralFiles
│   └── TokenEmpty  TokenInvalid
├── Unavailable                  it is there, but cannot be had now
└── Misuse                       an operator's command that cannot be carried out; never on the wire
"""


class CcfsError(Exception):
    """Something went wrong in the server."""

    def __init__(self, param: str = "") -> None:
        """`param` names the field, value or limit that the message speaks of."""
        self.param = param
        super().__init__((type(self).__doc__ or "").format(param=param))


class Unauthorised(CcfsError):
    """Not authorised: {param}."""


class AddressLocked(CcfsError):
    """Too many bad signatures came from this address."""


class InvalidRequest(CcfsError):
    """The request cannot be understood."""


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
    """What was asked for is not there."""


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


class OperatorError(CcfsError):
    """{param}"""
