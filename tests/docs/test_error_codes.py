"""Every error code: the source gives it, docs/errors.md explains it, and a test provokes it. The three sets are one.

Most are provoked here, through the API or the command line, and what comes is held against the page: the status, the
exit code. The others have a test elsewhere, which is named, exists, and speaks of the code.
"""

import ast
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from ringback.policy.expression import FilterRefused
from ringback.policy.filter import compile_filter
from ringback.policy.url import UrlRefused, UrlRules, accept_url
from support import provoking_api as api
from support import provoking_attempts as attempts
from support import provoking_commands as commands
from support.api_world import ApiWorld, fields_of
from support.codes import Line, codes_of_the_source, lines_of_the_page
from support.process import Server
from support.rows import TENANT
from support.tenant import TestTenant

TESTS: Final = Path(__file__).parents[1]
FAULTS: Final = {"caller", "operator", "receiver", "sender", "server"}
API: Final = "The API"

# The test that provokes a code, and what it calls it if not by its name.
ELSEWHERE: Final = {
    "wrong_state": ("unit/api/test_management_endpoints.py", "test_what_waits_for_verification_cannot_be_activated"),
    "access_token_ambiguous": (
        "unit/api/test_compat_vessel_api.py",
        "test_a_token_of_two_connections_is_ambiguous_for_an_admin_key_alone",
    ),
    "wrong_password": (
        "unit/control/test_access_use_cases.py",
        "test_a_wrong_one_is_refused_and_says_nothing_of_which_it_was",
    ),
    "too_many_sign_ins": (
        "unit/control/test_access_use_cases.py",
        "test_there_are_too_many_sign_ins_after_ten_wrong_ones_within_a_minute",
    ),
    "public_url_needed": ("unit/api/test_management_operators.py", "test_public_url_needed"),
    "operator_quota": ("unit/api/test_management_operators.py", "test_there_are_so_many_at_most"),
    "tracked_set_quota": ("unit/api/test_management_tracked_sets.py", "test_there_are_so_many_at_most"),
    "tracked_member_quota": ("unit/control/test_tracked_sets.py", "test_there_are_so_many_sets_and_members_at_most"),
    "broken_line": ("unit/cli/test_set_commands.py", "test_with_a_broken_line_nothing_is_sent"),
    "event_type_quota": ("unit/api/test_management_event_types.py", "test_there_are_so_many_types_at_most"),
    "record_type_quota": ("unit/api/test_management_record_types.py", "test_there_are_so_many_types_at_most"),
    "replay_quota": ("unit/api/test_management_replay.py", "test_only_so_many_run_at_once"),
    "internal": ("unit/api/test_management_problems.py", "test_a_defect_says_nothing"),
    "not_ready": ("unit/api/test_management_docs.py", "test_readyz_needs_a_store_that_can_commit_and_no_obstacles"),
    "not_accepting": ("e2e/test_metrics.py", "test_a_process_that_only_sends_is_not_ready_and_says_why"),
    "disk_nearly_full": ("e2e/test_disk.py", "test_below_the_watermark_events_are_turned_away_and_deliveries_go_on"),
    "store_unavailable": ("e2e/test_disk.py", "test_a_disk_that_is_really_full_loses_nothing_and_recovers"),
    "secret_unreadable": (
        "e2e/test_secrets_at_rest.py",
        "test_a_row_that_was_tampered_with_breaks_its_endpoint_alone_and_a_new_secret_mends_it",
    ),
    "no_such_bin": ("unit/console/test_receiving.py", "test_who_sends_to_no_bin_is_told_as_by_the_api"),
    "bin_quota": ("unit/control/test_bin_use_cases.py", "test_a_tenant_has_so_many_at_most"),
    "bin_rate": ("unit/console/test_receiving.py", "test_too_many_are_told_to_wait"),
    "bins_busy": ("unit/console/test_receiving.py", "test_a_late_answer_waits_and_so_many_at_most"),
    "profile_missing": ("e2e/test_profiles_e2e.py", "test_an_endpoint_whose_profile_is_gone_waits_and_says_why"),
    "trigger_quota": ("unit/api/test_management_triggers.py", "test_there_are_so_many_at_most"),
    "trigger_refused": ("unit/policy/test_trigger.py", "test_refused"),
    "profile_quota": ("unit/api/test_management_profiles.py", "test_there_are_so_many_at_most"),
    "store_refused": ("e2e/test_postgres_opening.py", "test_a_role_a_database_or_a_port_that_is_not_there_is_refused"),
    "store_rights": ("e2e/test_postgres_opening.py", "test_a_role_that_may_not_make_tables_is_told_so"),
    "store_version": ("e2e/test_postgres_opening.py", "test_a_server_that_is_too_old_is_told_so"),
    "store_pooler": ("e2e/test_postgres_opening.py", "test_a_pooler_in_transaction_mode_is_told_so"),
    "store_move_unfinished": (
        "unit/store/test_moving.py",
        "test_what_differs_at_the_end_is_named_and_no_server_starts",
    ),
    "store_move_differs": ("unit/store/test_moving.py", "test_what_differs_at_the_end_is_named_and_no_server_starts"),
    "bad_row": ("unit/store/test_sqlite_errors.py", "test_a_missing_value_is_the_rows_fault", "BadRow"),
    "retryable": (
        "conformance/test_memory_shared.py",
        "test_a_key_that_an_open_transaction_has_claimed_is_retryable",
        "Retryable",
    ),
    "not_owner": ("conformance/suite_nodes.py", "test_who_was_taken_over_owns_nothing_and_claims_nothing", "NotOwner"),
    "sender_failed": (
        "unit/engine/test_sender_process.py",
        "test_a_process_that_was_killed_fails_the_poll_with_its_status",
        "SenderFailed",
    ),
    "blocked_address": ("e2e/test_security_dialling.py", "test_a_name_with_a_private_answer_is_refused"),
    "blocked_request": ("unit/engine/test_sender_guard.py", "test_a_url_that_is_not_accepted_any_more_is_not_sent_to"),
    "cancelled": ("unit/api/test_management_attempts.py", "test_an_end_without_a_request_is_in_the_log"),
    "expired": (
        "e2e/test_retention_e2e.py",
        "test_what_is_past_its_time_goes_while_events_come_in_and_the_file_shrinks",
    ),
    "aborted": (
        "e2e/test_sender_process_e2e.py",
        "test_a_second_signal_breaks_off_what_the_first_waits_for_and_the_log_says_so",
    ),
}  # fmt: skip
HERE: Final = (
    *(api.BY_REQUEST, api.BY_APP, api.BY_PART, commands.COMMANDS, commands.CHECKS, commands.CLIENT),
    *(attempts.RECEIVERS, attempts.URLS, attempts.FILTERS, {"failing_too_long": attempts.failing_too_long}),
)
PAGE: Final = lines_of_the_page()
_numbers = count(1)


