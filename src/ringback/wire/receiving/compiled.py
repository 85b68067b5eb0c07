"""The code for Go; see the package."""

import json
from typing import Final

from ringback.wire.receiving.signed import TOLERATED, Signed, of_secret
from ringback.wire.signature import PUBLIC_PREFIX, SYMMETRIC_PREFIX

_PACKAGES: Final = (
    "crypto/ed25519", "crypto/hmac", "crypto/sha1", "crypto/sha256", "crypto/sha512", "encoding/base64",
    "encoding/hex", "net/http", "strconv", "strings", "time",
)  # fmt: skip
_DECODED: Final = "base64.StdEncoding.DecodeString(strings.TrimPrefix({value}, {prefix}))"
_OR_NOT: Final = "\tif err != nil {\n\t\treturn false\n\t}\n"


def go_code(signed: Signed) -> str:
    """With Go's standard library."""
    before, behind = signed.around(lambda name: "secret" if of_secret(name) else f'header.Get("{name}")', json.dumps)
    content = f"\tcontent := append([]byte({'+'.join(before) or '``'}), body...)\n"
    if behind:
        content += f"\tcontent = append(content, []byte({'+'.join(behind)})...)\n"
    body = _of_public_key(signed, content) if signed.by_public_key else _of_secret(signed, content)
    imported = [name for name in _PACKAGES if f"{name.rpartition('/')[2]}." in body]
    lines = "".join(f'\t"{name}"\n' for name in imported)
    return f"package receiver\n\nimport (\n{lines})\n\n{body}"


def _of_secret(signed: Signed, content: str) -> str:
    hashed, key = signed.hashed, ""
    new = "sha512.New" if hashed == "sha512" else f"{hashed}.New"
    if signed.plain_hash:
        made = "\tsum := sha256.Sum256(content)\n"
        total = "sum[:]"
    else:
        secret, total = "[]byte(secret)", "mac.Sum(nil)"
        if signed.standard_secret:
            decoded = _DECODED.format(value="secret", prefix=json.dumps(SYMMETRIC_PREFIX))
            key, secret = f"\tkey, err := {decoded}\n{_OR_NOT}", "key"
        used, written = ("content", "[]byte(secret)") if signed.variant.exchanged else (secret, "content")
        made = f"\tmac := hmac.New({new}, {used})\n\tmac.Write({written})\n"
    encode = "hex" if signed.encoding == "hex" else "base64.StdEncoding"
    prefix = f"{json.dumps(signed.prefix)} + " if signed.prefix else ""
    return (
        f"func Genuine(header http.Header, body []byte, secret string) bool {{\n{_age(signed)}{key}{content}{made}"
        f"\texpected := []byte({prefix}{encode}.EncodeToString({total}))\n"
        f"\tfor _, given := range {_signatures(signed)} {{\n"
        "\t\tif hmac.Equal([]byte(given), expected) {\n\t\t\treturn true\n\t\t}\n\t}\n\treturn false\n}\n"
    )


def _of_public_key(signed: Signed, content: str) -> str:
    key = _DECODED.format(value="publicKey", prefix=json.dumps(PUBLIC_PREFIX))
    signature = _DECODED.format(value="given", prefix=json.dumps(signed.prefix))
    return (
        "func Genuine(header http.Header, body []byte, publicKey string) bool {\n"
        f"{_age(signed)}\tkey, err := {key}\n"
        "\tif err != nil || len(key) != ed25519.PublicKeySize {\n\t\treturn false\n\t}\n"
        f"{content}\tfor _, given := range {_signatures(signed)} {{\n\t\tsignature, err := {signature}\n"
        "\t\tif err == nil && ed25519.Verify(key, content, signature) {\n\t\t\treturn true\n\t\t}\n\t}\n"
        "\treturn false\n}\n"
    )


def _age(signed: Signed) -> str:
    """Refuses what is old, if that can be seen."""
    if signed.time is None:
        return ""
    return (
        f'\tsent, err := strconv.ParseInt(header.Get("{signed.time}"), 10, 64)\n\tage := time.Now().Unix() - sent\n'
        f"\tif err != nil || age > {TOLERATED} || age < -{TOLERATED} {{\n\t\treturn false\n\t}}\n"
    )


def _signatures(signed: Signed) -> str:
    given = f'header.Get("{signed.header}")'
    return f"strings.Split({given}, {json.dumps(signed.separator)})" if signed.separator else f"[]string{{{given}}}"
