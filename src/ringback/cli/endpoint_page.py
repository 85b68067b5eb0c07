"""An endpoint as it is shown: a line of a list, a page, its figures as bars."""

from typing import Any, Final

from rich.text import Text

from ringback.cli.shown import Column, counted, moment, print_facts, terminal
from ringback.model.text import harmless

BAR_CELLS: Final = 30
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"

Json = dict[str, Any]

STATUS_STYLES: Final = {
    "active": "green",
    "inactive": "dim",
    "verification_pending": "yellow",
    "disabled": "red",
}


def status_text(endpoint: Json) -> Text:
    """The status in its colour."""
    status = harmless(str(endpoint.get("status")))
    return Text(status, STATUS_STYLES.get(status, ""))


COLUMNS: Final = (
    Column("endpoint", lambda endpoint: str(endpoint["id"])),
    Column("status", status_text),
    Column("label", lambda endpoint: endpoint.get("label") or "", flexible=True),
    Column("url", lambda endpoint: endpoint.get("url") or "", flexible=True),
    Column("types", lambda endpoint: ", ".join(endpoint.get("event_types") or []), extra=True),
    Column("created (UTC)", lambda endpoint: moment(endpoint.get("created_at")), extra=True),
)


def show_endpoint(endpoint: Json) -> None:
    """Everything about an endpoint; what has its default is left out."""
    console = terminal()
    print_facts(console, _facts(endpoint))
    if endpoint.get("secret"):
        console.print()
        console.print(Text("The secret is shown this once:", "bold"))
        print_facts(console, [("secret", endpoint["secret"]), ("public key", endpoint.get("public_key"))], indent=2)


def _facts(endpoint: Json) -> list[tuple[str, str | Text | None]]:
    reason = endpoint.get("disable_reason")
    status = status_text(endpoint)
    if reason:
        status.append(harmless(f"  {reason['message']} [{reason['code']}]"))
    auth = endpoint.get("auth") or {}
    return [
        ("endpoint", endpoint["id"]),
        ("label", endpoint.get("label") or None),
        ("url", endpoint["url"]),
        ("query", endpoint.get("query") or None),
        ("status", status),
        ("types", ", ".join(endpoint.get("event_types") or [])),
        ("channels", _listed(endpoint.get("channels"))),
        ("filter", endpoint.get("filter")),
        ("tracked set", _followed(endpoint)),
        ("profile", f"{endpoint.get('profile')}, signature {endpoint.get('signature')}"),
        ("auth", None if auth.get("type", "none") == "none" else str(auth["type"])),
        ("headers", _listed([f"{name}: {value}" for name, value in (endpoint.get("headers") or {}).items()])),
        ("ordering", None if endpoint.get("ordering") == "none" else endpoint.get("ordering")),
        ("rate", None if not endpoint.get("rate_per_second") else f"{endpoint['rate_per_second']:g} requests/s"),
        ("at once", None if not endpoint.get("max_in_flight") else f"{endpoint['max_in_flight']} requests"),
        ("timeout", f"{endpoint.get('timeout_s'):g} s"),
        ("retries", _retries(endpoint.get("retry"))),
        ("created", f"{moment(endpoint.get('created_at'))} UTC"),
        ("changed", f"{moment(endpoint.get('updated_at'))} UTC"),
    ]


def _listed(items: list[str] | None) -> str | None:
    return ", ".join(items) if items else None


def _followed(endpoint: Json) -> str | None:
    """Its tracked set, and of how many objects it is told by that."""
    if endpoint.get("tracked_set") is None:
        return None
    members = endpoint.get("tracked_members")
    found = "which is not there: it is told of nothing" if members is None else counted(members, "member")
    return f"{endpoint['tracked_set']}, {found}"


def _retries(rule: Json | None) -> str:
    if rule is None:
        return "ten attempts over three days (the default)"
    if "delays_s" in rule:
        waits = ", ".join(f"{delay:g} s" for delay in rule["delays_s"])
        return f"{len(rule['delays_s']) + 1} attempts, with waits of {waits}" if waits else "one attempt only"
    waits = f"from {rule['base_s']:g} s × {rule['factor']:g} up to {rule['max_delay_s']:g} s"
    return f"{rule['max_attempts']} attempts, waits {waits}"


def show_stats(stats: Json) -> None:
    """Figures by day: green what succeeded, red what failed, on one scale."""
    console = terminal()
    days = stats["days"]
    most = max([day["succeeded"] + day["failed"] for day in days], default=0)
    width = max([len(f"{day[name]:,}") for day in days for name in ("succeeded", "failed")] + [6])
    console.print(Text(f"{'day (UTC)':10}  {'succeeded':>{max(width, 9)}}  {'failed':>{width}}", "dim"))
    for day in days:
        line = Text(f"{day['day']:10}  {day['succeeded']:>{max(width, 9)},}  {day['failed']:>{width},}  ")
        line.append(bar(day["succeeded"], most), "green")
        line.append(bar(day["failed"], most), "red")
        line.rstrip()
        console.print(line, soft_wrap=True)
    total = stats["succeeded"] + stats["failed"]
    share = f", {stats['succeeded'] / total:.1%} of {total:,} attempts" if total else ""
    console.print(Text(f"{stats['succeeded']:,} succeeded, {stats['failed']:,} failed{share}"), soft_wrap=True)


def bar(value: float, most: float, cells: int = BAR_CELLS) -> str:
    """A bar of up to `cells` characters, in eighths of one; anything above nothing can be seen."""
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(value / most * cells * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
