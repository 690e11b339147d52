"""Whether what lies on one of our queues is a message: whoever reaches the broker may put anything there. Pure."""

from __future__ import annotations

import base64
import json
from typing import Any

#: Ours have a few hundred bytes; one names at most some twenty events and a summary of targets.
MAX_BYTES = 262_144
CONTENT_TYPE = "application/json"
ENCODINGS = ("utf-8", "utf8", "us-ascii", "binary")


def wrong(item: bytes | str) -> str:
    """What is wrong with it; "" for nothing. Whether its task and arguments make sense is asked later."""
    if len(item) > MAX_BYTES:
        return f"{len(item)} bytes"
    try:
        envelope = json.loads(item)
    except (ValueError, RecursionError):
        return "no JSON"
    return _wrong(envelope) if isinstance(envelope, dict) else "no envelope"


def _wrong(envelope: dict[str, Any]) -> str:
    properties, headers = envelope.get("properties"), envelope.get("headers")
    if not isinstance(properties, dict) or not isinstance(headers, dict):
        return "an envelope without properties or headers"
    if not isinstance(properties.get("delivery_tag"), str) or not _is_routed(properties.get("delivery_info")):
        return "an envelope without a tag or a way back"
    if envelope.get("content-type") != CONTENT_TYPE or envelope.get("content-encoding") not in ENCODINGS:
        return "a content that is no JSON"
    return "" if _is_body(envelope.get("body"), properties, headers) else "a body that can't be read"


def _is_routed(information: Any) -> bool:
    """Would Celery find the way by which it came? It returns by that what a worker could not finish."""
    names = ("exchange", "routing_key")
    return isinstance(information, dict) and all(isinstance(information.get(name), str) for name in names)


def _is_body(body: Any, properties: dict[str, Any], headers: dict[str, Any]) -> bool:
    """What is compressed is left to Celery, which refuses it by itself."""
    if not isinstance(body, str):
        return False
    try:
        plain = base64.b64decode(body, validate=True) if properties.get("body_encoding") == "base64" else body
        return bool(headers.get("compression")) or isinstance(json.loads(plain), list | dict)
    except (ValueError, RecursionError):
        return False
