"""Which entries name a host for a contract, and what is said of the others."""

import pytest

from ringback.compat_hosts import CONTRACTS, CompatHost, parse_compat_hosts
from ringback.model.errors import BadSetting
from ringback.settings import load


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("api.example.com=vainu", "api.example.com"),
        ("API.Example.COM=vainu", "api.example.com"),
        ("localhost=vainu", "localhost"),
        ("192.0.2.1=vainu", "192.0.2.1"),
        ("xn--bcher-kva.example=vainu", "xn--bcher-kva.example"),
    ],
)
def test_a_host_of_a_contract(entry: str, host: str) -> None:
    assert parse_compat_hosts([entry]) == (CompatHost(host, "vainu"),)


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        (["api.example.com"], "'api.example.com' is not HOST=NAME, such as"),
        (["=vainu"], "'' is not a host name such as"),
        (["https://api.example.com=vainu"], "'https://api.example.com' is not a host name"),
        (["api.example.com:443=vainu"], "'api.example.com:443' is not a host name"),
        (["api.example.com/=vainu"], "is not a host name"),
        (["bücher.example=vainu"], "international name in its xn-- form"),
        (["a..b=vainu"], "'a..b' is not a host name"),
        (["-a.example=vainu"], "is not a host name"),
        ([f"{'a.' * 127}=vainu"], "is not a host name"),
        (["a.example=Vainu"], f"'Vainu' is no published contract; there are {', '.join(CONTRACTS)}$"),
        (["a.example=standard"], "'standard' is no published contract"),
        (["a.example="], "'' is no published contract"),
        (["a.example=vainu", "A.example=vinsight"], "'a.example' is there twice"),
    ],
)
def test_anything_else_is_refused(entries: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_compat_hosts(entries)
    complaint = complaint.removesuffix("$")
    with pytest.raises(BadSetting, match=r"compat_hosts: .* \(from --compat-hosts\)"):
        load({"compat_hosts": entries}, {})
