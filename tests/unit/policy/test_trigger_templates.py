"""The templates: their events look as the samples of the contract, and no parameter can say more than it should."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringback.policy.expression import read
from ringback.policy.trigger import Change, TriggerRefused, Verdict, change_values, compile_trigger
from ringback.policy.trigger_templates import TEMPLATES, TemplateRefused, expanded
from ringback.wire.profile import load_profile
from support.rows import NOW, event

DETAILS = {"email": "ada@bodega-nunez.example", "first_name": "Ada", "last_name": "Núñez", "company": "Bodega Núñez"}
PERSONA = {"persona_id": "p_17", "persona_name": "Decision maker", "threshold": 80}
LEAD = {
    "lead_scoring_id": "ls_3",
    "lead_scoring_name": "Sales readiness",
    "stage_id": "st_2",
    "stage_name": "Marketing qualified",
    "threshold": 80,
}
PASSED, EXITED = (74, 82), (82, 77)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "contact.became": ({}, {"kind": "visitor"}, {"kind": "contact"}),
    "contact.updated": ({}, {"company": "Núñez e hijos"}, {}),
    **{
        f"persona_scoring.threshold_{name}": (PERSONA, *({"persona_scores": {"p_17": one}} for one in scores))
        for name, scores in (("passed", PASSED), ("exited", EXITED))
    },
    **{
        f"lead_scoring.threshold_{name}": (LEAD, *({"lead_scores": {"ls_3": one}} for one in scores))
        for name, scores in (("passed", PASSED), ("exited", EXITED))
    },
}


def judged(name: str, parameters: dict[str, Any], before: Any, after: Any) -> Verdict:
    rule = expanded(TEMPLATES[name], parameters)
    states = [None if state is None else json.dumps(state).encode() for state in (before, after)]
    told = event(data=states[1] or b"{}", subject_type="contact", subject_id="c_8f2b41", occurred_at=NOW)
    values = change_values(Change(told, *states))
    return compile_trigger(rule.when, rule.data).judge("trg_1", 0, values, None, NOW)


SAMPLES = load_profile("sitefinity-insight").samples


def test_there_is_one_for_each_of_the_contracts_events() -> None:
    assert list(TEMPLATES) == list(SAMPLES)
    assert all(template.record_type == "contact" for template in TEMPLATES.values())


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_it_makes_is_the_sample_of_the_contract(name: str) -> None:
    wanted = json.loads(SAMPLES[name].data)
    parameters, before, after = CASES[name]
    verdict = judged(name, parameters, {**DETAILS, **before}, {**DETAILS, **after})
    assert verdict.failure is None
    assert verdict.data is not None
    assert json.loads(verdict.data) == {**wanted, "occurred_at": "2027-01-15T08:00:00.000Z"}
    assert expanded(TEMPLATES[name], parameters).emits == name
    assert not judged(name, parameters, {**DETAILS, **after}, {**DETAILS, **after}).fires


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(
    ("before", "after"), [(None, {}), ({}, None), ({"email": 5}, {}), ({"kind": {}}, {"kind": []})]
)
def test_records_that_have_little_make_none_fail(name: str, before: Any, after: Any) -> None:
    assert judged(name, CASES[name][0], before, after).failure is None


def test_a_new_contact_became_one_and_a_deleted_one_did_not() -> None:
    verdict = judged("contact.became", {}, None, {"kind": "contact"})
    assert verdict.data is not None
    assert json.loads(verdict.data)["previously"] == "visitor"
    assert not judged("contact.became", {}, {"kind": "contact"}, None).fires
    assert judged("contact.became", {"kind": "lead", "kind_field": "is.what"}, None, {"is": {"what": "lead"}}).fires


def test_fields_may_stand_elsewhere() -> None:
    parameters = {**PERSONA, "score_field": "scores.dm", "company_field": "/org/name", "hysteresis": 3}
    verdict = judged(
        "persona_scoring.threshold_passed",
        parameters,
        {"scores": {"dm": 1}},
        {"scores": {"dm": 80.5}, "org": {"name": "B"}},
    )
    assert verdict.data is not None
    made = json.loads(verdict.data)
    assert (made["score"], made["contact"]["company"]) == (80.5, "B")


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({}, ["persona_id", "threshold"]),
        ({**PERSONA, "colour": 1}, ["colour"]),
        ({**PERSONA, "threshold": "80"}, ["threshold"]),
        ({**PERSONA, "threshold": True}, ["threshold"]),
        ({**PERSONA, "threshold": float("inf")}, ["threshold"]),
        ({**PERSONA, "threshold": None}, ["threshold"]),
        ({**PERSONA, "persona_id": 5}, ["persona_id"]),
        ({**PERSONA, "persona_id": ""}, ["persona_id"]),
        ({**PERSONA, "persona_id": "a\nb"}, ["persona_id"]),
        ({**PERSONA, "persona_id": "x" * 101}, ["persona_id"]),
        ({**PERSONA, "persona_name": "\ud800"}, ["persona_name"]),
        ({**PERSONA, "score_field": "a..b"}, ["score_field"]),
        ({**PERSONA, "email_field": "/~7"}, ["email_field"]),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(TemplateRefused) as refused:
        expanded(TEMPLATES["persona_scoring.threshold_passed"], parameters)
    assert [error.field for error in refused.value.errors] == [f"parameters.{name}" for name in fields]


TEXTS = st.text(
    st.one_of(st.sampled_from("\"'\\/~){}(|&?:,.$ r"), st.characters(exclude_categories=["Cs", "Cc"])),
    min_size=1,
    max_size=20,
)
INJECTION = '", 1) || true || passed("'


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(TEMPLATES)),
    TEXTS,
    TEXTS,
    st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
)
@example("lead_scoring.threshold_passed", INJECTION, "\\", 10**30)
@example("contact.became", INJECTION, '\\"', 0)
def test_a_parameter_stays_a_literal(name: str, one: str, other: str, threshold: float) -> None:
    """Whatever stands in the parameters, the rule has the shape that it has with plain ones."""
    template = TEMPLATES[name]
    given_ones = {
        parameter.name: threshold if parameter.name == "threshold" else (one, other)[place % 2]
        for place, parameter in enumerate(template.parameters)
        if parameter.kind == "text" or parameter.name == "threshold"
    }
    try:
        rule = expanded(template, given_ones)
        compiled = compile_trigger(rule.when, rule.data)
    except TemplateRefused as refused:
        assert all(error.field.startswith("parameters.") for error in refused.errors)  # noqa: PT017 - the refusal's own
        return
    except TriggerRefused as refused:
        assert "at most 1024 are allowed" in refused.detail  # noqa: PT017 - no other refusal can come of a parameter
        return
    told = event(data=b"{}", subject_type="contact", subject_id="c_1")
    verdict = compiled.judge("trg_1", 0, change_values(Change(told, b"{}", b"{}")), None, NOW)
    assert (verdict.fires, verdict.failure) == (False, None)
    plain = expanded(template, CASES[name][0] | {"threshold": 80} if "threshold" in given_ones else {})
    shape = [kinds(text) for text in (plain.when, plain.data)]
    assert [kinds(text) for text in (rule.when, rule.data)] == shape


def kinds(text: str) -> list[str]:
    """The expression with its literals taken out."""

    return [
        token.text if token.kind in ("word", "sign") else token.kind for token in read(text).tokens if token.text != "-"
    ]
