"""Verify and sign the case in every vector folder; README.md describes the files."""

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
    case_data = json.loads((VECTORS / case / "request.json").read_bytes())
    parts = {name: case_data[name] for name in ("method", "path", "query", "headers")}
    return case_data, SignedRequest(**parts, body=(VECTORS / case / "body.bin").read_bytes())


def read_text(case: str, name: str) -> str:
    return (VECTORS / case / name).read_bytes().decode()


def read_expected(case: str) -> str:
    return read_text(case, "expect.txt") if (VECTORS / case / "expect.txt").exists() else "accepted"


@pytest.mark.parametrize("case", CASES)
def test_a_vector_is_accepted_or_rejected_as_expected(case: str) -> None:
    case_data, request = read_vector(case)
    try:
        authorization = parse_authorization(read_text(case, "authorization.txt"))
        answer = "accepted" if verify_request(authorization, request, [case_data["sk"]]) else "refused"
    except MalformedAuthorization:
        answer = "malformed"
    assert answer == read_expected(case)


@pytest.mark.parametrize("case", [case for case in CASES if read_vector(case)[0]["signer"]])
def test_a_vector_is_signed_as_expected(case: str) -> None:
    case_data, request = read_vector(case)
    key = case_data["ak"], case_data["sk"], case_data["timestamp"], case_data["signed_headers"]
    empty = SIGNERS[case_data["signer"]]
    authorization = sign_request(request, *key, empty_query_line=empty)
    assert build_canonical_request(request, case_data["signed_headers"], empty_query_line=empty).decode() == read_text(
        case, "canonical.txt"
    )
    assert derive_signing_key(case_data["sk"], parse_authorization(authorization).prefix).decode() == read_text(
        case, "signing_key.txt"
    )
    assert authorization == read_text(case, "authorization.txt")


@pytest.mark.parametrize(
    ("case", "signature"),
    [
        ("tv1-host-only", "6207fab8cd5bb1d4db0d38936aa1122602e5cc66a600982fd67efe074f217ca2"),
        ("tv2-three-headers", "5c79e2d190fbe236fb045638f747e95409d6806f03066b09a198ed5ed2bcb45a"),
        ("tv4-escapes", "7b2cf5adbb5ff06810cd4489dc8955643d8b9179e7114a117391b12ac2002821"),
        ("tv6-milliseconds", "067c053525a782763624cda5809c20a0a7a9ac925d06729514cc3d1f284b6318"),
    ],
)
def test_our_signatures_equal_the_published_ones(case: str, signature: str) -> None:
    case_data, request = read_vector(case)
    assert sign_request(
        request, case_data["ak"], case_data["sk"], case_data["timestamp"], case_data["signed_headers"]
    ).endswith("/" + signature)


def test_the_committed_vectors_equal_the_output_of_make_py(tmp_path: Path) -> None:
    subprocess.run([sys.executable, VECTORS / "make.py", tmp_path], check=True)
    generated = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.glob("*/*")}
    committed = {
        str(path.relative_to(VECTORS)): path.read_bytes() for case in CASES for path in (VECTORS / case).iterdir()
    }
    assert generated == committed
