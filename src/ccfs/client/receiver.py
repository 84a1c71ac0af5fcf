"""Receiving callbacks: a request is verified and parsed into a Callback. Callbacks of ccfs and of CC-FS are accepted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ccfs.protocol import signature
from ccfs.protocol.callbacks import FILE_NAME_FIELDS

ALL_FILE_NAME_FIELDS = frozenset(name for names in FILE_NAME_FIELDS.values() for name in names)
MAX_CLOCK_SKEW = timedelta(minutes=15)


class CallbackError(ValueError):
    """The request is not a valid callback. The text is the reason, for the receiver's own log."""


class InvalidSignature(CallbackError):
    """The signature is absent, wrong, too old or by an unknown key. Respond with 401."""


class InvalidCallback(CallbackError):
    """The signature is valid, but the body names no file. Respond with 400."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The announcement of an export."""

    id: str  # the same at every attempt: the unsigned webhook-id; without one the signed response_id
    ak: str  # access key that signed it
    response_id: str  # responseId of the query
    file_name: str  # file name for the download, without a folder
    account_id: str | None  # None if the query named no account


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
    """Verify and parse a request: its method, target (path and query as sent), headers in any case, and body as sent.

    `secrets` maps each AK to its SKs, one of which must have signed. `now` is aware; the time of the signature may differ
    from it by `skew`. Host may have a port or not, as long as it was signed so. Raise InvalidSignature or InvalidCallback.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    path, _, query = target.partition("?")
    request = signature.SignedRequest(method=method, path=path, query=query, headers=lower, body=body)
    ak = _verify_signer(request, secrets, now, skew)
    msg_body = _parse_msg_body(body)
    response_id = _get_text(msg_body, "responseId")
    return Callback(
        id=lower.get("webhook-id") or response_id,
        ak=ak,
        response_id=response_id,
        file_name=_find_file_name(msg_body),
        account_id=_get_text(msg_body, "accountId") if msg_body.get("accountId") else None,
    )


def _verify_signer(
    request: signature.SignedRequest, secrets: Mapping[str, Sequence[str]], now: datetime, skew: timedelta
) -> str:
    """Return the AK that signed the request within the allowed time."""
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
        raise InvalidSignature(f"signed at {authorization.timestamp}, more than {skew} from now")
    return authorization.ak


def _parse_msg_body(body: bytes) -> dict[str, Any]:
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidCallback("the body is not JSON") from None
    msg_body = envelope.get("msgBody") if isinstance(envelope, dict) else None
    if not isinstance(msg_body, dict):
        raise InvalidCallback("the body has no msgBody")
    return msg_body


def _get_text(msg_body: Mapping[str, Any], name: str) -> str:
    value = msg_body.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidCallback(f"{name} is absent, empty or not text")
    return value


def _find_file_name(msg_body: Mapping[str, Any]) -> str:
    """Return the one file name in the fields that may hold it. Receivers often save it: no folders, no leading dot."""
    names = {_get_text(msg_body, field) for field in ALL_FILE_NAME_FIELDS if msg_body.get(field)}
    if len(names) != 1:
        raise InvalidCallback("no file name" if not names else "contradicting file names")
    [name] = names
    if name.startswith(".") or not name.isprintable() or set(name) & set("/\\:"):
        raise InvalidCallback("the file name has a folder, a leading dot or unprintable characters")
    return name
