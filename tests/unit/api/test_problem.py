"""Errors as answers: every error of the tree, statuses of the framework, and what must never be shown."""

import json
from typing import Any

import pytest

from ringback.api.problem import Problem, UnsupportedMediaType, problem, status_problem
from ringback.model import errors
from ringback.model.errors import (
    FieldError,
    Invalid,
    NoKey,
    NoSuchRecord,
    NotFound,
    OverQuota,
    PreconditionFailed,
    Refused,
    RingbackError,
    Unavailable,
)
from ringback.store.port import BadRow, StoreUnavailable


def document(answer: Problem) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    parsed: dict[str, Any] = json.loads(answer.body)
    assert parsed["status"] == answer.status
    assert set(parsed) - {"errors"} == {"type", "title", "status", "detail", "code"}
    return parsed


# PreconditionFailed writes its detail itself.
REFUSALS = [kind for kind in Refused.__subclasses__() if kind is not PreconditionFailed]


@pytest.mark.parametrize("kind", [*REFUSALS, Unavailable, UnsupportedMediaType], ids=lambda k: k.__name__)
def test_every_error_has_status_code_type_title_and_detail(kind: type[Any]) -> None:
    parsed = document(problem(kind("What happened.")))
    assert parsed["status"] == kind.status
    assert parsed["code"] == kind.code
    assert parsed["type"] == f"urn:ringback:error:{kind.code}"
    assert parsed["detail"] == "What happened."
    assert parsed["title"]
    assert "errors" not in parsed


def test_the_tree_is_what_this_test_walks() -> None:
    assert {kind.__name__ for kind in Refused.__subclasses__()} >= {
        "Malformed", "NoKey", "Forbidden", "NotFound", "Conflict", "TooLarge", "Invalid", "OverQuota",
    }  # fmt: skip
    assert errors.Refused is Refused


def test_refusals_of_records_name_the_place_in_a_batch() -> None:
    assert "errors" not in document(problem(NoSuchRecord()))
    told = document(problem(NoSuchRecord("records[3]")))
    assert (told["status"], told["code"], told["errors"][0]["field"]) == (404, "no_such_record", "records[3]")
    told = document(problem(PreconditionFailed(7)))
    assert (told["status"], told["title"], "revision 7" in told["detail"]) == (
        412,
        "It is not as the request has it",
        True,
    )
    told = document(problem(PreconditionFailed(0, "records[3]")))
    assert told["detail"].startswith("records[3] is not there")
    assert told["errors"][0]["field"] == "records[3]"


def test_field_errors() -> None:
    answer = problem(Invalid("No.", [FieldError("a.b", "is empty"), FieldError("é", 'has a "quote"')]))
    assert document(answer)["errors"] == [
        {"field": "a.b", "message": "is empty"},
        {"field": "é", "message": 'has a "quote"'},
    ]


def test_an_error_can_have_a_code_of_its_own() -> None:
    parsed = document(problem(NotFound("No.", code="no_such_job")))
    assert (parsed["code"], parsed["type"]) == ("no_such_job", "urn:ringback:error:no_such_job")


def test_headers_that_belong_to_a_status() -> None:
    assert problem(NoKey("No.")).headers["WWW-Authenticate"] == "Bearer"
    assert problem(OverQuota("No.", 7)).headers["Retry-After"] == "7"
    answer = problem(StoreUnavailable("No.", 3))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
    assert document(answer)["code"] == "store_unavailable"
    assert set(problem(NotFound("No.")).headers) == {"Content-Type"}


@pytest.mark.parametrize("error", [KeyError("the secret"), RingbackError("the secret"), BadRow("the secret")])
def test_what_is_unexpected_says_nothing(error: Exception) -> None:
    answer = problem(error)
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    assert document(answer)["title"]


def test_an_unexpected_error_is_internal() -> None:
    assert document(problem(ValueError()))["code"] == "internal"


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "not_found"), (405, "method_not_allowed"), (413, "too_large"), (418, "refused"),
     (500, "internal"), (507, "internal")],
)  # fmt: skip
def test_statuses_of_the_framework(status: int, code: str) -> None:
    parsed = document(status_problem(status))
    assert parsed["code"] == code
    assert parsed["title"]
    assert parsed["detail"]


def test_headers_of_the_framework_are_kept() -> None:
    answer = status_problem(405, headers={"Allow": "GET"})
    assert answer.headers == {"Content-Type": "application/problem+json", "Allow": "GET"}
    assert document(status_problem(404, "No such page."))["detail"] == "No such page."


def test_a_status_nobody_knows() -> None:
    assert document(status_problem(499))["title"] == "Status 499"
