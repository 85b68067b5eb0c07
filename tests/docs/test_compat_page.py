"""docs/compat.md has every call of every published management API, and no other."""

import re
from pathlib import Path

import pytest

from ringback.api.compat.frame import CompatRoute
from ringback.compat_hosts import CONTRACTS
from support.api_world import ApiWorld

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compat.md").read_text(encoding="utf-8")


def section(contract: str) -> str:
    """The part of the page about a contract, which has its name in any case."""
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (found,) = [part for part in parts if part.partition("\n")[0].lower() == contract]
    return found


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_call_of_a_contract_is_in_its_table(contract: str) -> None:
    prefix = f"/compat/{contract}"
    routes = {
        f"{method} {route.path.removeprefix(prefix).rstrip('/')}"
        for route in ApiWorld().app.routes
        if isinstance(route, CompatRoute) and route.path.startswith(f"{prefix}/")
        for method in route.methods
    }
    calls = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", section(contract), re.MULTILINE)
    assert {call.rstrip("/") for call in calls} == routes
    assert len(calls) == len(routes)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_page_of_its_profile_leads_there(contract: str) -> None:
    assert f"(profiles/{contract}.md)" in PAGE
    assert f"(../compat.md#{contract})" in (ROOT / "docs" / "profiles" / f"{contract}.md").read_text(encoding="utf-8")
