"""The code for Python, JavaScript, PHP and a shell; see the package."""

import json
import re
from typing import Final

from ringback.wire.receiving.signed import TOLERATED, Signed, of_secret
from ringback.wire.signature import PUBLIC_PREFIX, SYMMETRIC_PREFIX

# What stands before the 32 bytes of an ed25519 key in DER (RFC 8410, section 4).
_KEY_HEX: Final = "302a300506032b6570032100"
_SHELL_NAMES: Final = {"webhook-id": "ID"}


def python_code(profile: str) -> str:
    """With Ringback's own package."""
    return (
        "from ringback import VerificationFailed, verify\n\n\ndef genuine(headers, body, secret):\n"
        f'    try:\n        verify("{profile}", headers, body, secret)\n'
        "    except VerificationFailed:\n        return False\n    return True\n"
    )


def plain_python_code(signed: Signed) -> str:
    """With the standard library; ed25519 isn't in there."""
    before, behind = signed.around(
        lambda name: "secret.encode()" if of_secret(name) else f'headers.get("{name}", "").encode()',
        lambda text: f"b{json.dumps(text)}",
    )
    content = " + ".join([*before, "body", *behind])
    given = f'headers.get("{signed.header}", "")'
    signatures = f"{given}.split({json.dumps(signed.separator)})" if signed.separator else f"[{given}]"
    if signed.by_public_key:
        timed = "import time\n" if signed.time else ""
        return (
            f"import base64\n{timed}\n"
            "from cryptography.exceptions import InvalidSignature\n"
            "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey\n\n\n"
            f"def genuine(headers, body, public_key):\n{_python_age(signed)}"
            f'    raw = base64.b64decode(public_key.removeprefix("{PUBLIC_PREFIX}"))\n'
            f"    key = Ed25519PublicKey.from_public_bytes(raw)\n    content = {content}\n"
            f"    for given in {signatures}:\n        try:\n"
            f"            key.verify(base64.b64decode(given.removeprefix({json.dumps(signed.prefix)})), content)\n"
            "            return True\n        except (InvalidSignature, ValueError):\n            pass\n"
            "    return False\n"
        )
    secret = (
        f'base64.b64decode(secret.removeprefix("{SYMMETRIC_PREFIX}"))' if signed.standard_secret else "secret.encode()"
    )
    if signed.plain_hash:
        digest, key = "hashlib.sha256(content)", ""
    elif signed.variant.exchanged:
        digest, key = f'hmac.new(content, secret.encode(), "{signed.hashed}")', ""
    else:
        digest, key = f'hmac.new(key, content, "{signed.hashed}")', f"    key = {secret}\n"
    made = f"{digest}.hexdigest()" if signed.encoding == "hex" else f"base64.b64encode({digest}.digest()).decode()"
    prefix = f"{json.dumps(signed.prefix)} + " if signed.prefix else ""
    body = (
        f"def genuine(headers, body, secret):\n{_python_age(signed)}"
        f"    content = {content}\n{key}    expected = {prefix}{made}\n"
        f"    given = {signatures}\n"
        "    return any(hmac.compare_digest(one.encode(), expected.encode()) for one in given)\n"
    )
    imported = [name for name in ("base64", "hashlib", "hmac", "time") if f"{name}." in body]
    return "".join(f"import {name}\n" for name in imported) + "\n\n" + body


def _python_age(signed: Signed) -> str:
    """Refuses what is old, if that can be seen."""
    if signed.time is None:
        return ""
    return (
        f'    sent = headers.get("{signed.time}", "")\n'
        f"    if not sent.isdecimal() or abs(time.time() - float(sent)) > {TOLERATED}:\n        return False\n"
    )


