"""The settings as a server would have them: are they readable, which are risky, which variables does nobody read?"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ringback.doctor.finding import Finding, ok, problem, warning
from ringback.model.errors import ProfileFileUnusable
from ringback.policy.address import Allowed
from ringback.profile_files import read_profiles
from ringback.setting import VARIABLE_PREFIX
from ringback.settings import Settings, catalogue

# Variables that are no settings: of the commands that ask a server, and of the command line itself.
OTHER_VARIABLES: Final = frozenset(
    f"{VARIABLE_PREFIX}{name}" for name in ("CONFIG", "URL", "KEY", "TENANT", "SECRET", "TRACE")
)
# Their risk is looked at elsewhere (the directory's own checks), or is no other for being set.
_WITHOUT_A_LINE: Final = frozenset(("data", "store", "admin_key", "master_key", "name_servers", "ca_file"))


def examine_risks(settings: Settings) -> Iterator[Finding]:
    """A line for each setting that was changed and that a careless value of costs something."""
    changed = [
        info
        for info in catalogue()
        if info.risk and info.name not in _WITHOUT_A_LINE and getattr(settings, info.name) != info.default
    ]
    for info in changed:
        shown = "set" if info.secret else _shown(getattr(settings, info.name))
        yield warning("setting", f"{info.name} is {shown}. {info.risk.rstrip('.')}", "Fine, if it is meant so.")
    if not changed:
        yield ok("settings", "none with a risk differs from its default")


def examine_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that look like settings and are none: what they were to set is not set."""
    known = {info.variable for info in catalogue()} | OTHER_VARIABLES
    unknown = sorted(name for name in environment if name.startswith(VARIABLE_PREFIX) and name not in known)
    for name in unknown:
        near = difflib.get_close_matches(name, known, 1)
        advice = f"Is {near[0]} meant?" if near else "Remove it; docs/settings.md lists the settings."
        yield warning("variable", f"{name} is set, and there is no such setting", advice)
    if not unknown:
        count = sum(name in environment for name in known)
        yield ok("variables", f"{count} of Ringback's are set, none is unknown")


def examine_profiles(data: Path) -> Iterator[Finding]:
    """Profiles in files: one that can't be used keeps a server from starting."""
    try:
        names = [contract.name for contract in read_profiles(data)]
    except ProfileFileUnusable as unusable:
        yield problem("profiles", unusable.detail.rstrip("."), "Mend the file, or take it out of the data directory.")
        return
    if names:
        yield ok("profiles", f"in files: {', '.join(names)}")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_allowed(entry) if isinstance(entry, Allowed) else str(entry) for entry in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(entry: Allowed) -> str:
    return str(entry.network) if entry.port is None else f"{entry.network}:{entry.port}"
