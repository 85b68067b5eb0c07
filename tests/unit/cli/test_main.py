"""The entry point: one line and the right exit code for whatever goes wrong, and nobody's secrets in it."""

import errno
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

import ringback
from ringback.cli import main as module
from ringback.cli.exits import MEANINGS, ExitCode
from ringback.cli.main import main
from ringback.cli.receiver import Answer, Receiver
from ringback.client.errors import Unreachable
from ringback.model import errors
from support.authority import Authority


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RINGBACK_TRACE", "RINGBACK_PORT", "RINGBACK_KEY", "RINGBACK_URL", "RINGBACK_TENANT"):
        monkeypatch.delenv(name, raising=False)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip() == ringback.__version__


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["keys"], ["serve", "--nonsense"], ["send"], ["listen", "--port", "x"], ["tail", "a\nb"]],
)
def test_wrong_arguments_are_explained_without_a_trace(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.BAD_SETTING
    said = capsys.readouterr().err
    assert said.startswith("ringback: ")
    assert said.endswith(" --help`. [usage]\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["listen", "--port", "x"], "--port: it must be a whole number. See `ringback listen --help`."),
        (["listen", "--port", "99999"], "--port: it must be 65535 or less. See `ringback listen --help`."),
        (["listen", "--max-requests", "0"], "--max-requests: it must be 1 or more. See `ringback listen --help`."),
        (
            ["keys", "create", "--key", "k", "--scope", "foo"],
            "--scope: 'foo' is not one of 'admin', 'tenant', 'ingest'. See `ringback keys create --help`.",
        ),
        (["serve", "--nonsense"], "No such option: --nonsense. See `ringback serve --help`."),
    ],
)
def test_wrong_arguments_are_told_in_our_words(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.BAD_SETTING
    assert capsys.readouterr().err == f"ringback: {said} [usage]\n"


LIST = ["keys", "list", "--key", "k", "--url"]


def test_an_api_that_is_not_there_has_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        assert main([*LIST, url]) == ExitCode.API_UNREACHABLE
    assert capsys.readouterr().err.endswith(f"Connection refused. {module.UNREACHABLE_HINT} [api_unreachable]\n")


def test_https_where_http_is_spoken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    plain = Receiver("127.0.0.1", 0, lambda _: Answer())
    plain.start()
    try:
        assert main([*LIST, f"https://127.0.0.1:{plain.port}"]) == ExitCode.API_UNREACHABLE
    finally:
        plain.stop()
    assert capsys.readouterr().err.endswith(f". {module.IS_IT_HTTP} [api_unreachable]\n")


def test_http_where_https_is_spoken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = Authority(tmp_path).server("127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(connection, server_side=True) as shaken:
                    shaken.recv(1)

        thread = threading.Thread(target=shake_hands, daemon=True)
        thread.start()
        at = f"127.0.0.1:{listener.getsockname()[1]}"
        assert main([*LIST, f"http://{at}"]) == ExitCode.API_UNREACHABLE
        assert capsys.readouterr().err.endswith(f". {module.IS_IT_HTTPS} [api_unreachable]\n")
        assert main([*LIST, f"https://{at}"]) == ExitCode.API_UNREACHABLE
        assert capsys.readouterr().err.endswith(f" {module.NOT_TRUSTED} [api_unreachable]\n")
        thread.join(5)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_the_exit_codes(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning}" in said


def test_every_start_error_has_an_exit_code_of_its_own_that_is_explained() -> None:
    kinds = errors.StartError.__subclasses__()
    codes = {kind.exit_code for kind in kinds}
    assert len(codes) == len(kinds)
    assert codes < {code.value for code in MEANINGS}
    assert set(MEANINGS) == set(ExitCode)


def test_a_bad_setting_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_PORT", "many")
    assert main(["serve"]) == ExitCode.BAD_SETTING
    assert capsys.readouterr().err == (
        "ringback: port: 'many' is not a whole number from 0 to 65535 (from RINGBACK_PORT). [bad_setting]\n"
    )


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    taken = Receiver("127.0.0.1", 0, lambda _: Answer())
    taken.start()
    try:
        assert main(["listen", "--port", str(taken.port)]) == ExitCode.PORT_TAKEN
    finally:
        taken.stop()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "another `ringback up`" in said
    assert "--port N" in said


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["listen", "--port", "80"], "--port N"),
        (["up", "--listen-port", "80"], "--listen-port N"),
        (["serve", "--port", "80"], "--port N"),
    ],
)
def test_a_port_that_this_user_may_not_use_is_one_line(
    arguments: list[str], flag: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert main(arguments) == ExitCode.PORT_TAKEN
    assert capsys.readouterr().err == (
        "ringback: Port 80 on 127.0.0.1 can't be used: this user may not use ports below 1024. "
        f"Choose another: {flag}. [port_taken]\n"
    )


def test_an_empty_data_directory_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0", "--data", ""]) == ExitCode.BAD_SETTING
    assert capsys.readouterr().err == "ringback: data: '' must not be empty (from --data). [bad_setting]\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.StoreLocked("locked"), ExitCode.STORE_LOCKED),
        (errors.Unavailable("gone"), ExitCode.UNEXPECTED),
        (Unreachable("gone"), ExitCode.API_UNREACHABLE),
        (RuntimeError("whsec_abc"), ExitCode.UNEXPECTED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_errors_become_exit_codes(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(**_: object) -> None:
        raise error

    monkeypatch.setattr(module, "app", failing)
    assert main(["version"]) == code
    said = capsys.readouterr().err
    assert said.count("\n") <= 1
    assert "whsec_abc" not in said


def test_an_unexpected_error_shows_its_trace_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(**_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(module, "app", failing)
    monkeypatch.setenv("RINGBACK_TRACE", "1")
    with pytest.raises(RuntimeError, match="a defect"):
        main(["version"])