def javascript_code(signed: Signed) -> str:
    """For Node."""
    parts = ", ".join(part for part in _javascript_parts(signed) if part)
    given = f'headers["{signed.header}"] ?? ""'
    signatures = f"({given}).split({json.dumps(signed.separator)})" if signed.separator else f"[{given}]"
    if signed.by_public_key:
        return (
            'import { createPublicKey, verify } from "node:crypto";\n\n'
            "export function genuine(headers, body, publicKey) {\n"
            f"{_javascript_age(signed)}  const content = Buffer.concat([{parts}]);\n"
            f'  const raw = Buffer.from(publicKey.slice("{PUBLIC_PREFIX}".length), "base64");\n'
            f'  const der = Buffer.concat([Buffer.from("{_KEY_HEX}", "hex"), raw]);\n'
            '  const key = createPublicKey({ key: der, format: "der", type: "spki" });\n'
            f"  const given = {signatures}.filter((text) => text.startsWith({json.dumps(signed.prefix)}));\n"
            f"  const signatures = given.map((text) => Buffer.from(text.slice({len(signed.prefix)}), "
            '"base64"));\n'
            "  return signatures.some((one) => verify(null, content, key, one));\n}\n"
        )
    encoding = signed.encoding
    if signed.plain_hash:
        imported, made, key = "createHash", f'createHash("sha256").update(content).digest("{encoding}")', ""
    elif signed.variant.exchanged:
        imported, key = "createHmac", ""
        made = f'createHmac("{signed.hashed}", content).update(secret).digest("{encoding}")'
    else:
        imported, made = "createHmac", f'createHmac("{signed.hashed}", key).update(content).digest("{encoding}")'
        raw = f'Buffer.from(secret.slice("{SYMMETRIC_PREFIX}".length), "base64")'
        key = f"  const key = {raw if signed.standard_secret else 'secret'};\n"
    prefix = f'"{signed.prefix}" + ' if signed.prefix else ""
    return (
        f'import {{ {imported}, timingSafeEqual }} from "node:crypto";\n\n'
        "export function genuine(headers, body, secret) {\n"
        f"{_javascript_age(signed)}  const content = Buffer.concat([{parts}]);\n{key}"
        f"  const expected = Buffer.from({prefix}{made});\n"
        f"  const given = {signatures}.map((text) => Buffer.from(text));\n"
        "  return given.some((one) => one.length === expected.length && timingSafeEqual(one, expected));\n}\n"
    )


def _javascript_age(signed: Signed) -> str:
    if signed.time is None:
        return ""
    age = f'Date.now() / 1000 - Number(headers["{signed.time}"])'
    return f"  const age = {age};\n  if (!(Math.abs(age) <= {TOLERATED})) return false;\n"


def _javascript_parts(signed: Signed) -> tuple[str, str, str]:
    before, behind = signed.around(
        lambda name: "${secret}" if of_secret(name) else f'${{headers["{name}"]}}', lambda text: text
    )
    texts = ["".join(pieces) for pieces in (before, behind)]
    literals = [f"Buffer.from(`{text}`)" if text else "" for text in texts]
    return literals[0], "body", literals[1]


def php_code(signed: Signed) -> str:
    """For PHP 8."""
    before, behind = signed.around(
        lambda name: "$secret" if of_secret(name) else f"($headers['{name}'] ?? '')", lambda text: f"'{text}'"
    )
    content = " . ".join([*before, "$body", *behind])
    given = f"$headers['{signed.header}'] ?? ''"
    signatures = f"explode({_php(signed.separator)}, {given})" if signed.separator else f"[{given}]"
    prefix = f"{_php(signed.prefix)} . " if signed.prefix else ""
    if signed.by_public_key:
        return (
            "<?php\nfunction genuine(array $headers, string $body, string $publicKey): bool\n{\n"
            f"{_php_age(signed)}    $key = base64_decode(substr($publicKey, strlen('{PUBLIC_PREFIX}')));\n"
            f"    $content = {content};\n"
            f"    foreach ({signatures} as $given) {{\n"
            f"        $signature = base64_decode(substr($given, {len(signed.prefix)}), true);\n"
            f"        if (str_starts_with($given, {_php(signed.prefix)}) && strlen((string) $signature) === 64\n"
            "            && sodium_crypto_sign_verify_detached($signature, $content, $key)) {\n"
            "            return true;\n        }\n    }\n    return false;\n}\n"
        )
    raw = "false" if signed.encoding == "hex" else "true"
    secret = f"base64_decode(substr($secret, strlen('{SYMMETRIC_PREFIX}')))" if signed.standard_secret else "$secret"
    if signed.plain_hash:
        made, key = f"hash('sha256', $content, {raw})", ""
    elif signed.variant.exchanged:
        made, key = f"hash_hmac('{signed.hashed}', $secret, $content, {raw})", ""
    else:
        made, key = f"hash_hmac('{signed.hashed}', $content, $key, {raw})", f"    $key = {secret};\n"
    written = made if signed.encoding == "hex" else f"base64_encode({made})"
    return (
        "<?php\nfunction genuine(array $headers, string $body, string $secret): bool\n{\n"
        f"{_php_age(signed)}    $content = {content};\n{key}    $expected = {prefix}{written};\n"
        f"    foreach ({signatures} as $given) {{\n        if (hash_equals($expected, $given)) {{\n"
        "            return true;\n        }\n    }\n    return false;\n}\n"
    )


