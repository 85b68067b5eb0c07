"""Where the certificates stand that receivers are checked against.

The system's own file first, since an operator's additions to it should count; else the one that comes with `certifi`.
libcurl's built-in path is that of the machine it was built on. Reads no environment.
"""

from pathlib import Path
from typing import Final

import certifi

_SYSTEM_FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, the BSDs
)


def trusted_certificates(system_files: tuple[str, ...] = _SYSTEM_FILES) -> str:
    """The path of a PEM file with the authorities to trust."""
    for path in system_files:
        try:
            if Path(path).stat().st_size > 0:
                return path
        except OSError:
            continue
    return certifi.where()