def line(code: str, heading: str) -> Line:
    """The code's line on the page under this heading."""
    (found,) = [one for one in PAGE if (one.code, one.heading) == (code, heading)]
    return found


def told(code: str) -> tuple[int, str]:
    """What the page says the API answers."""
    return int(line(code, API).cells["status"].replace("4xx", "418")), code


# ── the sets ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_source_gives_the_page_explains_and_tests_provoke_is_the_same() -> None:
    explained = {one.code for one in PAGE}
    provoked = set().union(ELSEWHERE, *HERE)
    assert len(explained) > 80
    assert explained == codes_of_the_source()
    assert explained == provoked


def test_no_code_is_provoked_in_two_ways() -> None:
    """Two tables with one code would be a table that nobody keeps up to date."""
    assert sum(map(len, HERE)) + len(ELSEWHERE) == len(set().union(ELSEWHERE, *HERE))


@pytest.mark.parametrize("one", PAGE, ids=lambda one: f"{one.heading}-{one.code}")
def test_each_line_says_whose_fault_it_is_and_what_to_do(one: Line) -> None:
    assert one.cells["whose fault"] in FAULTS
    says = list(one.cells.values())[-1]
    assert says[0].isupper() or says.startswith("`")
    assert says.endswith((".", "?"))
    assert len(re.findall(r"[.?;:]", says)) >= 2 or len(says) > 60, "what happened, and what to do"


@pytest.mark.parametrize("code", ELSEWHERE)
def test_what_is_provoked_elsewhere_is(code: str) -> None:
    name, test, speaks_of = (*ELSEWHERE[code], code)[:3]
    text = (TESTS / name).read_text(encoding="utf-8")
    bodies = {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    found = [body for known, body in bodies.items() if known == test]
    assert any(speaks_of in body for body in found)


# ── the API ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("codes") / "data", "--allow-private") as running:
        yield running


@pytest.fixture
def tenant(server: Server) -> TestTenant:
    return TestTenant(server, f"t{next(_numbers)}")


@pytest.mark.parametrize("code", api.BY_REQUEST)
def test_a_request_provokes(tenant: TestTenant, code: str) -> None:
    answer = api.BY_REQUEST[code](tenant)
    assert (answer.status, answer.json["code"]) == told(code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in answer.headers) is (answer.status in (429, 503))
    assert ("errors" in answer.json) is (answer.status == 422 or answer.json["code"] == "schema_not_additive")


@pytest.mark.parametrize("code", api.BY_APP)
def test_the_app_answers(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    assert api.BY_APP[code](ApiWorld(), monkeypatch) == told(code)


@pytest.mark.parametrize("code", api.BY_PART)
def test_a_part_gives(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    assert api.BY_PART[code](monkeypatch) == told(code)


# ── endpoints and attempts ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", attempts.URLS)
def test_a_url_is_refused_with(code: str) -> None:
    url = attempts.URLS[code]
    with pytest.raises(UrlRefused) as refused:
        accept_url(url, UrlRules())
    assert refused.value.code == code
    world = ApiWorld()
    assert fields_of(world.call("POST", f"/v1/tenants/{TENANT}/endpoints", {"url": url})) == ["url"]


@pytest.mark.parametrize("code", attempts.FILTERS)
def test_a_filter_is_refused_with(code: str) -> None:
    with pytest.raises(FilterRefused) as refused:
        compile_filter(attempts.FILTERS[code])
    assert refused.value.code == code
    body = {"url": "https://example.com/", "filter": attempts.FILTERS[code]}
    assert fields_of(ApiWorld().call("POST", f"/v1/tenants/{TENANT}/endpoints", body)) == ["filter"]


@pytest.mark.parametrize("code", attempts.RECEIVERS)
def test_an_attempt_fails_with(tenant: TestTenant, code: str) -> None:
    with attempts.RECEIVERS[code]() as url:
        assert attempts.code_of_attempt(tenant, url) == code


def test_an_endpoint_is_disabled_with_failing_too_long(tmp_path: Path) -> None:
    assert attempts.failing_too_long(tmp_path) == "failing_too_long"


# ── the command line, checks, the client ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", commands.COMMANDS)
def test_a_command_ends_with(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    ended = commands.COMMANDS[code](commands.Place(tmp_path, server, monkeypatch))
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("ringback: ")
    assert said.endswith(f"[{code}]")
    assert ended == int(line(code, "Commands").cells["exit code"])


@pytest.mark.parametrize("code", [*commands.CHECKS, *commands.CLIENT])
def test_a_library_raises(code: str) -> None:
    assert {**commands.CHECKS, **commands.CLIENT}[code]() == code
