"""Settings: where a value comes from, what is refused, and that a refusal says so without giving a secret away."""

from ipaddress import ip_network
from pathlib import Path

import certifi
import pytest

from ringback.model.errors import BadSetting
from ringback.policy.address import Allowed
from ringback.settings import Settings, catalogue, load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_given_means_the_defaults() -> None:
    assert load({}, {}) == Settings()


def test_a_flag_beats_a_variable_beats_the_file() -> None:
    Path("ringback.toml").write_text('port = 1\nhost = "10.0.0.1"\nrole = "api"\n')
    settings = load({"port": 3, "host": None}, {"RINGBACK_PORT": "2", "RINGBACK_HOST": "10.0.0.2"})
    assert (settings.port, settings.host, settings.role) == (3, "10.0.0.2", "api")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({}, {"RINGBACK_PORT": ""}).port == Settings().port


def test_the_configuration_file_is_named_by_flag_or_variable() -> None:
    Path("one.toml").write_text("port = 1\n")
    Path("two.toml").write_text("port = 2\n")
    assert load({}, {"RINGBACK_CONFIG": "one.toml"}).port == 1
    assert load({}, {"RINGBACK_CONFIG": "one.toml"}, Path("two.toml")).port == 2


def test_a_named_configuration_must_exist() -> None:
    with pytest.raises(BadSetting, match=r"missing\.toml can't be read"):
        load({}, {}, Path("missing.toml"))


def test_every_key_can_be_set_by_its_variable() -> None:
    texts = {
        "host": "::1",
        "port": "0",
        "data": "/somewhere",
        "store": "sqlite:////somewhere/else.db",
        "role": "engine",
        "public_url": "https://webhooks.example.com/",
        "compat_hosts": "API.example.com=vainu, localhost=vinsight",
        "operator_tenant": "the-operator",
        "allow_private": "yes",
        "allow": "10.0.0.0/8, [fd00::/8]:443",
        "bins": "on",
        "allow_http": "1",
        "name_servers": "192.0.2.53, [2001:db8::53]:5353",
        "ca_file": certifi.where(),
        "admin_key": "k" * 20,
        "master_key": "A" * 43 + "=",
        "migrate": "TRUE",
        "log_level": "debug",
        "log_format": "json",
        "log_attempts": "on",
        "otlp_url": "http://127.0.0.1:4318",
        "propagate_trace": "on",
    }
    for info in catalogue():
        if info.kind in {int, float} and info.name not in texts:
            texts[info.name] = str(int(info.highest))
    settings = load({}, {"RINGBACK_" + name.upper(): text for name, text in texts.items()})
    for info in catalogue():
        assert getattr(settings, info.name) != info.default or info.highest == info.default, info.name
    assert settings.allow == (
        Allowed(ip_network("10.0.0.0/8"), None),
        Allowed(ip_network("fd00::/8"), 443),
    )
    assert settings.name_servers == ("192.0.2.53:53", "[2001:db8::53]:5353")
    assert settings.compat_hosts == (("api.example.com", "vainu"), ("localhost", "vinsight"))
    assert settings.public_url == "https://webhooks.example.com"
    assert settings.store_path == Path("/somewhere/else.db")


