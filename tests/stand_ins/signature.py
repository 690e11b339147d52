"""AWS Signature Version 4, checked as AWS checks it (Signature Version 4 signing process)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

from tests.stand_ins.server import Request

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), ?SignedHeaders=(?P<names>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]+)"
)


def signature_is_valid(request: Request, secrets: Mapping[str, str]) -> bool:
    """Is it signed with the secret that belongs to its key?"""
    match = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if not match or match["key"] not in secrets:
        return False
    names = match["names"].split(";")
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(request.query.items()))
    payload = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join([request.method, quote(request.path), query, headers, match["names"], payload])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", request.headers.get("x-amz-date", ""), match["scope"], digest])
    signing = f"AWS4{secrets[match['key']]}".encode()
    for part in match["scope"].split("/"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, match["signature"])


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
