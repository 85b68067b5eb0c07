"""What libcurl's error numbers mean to whoever reads the log: one of our codes and a sentence.

Each of libcurl's numbers that a plain http or https transfer can end with stands in the table; the rest come from
protocols that are switched off, and count as a connection that was lost. Nothing here repeats libcurl's own text,
except for the certificate errors that are looked for in it.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple

import pycurl


class Failure(NamedTuple):
    """An error code of `engine.ports.InboundResponse` and what to tell the reader."""

    code: str
    message: str


class Stage(Enum):
    """How far a request had come when libcurl gave it up. Looking the name up comes before, and isn't libcurl's."""

    CONNECTING = auto()
    HANDSHAKE = auto()
    """The connection is there, TLS is not."""
    SENT = auto()
    """The request was about to be sent, or was; no status line has come back."""
    ANSWERED = auto()
    """There is a status line, and the headers are not complete."""


TIMEOUT: Final = "timeout"
CONNECT_FAILED: Final = "connect_failed"
DNS_FAILED: Final = "dns_failed"
TLS_FAILED: Final = "tls_failed"
BLOCKED_ADDRESS: Final = "blocked_address"
BLOCKED_REQUEST: Final = "blocked_request"
HEADERS_TOO_LARGE: Final = "headers_too_large"
BAD_RESPONSE: Final = "bad_response"
CONNECTION_LOST: Final = "connection_lost"
ABORTED: Final = "aborted"
UNREADABLE: Final = "secret_unreadable"
PROFILE_MISSING: Final = "profile_missing"

NOT_HTTP: Final = Failure(BAD_RESPONSE, "The receiver answered with something that is not HTTP/1.")
TOO_MANY_INTERIM: Final = Failure(BAD_RESPONSE, "The receiver sent too many interim (1xx) answers.")
HEADERS_OVER_CAP: Final = Failure(HEADERS_TOO_LARGE, "The receiver's response headers are too large.")
CLOSED_UNANSWERED: Final = Failure(
    CONNECTION_LOST, "The receiver closed the connection without answering. It may have got the request."
)
NO_DESCRIPTORS: Final = Failure(
    CONNECT_FAILED, "This machine has no file descriptor left for a connection: raise the limit (ulimit -n)."
)
NOT_READABLE: Final = Failure(
    UNREADABLE, "Nothing was sent: a stored secret or credential of the endpoint can't be read."
)
NO_PROFILE: Final = Failure(
    PROFILE_MISSING, "Nothing was sent: the endpoint's profile is not there, or it has not the endpoint's signature."
)
GAVE_UP: Final = Failure(ABORTED, "The request was broken off by Ringback.")

_HANDSHAKE = Failure(TLS_FAILED, "The TLS handshake failed. The receiver must offer TLS 1.2 or newer.")
_CERTIFICATE = Failure(TLS_FAILED, "The receiver's certificate is not valid.")
_CONFIGURATION = Failure(TLS_FAILED, "TLS could not be set up on this side: check the file of trusted certificates.")
_LOST = Failure(CONNECTION_LOST, "The connection broke off before the answer was complete.")
_NO_CONNECTION = Failure(TIMEOUT, "No connection could be made in time: the address did not answer.")
_NO_HANDSHAKE = Failure(TIMEOUT, "The connection was made, but the TLS handshake did not end in time.")
_NO_STATUS_LINE = Failure(TIMEOUT, "The receiver sent no status line in time. It may have got the request.")
_NO_HEADERS = Failure(TIMEOUT, "The receiver began to answer, but its headers were not complete in time.")
_NO_MEMORY = Failure(CONNECT_FAILED, "This machine has no memory left for the request.")
_URL = Failure(BLOCKED_REQUEST, "The URL can't be used.")

FAILURES: Final[Mapping[int, Failure]] = {
    pycurl.E_UNSUPPORTED_PROTOCOL: NOT_HTTP,  # HTTP/0.9
    pycurl.E_FAILED_INIT: _NO_MEMORY,
    pycurl.E_URL_MALFORMAT: _URL,
    pycurl.E_COULDNT_RESOLVE_PROXY: Failure(DNS_FAILED, "The proxy's name could not be looked up."),
    pycurl.E_COULDNT_RESOLVE_HOST: Failure(DNS_FAILED, "The host name could not be looked up."),
    pycurl.E_COULDNT_CONNECT: Failure(CONNECT_FAILED, "The receiver refused the connection or can't be reached."),
    pycurl.E_FTP_WEIRD_SERVER_REPLY: NOT_HTTP,
    pycurl.E_REMOTE_ACCESS_DENIED: _LOST,
    pycurl.E_HTTP2: NOT_HTTP,
    pycurl.E_PARTIAL_FILE: _LOST,
    pycurl.E_HTTP_RETURNED_ERROR: _LOST,
    pycurl.E_WRITE_ERROR: _LOST,  # our own callbacks end a transfer so, and say why themselves
    pycurl.E_UPLOAD_FAILED: _LOST,
    pycurl.E_READ_ERROR: _LOST,
    pycurl.E_OUT_OF_MEMORY: _NO_MEMORY,
    pycurl.E_OPERATION_TIMEDOUT: _NO_STATUS_LINE,  # `_TIMEOUTS` knows better
    pycurl.E_RANGE_ERROR: NOT_HTTP,
    pycurl.E_HTTP_POST_ERROR: _LOST,
    pycurl.E_SSL_CONNECT_ERROR: _HANDSHAKE,
    pycurl.E_ABORTED_BY_CALLBACK: CLOSED_UNANSWERED,  # `Exchange._before_request`: libcurl would have sent it twice
    pycurl.E_BAD_FUNCTION_ARGUMENT: _URL,
    pycurl.E_INTERFACE_FAILED: Failure(CONNECT_FAILED, "The connection could not be opened on this side."),
    pycurl.E_TOO_MANY_REDIRECTS: NOT_HTTP,
    pycurl.E_GOT_NOTHING: CLOSED_UNANSWERED,
    pycurl.E_SSL_ENGINE_NOTFOUND: _CONFIGURATION,
    pycurl.E_SSL_ENGINE_SETFAILED: _CONFIGURATION,
    pycurl.E_SEND_ERROR: _LOST,
    pycurl.E_RECV_ERROR: _LOST,
    pycurl.E_SSL_CERTPROBLEM: _CONFIGURATION,
    pycurl.E_SSL_CIPHER: _HANDSHAKE,
    pycurl.E_PEER_FAILED_VERIFICATION: _CERTIFICATE,
    pycurl.E_BAD_CONTENT_ENCODING: Failure(
        BAD_RESPONSE, "The receiver used a transfer encoding that was not asked for."
    ),
    pycurl.E_FILESIZE_EXCEEDED: _LOST,
    pycurl.E_USE_SSL_FAILED: _HANDSHAKE,
    pycurl.E_SEND_FAIL_REWIND: _LOST,
    pycurl.E_SSL_ENGINE_INITFAILED: _CONFIGURATION,
    pycurl.E_LOGIN_DENIED: _LOST,
    pycurl.E_SSL_CACERT_BADFILE: _CONFIGURATION,
    pycurl.E_SSL_SHUTDOWN_FAILED: _LOST,
    pycurl.E_AGAIN: _LOST,
    pycurl.E_SSL_CRL_BADFILE: _CONFIGURATION,
    pycurl.E_SSL_ISSUER_ERROR: _CERTIFICATE,
    pycurl.E_CHUNK_FAILED: _LOST,
    pycurl.E_NO_CONNECTION_AVAILABLE: Failure(CONNECT_FAILED, "No connection was free on this side."),
    pycurl.E_SSL_PINNEDPUBKEYNOTMATCH: _CERTIFICATE,
    pycurl.E_SSL_INVALIDCERTSTATUS: _CERTIFICATE,
    100: HEADERS_OVER_CAP,  # CURLE_TOO_LARGE
}

# The one place where libcurl's (that is, OpenSSL's) words are read.
_CERTIFICATE_REASONS: Final = (
    ("expired", "The receiver's certificate has expired."),
    ("not yet valid", "The receiver's certificate is not valid yet."),
    ("subject name", "The receiver's certificate is for another host name."),
    ("self-signed", "The receiver's certificate is self-signed; it must come from a public authority."),
    ("self signed", "The receiver's certificate is self-signed; it must come from a public authority."),
    (
        "local issuer",
        "The receiver's certificate comes from an unknown authority, or its intermediate certificates are missing.",
    ),
    ("revoked", "The receiver's certificate was revoked."),
)


_TIMEOUTS: Final[Mapping[Stage, Failure]] = {
    Stage.CONNECTING: _NO_CONNECTION,
    Stage.HANDSHAKE: _NO_HANDSHAKE,
    Stage.SENT: _NO_STATUS_LINE,
    Stage.ANSWERED: _NO_HEADERS,
}


def failure_of(number: int, text: str, stage: Stage) -> Failure:
    """Our code and sentence for libcurl's error `number`, at which the request was at `stage`."""
    failure = FAILURES.get(number, _LOST)
    if failure is _CERTIFICATE:
        lower = text.lower()
        return next((Failure(TLS_FAILED, words) for part, words in _CERTIFICATE_REASONS if part in lower), failure)
    if failure.code == TIMEOUT:
        return _TIMEOUTS[stage]
    if failure.code == CONNECTION_LOST and stage in (Stage.CONNECTING, Stage.HANDSHAKE):
        return Failure(CONNECT_FAILED, "The connection broke off before a request could be sent.")
    return failure