def test_the_database_is_in_the_data_directory_unless_said_otherwise() -> None:
    assert Settings(data=Path("/srv/ringback")).store_path == Path("/srv/ringback/ringback.db")
    assert Settings(store="sqlite:///near.db").store_path == Path("near.db")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("prot = 8080", r"prot: there is no such setting \(from ringback.toml\)"),
        ('port = "8080"', r"port: '8080' is not a whole number from 0 to 65535 \(from ringback.toml\)"),
        ("port = 65536", "port: 65536 is not"),
        ("port = true", "port: True is not"),
        ("resolve_s_max = nan", "resolve_s_max: nan is not"),
        ("migrate = 1", "migrate: 1 is neither true nor false"),
        ('role = "both"', "role: 'both' is not all, api or engine"),
        ('host = ""', "host: '' must not be empty"),
        ('data = ""', "data: '' must not be empty"),
        ("data = 5", "data: 5 is not a text"),
        ('allow = "10.0.0.0/8:80"', "allow: '10.0.0.0/8:80' is not a list of texts"),
        ('allow = ["10.0.0.1/8:80"]', "allow: .* has host bits set"),
        ('allow = ["here:80"]', "allow: 'here:80' is not CIDR:PORT"),
        ('allow = ["10.0.0.0/8:0"]', "allow: '10.0.0.0/8:0' has no port"),
        ('name_servers = ["ns.example"]', "name_servers: 'ns.example' is not an address such as"),
        ('name_servers = "192.0.2.53"', "name_servers: '192.0.2.53' is not a list of texts"),
        ('ca_file = "missing.pem"', r"ca_file: 'missing.pem' can't be read"),
        ('ca_file = "ringback.toml"', "ca_file: 'ringback.toml' has no certificate"),
        ('public_url = "ftp://example.com"', "public_url: not a URL such as"),
        ('store = "mysql://localhost"', "store: neither of the form sqlite:///PATH"),
        ('admin_key = "abcdefghijklmnopqrstuvwxyz"', "admin_key: a secret is read from RINGBACK_ADMIN_KEY alone"),
        ("port = ", r"ringback.toml can't be read"),
    ],
)
def test_what_the_file_may_not_hold(line: str, complaint: str) -> None:
    Path("ringback.toml").write_text(line + "\n")
    with pytest.raises(BadSetting, match=complaint):
        load({}, {})


def test_the_file_is_checked_also_where_a_flag_or_a_variable_holds() -> None:
    Path("ringback.toml").write_text('port = "many"\n')
    with pytest.raises(BadSetting, match=r"port: 'many' is not a whole number .* \(from ringback.toml\)"):
        load({"port": 1}, {"RINGBACK_PORT": "2"})


@pytest.mark.parametrize("log", [{}, {"log_format": "text"}, {"log_format": "json", "log_level": "warning"}])
def test_attempts_are_logged_as_json_at_level_info_or_not_at_all(log: dict[str, object]) -> None:
    with pytest.raises(BadSetting, match="log_attempts: needs log_format json"):
        load({"log_attempts": True, **log}, {})
    assert load({"log_attempts": True, "log_format": "json"}, {}).log_attempts


@pytest.mark.parametrize("text", ["1_000", "-1", "0x10", "١", "1.5", " 80", "abc"])
def test_a_variable_must_be_a_plain_number(text: str) -> None:
    with pytest.raises(BadSetting, match="RINGBACK_PORT"):
        load({}, {"RINGBACK_PORT": text})


@pytest.mark.parametrize("key", ["short-secret", "has a blank in its middle", "umlaut-äääääääääääääääääää"])
def test_a_refused_admin_key_is_not_shown(key: str) -> None:
    with pytest.raises(BadSetting, match="RINGBACK_ADMIN_KEY") as raised:
        load({}, {"RINGBACK_ADMIN_KEY": key})
    assert key not in raised.value.detail


def test_a_refused_store_is_not_shown_since_it_may_hold_a_password() -> None:
    with pytest.raises(BadSetting) as raised:
        load({}, {"RINGBACK_STORE": "postgres:ada:lovelace@db/ringback"})
    assert "lovelace" not in raised.value.detail


def test_a_postgresql_store_is_kept_as_it_came_and_shown_without_its_password() -> None:
    url = "postgresql://ada:love%20lace@one,two:5433/ringback?target_session_attrs=read-write"
    settings = load({}, {"RINGBACK_STORE": url})
    assert settings.postgresql_url == url
    assert settings.key_directory is None
    assert settings.store_shown == "postgresql://ada:***@one,two:5433/ringback?target_session_attrs=read-write"
    assert "lace" not in repr(settings)


def test_the_store_of_a_data_directory_is_a_file_and_so_are_its_keys() -> None:
    settings = Settings(data=Path("/srv/ringback"))
    assert settings.postgresql_url is None
    assert (settings.key_directory, settings.store_shown) == (Path("/srv/ringback"), "/srv/ringback/ringback.db")


def test_the_admin_key_is_not_in_the_repr() -> None:
    assert "kkkk" not in repr(load({}, {"RINGBACK_ADMIN_KEY": "k" * 20}))


def test_every_key_is_described() -> None:
    for info in catalogue():
        assert info.about.endswith("."), info.name
        assert info.kind not in {int, float} or info.limit, info.name