def _php_age(signed: Signed) -> str:
    if signed.time is None:
        return ""
    sent = f"(int) ($headers['{signed.time}'] ?? 0)"
    return f"    if (abs(time() - {sent}) > {TOLERATED}) {{\n        return false;\n    }}\n"


def _php(text: str | None) -> str:
    escaped = (text or "").replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def shell_prints(signed: Signed) -> str:
    """What the shell's lines do."""
    if signed.by_public_key:
        return "PUBLIC_KEY and SIGNATURE are set; the last line says whether it fits"
    return "the last line prints the signature"


def shell_code(signed: Signed) -> str:
    """With openssl."""
    before, behind = signed.around(lambda name: f"${_shell_name(name)}", lambda text: text)
    printed = [f'printf %s "{"".join(pieces)}"' if pieces else "" for pieces in (before, behind)]
    parts = "; ".join(part for part in (printed[0], "cat body.json", printed[1]) if part)
    source = f"{{ {parts}; }}" if before or behind else "cat body.json"
    if signed.by_public_key:
        octal = "".join(f"\\{byte:03o}" for byte in bytes.fromhex(_KEY_HEX))
        return (
            f"{_shell_age(signed)}{source} > content\n"
            f"{{ printf '{octal}'; printf %s \"${{PUBLIC_KEY#{PUBLIC_PREFIX}}}\" | base64 -d; }} > key.der\n"
            f'printf %s "${{SIGNATURE#{signed.prefix}}}" | base64 -d > signature\n'
            "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in content -sigfile signature\n"
        )
    if signed.plain_hash:
        digest = "openssl dgst -sha256 -binary"
    elif signed.variant.exchanged:
        hexed = f"$({source} | od -An -v -tx1 | tr -d ' \\n')"
        source = 'printf %s "$SECRET"'
        digest = f"openssl dgst -{signed.hashed} -mac HMAC -binary -macopt hexkey:{hexed}"
    elif signed.standard_secret:
        digest = (
            "openssl dgst -sha256 -mac HMAC -binary "
            "-macopt hexkey:$(printf %s \"${SECRET#whsec_}\" | base64 -d | od -An -v -tx1 | tr -d ' \\n')"
        )
    else:
        digest = f'openssl dgst -{signed.hashed} -hmac "$SECRET" -binary'
    encoded = "openssl base64 -A" if signed.encoding == "base64" else "od -An -v -tx1 | tr -d ' \\n'"
    return f"{_shell_age(signed)}{source} |\n  {digest} |\n  {encoded}\n"


def _shell_age(signed: Signed) -> str:
    if signed.time is None:
        return ""
    sent = f'"${_shell_name(signed.time)}"'
    return (
        f"now=$(date +%s)\n[ {sent} -ge $((now - {TOLERATED})) ] && [ {sent} -le $((now + {TOLERATED})) ] || exit 1\n"
    )


def _shell_name(name: str) -> str:
    """`x-vessel-timestamp` → `TIMESTAMP`."""
    if of_secret(name):
        return "SECRET"
    return _SHELL_NAMES.get(name) or re.sub(r"[^A-Z]", "_", name.rpartition("-")[2].upper())
