"""No suite of the stores' conformance is forgotten: each is everybody's, or somebody's who names it."""

import re
from pathlib import Path

from conformance import every_store

HERE = Path(every_store.__file__).parent
# What only some stores can do; `every_store` says which.
OF_SOME = {
    "TestBringingForward", "TestConcurrentIntake", "TestConcurrentNumbers", "TestConcurrentRecords", "TestDurability",
    "TestManyClocks", "TestSharedNodes", "TestSoleNodes",
}  # fmt: skip


def test_every_suite_is_run_by_every_store_or_named_by_one() -> None:
    suites = {
        name
        for path in HERE.glob("suite_*.py")
        for name in re.findall(r"^class (Test\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert suites - set(every_store.__all__) == OF_SOME
    stores = "".join(path.read_text("utf-8") for path in HERE.glob("test_*.py"))
    assert all(re.search(rf"import .*\b{name}\b", stores) for name in OF_SOME)
