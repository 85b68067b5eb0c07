"""Messages between two processes of ours: whole frames over a stream socket that neither side ever waits on.

A frame is its length in four bytes and then that many bytes. What the kernel doesn't take at once is kept and sent by
`flush`; what came only in part is kept until the rest is here. Assumes a peer that is ourselves: lengths are believed.
Fails with PeerGone when the other side has closed, whatever the reason.
"""

import socket
from typing import Final

_LENGTH_BYTES: Final = 4
_READ_BYTES_MAX: Final = 1_048_576
_BUFFER_BYTES: Final = 1_048_576


class PeerGone(Exception):
    """The process at the other end has closed the socket, or ended."""


class Frames:
    """One end of a socket pair; takes the socket over."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        self._socket = end
        self._unsent = bytearray()
        self._partial = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    @property
    def waiting(self) -> bool:
        """Whether something is left for `flush`, once the socket can be written to."""
        return bool(self._unsent)

    def put(self, frame: bytes) -> None:
        """Send `frame`, or as much of it as the kernel takes now. Raises PeerGone."""
        self._unsent += len(frame).to_bytes(_LENGTH_BYTES, "little")
        self._unsent += frame
        self.flush()

    def flush(self) -> None:
        """Send what is left over. Raises PeerGone."""
        if not self._unsent:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            raise PeerGone from error
        del self._unsent[:sent]

    def take(self) -> list[bytes]:
        """The frames that are complete by now. Raises PeerGone."""
        try:
            read = self._socket.recv(_READ_BYTES_MAX)
        except BlockingIOError:
            return []
        except OSError as error:
            raise PeerGone from error
        if not read:
            raise PeerGone
        return self._complete(read)

    def _complete(self, read: bytes) -> list[bytes]:
        self._partial += read
        partial = self._partial
        frames: list[bytes] = []
        at = 0
        while len(partial) - at >= _LENGTH_BYTES:
            begin = at + _LENGTH_BYTES
            end = begin + int.from_bytes(partial[at:begin], "little")
            if end > len(partial):
                break
            frames.append(bytes(memoryview(partial)[begin:end]))
            at = end
        del partial[:at]
        return frames
