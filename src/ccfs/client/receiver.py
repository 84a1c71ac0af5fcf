"""What a program that receives callbacks needs: a request as it came becomes a Callback, or a refusal. No server, no clock.

Nothing here knows ccfs from CC-FS: whatever either of them sends is read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ccfs.protocol import signature
from ccfs.protocol.callbacks import FILE_NAME_FIELDS

ALL_FILE_NAME_FIELDS = frozenset(
    name for names in FILE_NAME_FIELDS.values() for name in names
)  # in any callback, whatever it announces
MAX_CLOCK_SKEW = timedelta(minutes=15)


class CallbackError(ValueError):
    """This is not to be taken for a callback; the text says why, for the receiver's own log."""


class InvalidSignature(CallbackError):
    """The signature is absent, wrong, too old or of an unknown key. A fitting answer is 401."""


class InvalidCallback(CallbackError):
    """The signature is good, but the body names no file. A fitting answer is 400."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The announcement that a file can be downloaded."""

    id: str  # the same at every repeat: webhook-id, which is not signed; without one the response_id, which is
    ak: str  # whose secret signed it
    response_id: str  # what the query answered
    file_name: str  # what the download asks for; a plain name without a folder
    account_id: str | None  # None where the query named none


def read_callback(
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Mapping[str, Sequence[str]],
    now: datetime,
    skew: timedelta = MAX_CLOCK_SKEW,
) -> Callback:
    """The callback in a request: its method, target (path and query as sent), headers in any case, and body as sent.

    `secrets` has the SKs of each AK, of which one must have signed; `now` is aware, and the signature's time may be off by
    `skew`. Host may have the port or not, as long as it was signed so. Raises NotSigned or NotACallback.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    path, _, query = target.partition("?")
    request = signature.SignedRequest(method=method, path=path, query=query, headers=lower, body=body)
    ak = _verify_signer(request, secrets, now, skew)
    told = _parse_msg_body(body)
    response_id = _get_text(told, "responseId")
    return Callback(
        id=lower.get("webhook-id") or response_id,
        ak=ak,
        response_id=response_id,
        file_name=_find_file_name(told),
        account_id=_get_text(told, "accountId") if told.get("accountId") else None,
    )


def _verify_signer(
    request: signature.SignedRequest, secrets: Mapping[str, Sequence[str]], now: datetime, skew: timedelta
) -> str:
    """The AK that signed the request within the time allowed."""
    header = request.headers.get("authorization")
    if header is None:
        raise InvalidSignature("no Authorization header")
    try:
        authorization = signature.parse_authorization(header)
        signed_at = signature.parse_timestamp(authorization.timestamp)
    except signature.MalformedAuthorization as error:
        raise InvalidSignature(f"Authorization: {error}") from None
    if not signature.verify_request(authorization, request, secrets.get(authorization.ak, ())):
        is_known = authorization.ak in secrets
        raise InvalidSignature(
            "the signature is wrong" if is_known else f"no secret of the access key {authorization.ak}"
        )
    if abs(now - signed_at) > skew:
        raise InvalidSignature(f"signed at {authorization.timestamp}, which is more than {skew} from now")
    return authorization.ak


def _parse_msg_body(body: bytes) -> dict[str, Any]:
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidCallback("the body is not JSON") from None
    told = envelope.get("msgBody") if isinstance(envelope, dict) else None
    if not isinstance(told, dict):
        raise InvalidCallback("the body has no msgBody")
    return told


def _get_text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidCallback(f"{name} is absent, empty or not text")
    return value


def _find_file_name(told: Mapping[str, Any]) -> str:
    """The one name under all fields that may hold it. It often becomes a local file's: so no folders, no dot in front."""
    names = {_get_text(told, field) for field in ALL_FILE_NAME_FIELDS if told.get(field)}
    if len(names) != 1:
        raise InvalidCallback("no file name" if not names else "file names that contradict each other")
    [name] = names
    if name.startswith(".") or not name.isprintable() or set(name) & set("/\\:"):
        raise InvalidCallback("the file name is not a plain one")
    return name
