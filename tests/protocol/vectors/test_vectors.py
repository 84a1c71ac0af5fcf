"""Every vector folder, checked and signed; README.md tells what a folder holds. No case is written here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ccfs.protocol.signature import (
    MalformedAuthorization,
    SignedRequest,
    build_canonical_request,
    derive_signing_key,
    parse_authorization,
    sign_request,
    verify_request,
)

VECTORS = Path(__file__).parent
CASES = sorted(path.parent.name for path in VECTORS.glob("*/request.json"))
SIGNERS = {"no-query-line": False, "empty-query-line": True}


def read_vector(case: str) -> tuple[dict[str, Any], SignedRequest]:
    told = json.loads((VECTORS / case / "request.json").read_bytes())
    parts = {name: told[name] for name in ("method", "path", "query", "headers")}
    return told, SignedRequest(**parts, body=(VECTORS / case / "body.bin").read_bytes())


def read_text(case: str, name: str) -> str:
    return (VECTORS / case / name).read_bytes().decode()


def read_expected(case: str) -> str:
    return read_text(case, "expect.txt") if (VECTORS / case / "expect.txt").exists() else "accepted"


@pytest.mark.parametrize("case", CASES)
def test_a_vector_is_answered_as_it_says(case: str) -> None:
    told, request = read_vector(case)
    try:
        authorization = parse_authorization(read_text(case, "authorization.txt"))
        answer = "accepted" if verify_request(authorization, request, [told["sk"]]) else "refused"
    except MalformedAuthorization:
        answer = "malformed"
    assert answer == read_expected(case)


@pytest.mark.parametrize("case", [case for case in CASES if read_vector(case)[0]["signer"]])
def test_we_sign_a_vector_as_it_says(case: str) -> None:
    told, request = read_vector(case)
    who = told["ak"], told["sk"], told["timestamp"], told["signed_headers"]
    empty = SIGNERS[told["signer"]]
    made = sign_request(request, *who, empty_query_line=empty)
    assert build_canonical_request(request, told["signed_headers"], empty_query_line=empty).decode() == read_text(
        case, "canonical.txt"
    )
    assert derive_signing_key(told["sk"], parse_authorization(made).prefix).decode() == read_text(
        case, "signing_key.txt"
    )
    assert made == read_text(case, "authorization.txt")


@pytest.mark.parametrize(
    ("case", "signature"),
    [
        ("tv1-host-only", "6207fab8cd5bb1d4db0d38936aa1122602e5cc66a600982fd67efe074f217ca2"),
        ("tv2-three-headers", "5c79e2d190fbe236fb045638f747e95409d6806f03066b09a198ed5ed2bcb45a"),
        ("tv4-escapes", "7b2cf5adbb5ff06810cd4489dc8955643d8b9179e7114a117391b12ac2002821"),
        ("tv6-milliseconds", "067c053525a782763624cda5809c20a0a7a9ac925d06729514cc3d1f284b6318"),
    ],
)
def test_published_signatures_are_ours(case: str, signature: str) -> None:
    told, request = read_vector(case)
    assert sign_request(request, told["ak"], told["sk"], told["timestamp"], told["signed_headers"]).endswith(
        "/" + signature
    )


def test_the_vectors_are_what_make_py_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, VECTORS / "make.py", tmp_path], check=True)
    made = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.glob("*/*")}
    kept = {str(path.relative_to(VECTORS)): path.read_bytes() for case in CASES for path in (VECTORS / case).iterdir()}
    assert made == kept
