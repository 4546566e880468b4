"""Logging in: HTTP Basic and Digest (RFC 7617 and 7616), which RTSP uses alike."""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Sequence

# A setting of a challenge: realm="camera", qop="auth,auth-int", stale=false
_SETTING = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')
# Cameras that know SHA-256 offer MD5 as well; MD5 is what all of them understand.
_HASHES = {"": hashlib.md5, "md5": hashlib.md5, "sha-256": hashlib.sha256}


def answer(
    challenges: Sequence[str], method: str, target: str, user: str, password: str
) -> str | None:
    """Return the Authorization header, None when no challenge is understood or there is no user.

    Args:
        challenges: the WWW-Authenticate headers.
        method: of the request, `GET` or `DESCRIBE`.
        target: of the request, as its first line has it.
        user: who asks.
        password: what proves it; sent in the clear only when Basic is all that is offered.
    """
    if not user:
        return None
    for challenge in challenges:
        name, _, rest = challenge.strip().partition(" ")
        if name.lower() == "digest":
            settings = {key.lower(): text or word for key, text, word in _SETTING.findall(rest)}
            found = _digest(settings, method, target, user, password)
            if found:
                return found
    if any(challenge.strip().lower().startswith("basic") for challenge in challenges):
        return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    return None


def _digest(
    settings: dict[str, str], method: str, target: str, user: str, password: str
) -> str | None:
    algorithm = settings.get("algorithm", "")
    make = _HASHES.get(algorithm.lower())
    if make is None or "nonce" not in settings:
        return None

    def digest(*parts: str) -> str:
        return make(":".join(parts).encode()).hexdigest()

    realm, nonce = settings.get("realm", ""), settings["nonce"]
    secret = digest(user, realm, password)
    asked = digest(method, target)
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    plain = ""
    if "auth" in re.split(r"\s*,\s*", settings.get("qop", "")):
        count, mine = "00000001", secrets.token_hex(8)
        fields["cnonce"] = mine
        fields["response"] = digest(secret, nonce, count, mine, "auth", asked)
        plain = f", qop=auth, nc={count}"
    else:
        fields["response"] = digest(secret, nonce, asked)
    if "opaque" in settings:
        fields["opaque"] = settings["opaque"]
    if algorithm:
        plain += f", algorithm={algorithm}"
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in fields.items()) + plain
