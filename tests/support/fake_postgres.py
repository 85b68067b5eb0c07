"""A server that speaks PostgreSQL's protocol as far as a connection needs, and says what version it is.

It is for versions that no package has any more. A client that asks it anything is hung up on.
"""

import struct

from support.receivers import Connection, Receiver

_NO_ENCRYPTION = {80_877_103, 80_877_104}  # SSLRequest, GSSENCRequest


def fake_postgres(version: str) -> Receiver:
    """To be entered; it listens on `port`."""

    def greet(connection: Connection) -> None:
        while True:
            (length,) = struct.unpack("!i", connection.sock.recv(4))
            message = connection.sock.recv(length - 4)
            if struct.unpack("!i", message[:4])[0] not in _NO_ENCRYPTION:
                break
            connection.send(b"N")
        told = {"server_version": version, "client_encoding": "UTF8", "server_encoding": "UTF8"}
        statuses = [_message(b"S", b"%b\0%b\0" % (k.encode(), v.encode())) for k, v in told.items()]
        connection.send(_message(b"R", struct.pack("!i", 0)) + b"".join(statuses))
        connection.send(_message(b"K", struct.pack("!ii", 1, 1)) + _message(b"Z", b"I"))
        connection.sock.recv(1)

    return Receiver(greet)


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content
