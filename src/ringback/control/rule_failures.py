"""What people are shown of filters and triggers that fail: how each did last since it was changed. Reads only."""

from collections.abc import Mapping

from ringback.store.port import RuleFailure, RuleFailures


def failures_since(store: RuleFailures, tenant_id: str, changed_at: Mapping[str, int]) -> Mapping[str, RuleFailure]:
    """The last failures of rules, by id; but what a rule did before it was changed (when, by id) says nothing now."""
    if not changed_at:
        return {}
    found = store.rule_failures(tenant_id, list(changed_at))
    return {one.rule_id: one for one in found if one.at >= changed_at[one.rule_id]}
