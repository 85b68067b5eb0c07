"""What came from outside stays text that can be looked at."""

import pytest

from ringback.console.shown import LINE_CHARS_MAX, SHOWN_BYTES_MAX, shown_bytes, shown_json


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (None, ""),
        (b"plain\ttext\n\xc3\xa4", "plain\ttext\nä"),
        (b"\x1b[31mred\x00\x7f\r", "␛[31mred␀␡␍"),
        ("a\u202eb\u2066c\u200bd\ufeffe", "a⟨U+202E⟩b⟨U+2066⟩c⟨U+200B⟩d⟨U+FEFF⟩e"),
        (b"\xff\xfe<script>", "��<script>"),
        ("one\r\ntwo\u2028three", "one\ntwo⟨U+2028⟩three"),
        (b"\xc2\x85\xc2\xad", "⟨U+0085⟩⟨U+00AD⟩"),
    ],
)
def test_what_is_not_seen_is_named(given: bytes | str | None, seen: str) -> None:
    assert shown_bytes(given) == seen


def test_a_megabyte_on_one_line_is_cut() -> None:
    shown = shown_bytes(b"x" * (1 << 20))
    line, note = shown.split("\n")
    assert len(line) < LINE_CHARS_MAX + 40
    assert note == f"… {(1 << 20) - SHOWN_BYTES_MAX} more bytes"


def test_json_stands_over_several_lines_and_anything_else_as_it_is() -> None:
    assert shown_json(b'{"a":[1,"\xc3\xa4"]}') == '{\n  "a": [\n    1,\n    "ä"\n  ]\n}'
    assert shown_json(b"no json\x1b") == "no json␛"
    assert shown_json(b"[" * 200_000) == shown_bytes(b"[" * 200_000)
