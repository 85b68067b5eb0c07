"""Profiles in files: what is read, and that what can't be used is told with its place."""

from pathlib import Path

import pytest

from ringback.model.errors import ProfileFileUnusable
from ringback.model.limits import PROFILE_BYTES_MAX, PROFILES_MAX
from ringback.profile_files import line_of, read_profile, read_profiles
from ringback.wire.profile import ProfileError
from support.profiles import profile_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    return tmp_path / "profiles"


def test_no_folder_is_no_profile(tmp_path: Path) -> None:
    assert list(read_profiles(tmp_path)) == []


def test_every_toml_is_one_and_nothing_else_is(folder: Path, tmp_path: Path) -> None:
    for name in ("b", "a"):
        (folder / f"{name}.toml").write_text(profile_text(name))
    for name in (".a.toml", "a.toml~", "README.md"):
        (folder / name).write_text("no profile")
    assert [contract.name for contract in read_profiles(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name = ", "file is not TOML"),
        (b"\xff", "is not UTF-8"),
        (profile_text("a").replace('"POST"', '"SHOUT"').encode(), "request.method 'SHOUT' is not known"),
        (profile_text("b").encode(), "name must be 'a'"),
        (b"#" * (PROFILE_BYTES_MAX + 1), "at most 65,536 bytes"),
        (b"a = " + b"[\n" * 20_000, "nested too deeply"),
        (b"\n" + b"a." * 1_001 + b"a = 1", "which line 2 has not"),
    ],
)
def test_a_bad_one_is_told_with_its_file_and_key(folder: Path, tmp_path: Path, content: bytes, said: str) -> None:
    (folder / "a.toml").write_bytes(content)
    with pytest.raises(ProfileFileUnusable) as told:
        read_profiles(tmp_path)
    assert str(folder / "a.toml") in told.value.detail
    assert said in told.value.detail


def test_the_names_that_come_with_ringback_are_reserved(folder: Path, tmp_path: Path) -> None:
    (folder / "standard.toml").write_text(profile_text("standard"))
    with pytest.raises(ProfileFileUnusable, match="comes with Ringback"):
        read_profiles(tmp_path)


def test_what_can_not_be_read_is_told(folder: Path, tmp_path: Path) -> None:
    (folder / "a.toml").mkdir()
    with pytest.raises(ProfileFileUnusable, match="can't be read"):
        read_profiles(tmp_path)
    with pytest.raises(ProfileFileUnusable, match="can't be read"):
        read_profile(tmp_path / "nowhere.toml")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "profiles").write_text("a file")
    with pytest.raises(ProfileFileUnusable, match="can't be read"):
        read_profiles(tmp_path / "other")


def test_there_are_so_many_at_most(folder: Path, tmp_path: Path) -> None:
    for number in range(PROFILES_MAX + 1):
        (folder / f"p{number}.toml").touch()
    with pytest.raises(ProfileFileUnusable, match="at most 200"):
        read_profiles(tmp_path)


def test_the_line_is_told_where_it_is_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str, name: str) -> None:
        raise ProfileError(name, "request.method", "is wrong", line=7)

    assert line_of(ProfileError("a", "b", "c", line=7)) == 7
    (folder / "a.toml").touch()
    monkeypatch.setattr("ringback.profile_files.check_profile", refuse)
    with pytest.raises(ProfileFileUnusable, match=r"a\.toml, line 7: request\.method is wrong\."):
        read_profile(folder / "a.toml")
