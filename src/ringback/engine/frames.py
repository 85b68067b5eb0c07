"""Messages between two processes of ours: whole frames over a stream socket that neither side ever waits on.

A frame is its length in four bytes and then that many bytes. What the kernel doesn't take at once is kept and sent by
`flush`; what came only in part is kept until the rest is here. Assumes a peer that is ourselves: lengths are believed.
Fails with PeerGone when the other side has closed, whatever the reason.
"""

import socket
from typing import Final

_LENGTH_BYTES: Final = 4
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
        # One buffer for all reads: a fresh one each time would be a new mapping each time.
        self._read = memoryview(bytearray(_BUFFER_BYTES))
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
        length = len(frame).to_bytes(_LENGTH_BYTES, "little")
        if self._unsent:
            self._unsent += length
            self._unsent += frame
            self.flush()
            return
        sent = self._send([length, frame])
        if sent < _LENGTH_BYTES + len(frame):
            self._unsent += (length + frame)[sent:]

    def flush(self) -> None:
        """Send what is left over. Raises PeerGone."""
        if self._unsent:
            del self._unsent[: self._send([self._unsent])]

    def take(self) -> list[bytes]:
        """The frames that are complete by now. Raises PeerGone."""
        try:
            count = self._socket.recv_into(self._read)
        except BlockingIOError:
            return []
        except OSError as error:
            raise PeerGone from error
        if not count:
            raise PeerGone
        return self._complete(self._read[:count])

    def _send(self, parts: list[bytes | bytearray]) -> int:
        try:
            return self._socket.sendmsg(parts)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise PeerGone from error

    def _complete(self, read: memoryview) -> list[bytes]:
        """The whole frames at the beginning; what is left is kept."""
        if self._partial:
            self._partial += read
            read = memoryview(self._partial)
        frames: list[bytes] = []
        at = 0
        while len(read) - at >= _LENGTH_BYTES:
            begin = at + _LENGTH_BYTES
            end = begin + int.from_bytes(read[at:begin], "little")
            if end > len(read):
                break
            frames.append(bytes(read[begin:end]))
            at = end
        if at or not self._partial:
            self._partial = bytearray(read[at:])
        return frames
