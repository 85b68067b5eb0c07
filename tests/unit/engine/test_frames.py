"""Frames over a real socket pair: whole however the bytes come, never waited for, and an end that is noticed."""

import itertools
import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.engine.frames import Frames, PeerGone

LARGE = 5_000_000  # no kernel buffers so much for a socket


@pytest.fixture
def ends() -> Iterator[tuple[Frames, Frames]]:
    one, other = (Frames(end) for end in socket.socketpair())
    yield one, other
    one.close()
    other.close()


@pytest.fixture
def raw() -> Iterator[tuple[socket.socket, Frames]]:
    """A bare socket, and the frames at its other end."""
    bare, end = socket.socketpair()
    frames = Frames(end)
    yield bare, frames
    bare.close()
    frames.close()


def on_the_wire(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "little") + frame


def carried_over(sender: Frames, receiver: Frames, count: int) -> list[bytes]:
    """The first `count` frames that arrive when one side flushes and the other takes, in turns."""
    taken: list[bytes] = []
    for _ in range(10_000):
        sender.flush()
        taken += receiver.take()
        if len(taken) >= count:
            break
    return taken


def test_nothing_has_come_yet(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    assert (one.take(), other.take()) == ([], [])
    assert not one.waiting


def test_a_frame_arrives_as_it_was_put(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    one.put(b"\x00\xffhello")
    assert not one.waiting
    assert other.take() == [b"\x00\xffhello"]
    assert other.take() == []


def test_both_ends_put_and_take(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    one.put(b"there")
    other.put(b"back")
    assert (other.take(), one.take()) == ([b"there"], [b"back"])


def test_an_empty_frame_is_a_frame(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    one.put(b"")
    one.put(b"")
    assert other.take() == [b"", b""]


def test_many_frames_arrive_at_once_in_their_order(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    frames = [b"%d" % i * (i % 7) for i in range(1_000)]
    for frame in frames:
        one.put(frame)
    assert carried_over(one, other, len(frames)) == frames


def test_a_frame_that_the_kernel_does_not_take_at_once_is_kept_and_flushed(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    frame = os.urandom(LARGE)
    one.put(frame)
    assert one.waiting
    one.flush()
    assert one.waiting, "the other side has read nothing, so nothing more can be sent"
    assert carried_over(one, other, 1) == [frame]
    assert not one.waiting


def test_frames_behind_a_large_one_wait_for_it(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    frames = [b"before", bytes(LARGE), b"", b"behind", bytes(LARGE), b"last"]
    for frame in frames:
        one.put(frame)
    assert one.waiting
    assert carried_over(one, other, len(frames)) == frames


def test_bytes_that_dribble_in_one_by_one(raw: tuple[socket.socket, Frames]) -> None:
    bare, frames = raw
    taken = []
    for byte in on_the_wire(b"one") + on_the_wire(b"") + on_the_wire(b"x" * 300):
        bare.send(bytes([byte]))
        taken.append(frames.take())
    whole = [(at, found) for at, found in enumerate(taken, 1) if found]
    assert whole == [(7, [b"one"]), (11, [b""]), (11 + 304, [b"x" * 300])]


def test_a_length_uses_all_its_four_bytes(raw: tuple[socket.socket, Frames]) -> None:
    bare, frames = raw
    bare.sendall(b"\x00\x01\x00\x00" + bytes(255))
    assert frames.take() == []
    bare.sendall(b"\x01")
    assert frames.take() == [bytes(255) + b"\x01"]


@settings(deadline=None, max_examples=100)
@given(
    frames=st.lists(st.binary(max_size=40) | st.binary(min_size=250, max_size=300), max_size=12),
    cuts=st.lists(st.integers(0, 3_000), max_size=30),
)
def test_frames_are_the_same_wherever_the_stream_is_split(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(on_the_wire, frames))
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    bare, end = socket.socketpair()
    with bare:
        receiver = Frames(end)
        taken = []
        for begin, until in itertools.pairwise(edges):
            bare.sendall(stream[begin:until])
            taken += receiver.take()
        receiver.close()
    assert taken == frames


# The end.


def test_a_peer_that_closed_is_noticed_by_whoever_takes(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    other.close()
    with pytest.raises(PeerGone):
        one.take()


def test_what_was_sent_before_the_end_is_taken_first(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    other.put(b"last words")
    other.close()
    assert one.take() == [b"last words"]
    with pytest.raises(PeerGone):
        one.take()


def test_half_a_frame_is_none_when_the_peer_ends(raw: tuple[socket.socket, Frames]) -> None:
    bare, frames = raw
    bare.sendall(on_the_wire(b"whole") + on_the_wire(b"never finished")[:-1])
    bare.close()
    assert frames.take() == [b"whole"]
    with pytest.raises(PeerGone):
        frames.take()


def test_a_peer_that_closed_without_reading_is_noticed(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    one.put(b"unread")
    other.close()
    with pytest.raises(PeerGone):  # the kernel calls this a reset connection
        one.take()


def test_a_peer_that_closed_is_noticed_by_whoever_puts(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    other.close()
    with pytest.raises(PeerGone):
        one.put(b"anything")


def test_a_peer_that_closed_is_noticed_by_whoever_flushes(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    one.put(bytes(LARGE))
    assert one.waiting
    other.close()
    with pytest.raises(PeerGone):
        one.flush()


def test_with_nothing_left_over_a_flush_asks_nobody(ends: tuple[Frames, Frames]) -> None:
    one, other = ends
    other.close()
    one.flush()
    assert not one.waiting
