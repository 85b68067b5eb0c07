"""A real browser at a real server's console: Debian's Chromium, driven by Playwright.

Whatever a page complains about (an error in its console, a request to another host, a defect in accessibility) is
kept, and the fixture that gave the page fails for it. Nothing waits by the clock: Playwright waits for what is named.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from support.npm import installed

CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
AXE: Final = Path(__file__).parents[1] / "browser" / "axe" / "package.json"
TIMEOUT_MS: Final = 15_000
# A page that refuses a form is meant to, and the browser notes it.
_ANSWERS_THAT_ARE_MEANT: Final = "Failed to load resource: the server responded with a status of 4"
_AXE_RUN: Final = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  const where = one => one.nodes.map(node => node.target.join(" ")).join("; ");
  return found.violations.map(one => `${one.id}: ${one.help} (${where(one)})`);
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, which ends with the block."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.fail("Chromium is not there; `make test` installs it on Debian (scripts/debian-tools.sh)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def press(page: Page, button: str) -> None:
    """Press a button that leads to another page, or to the same one anew, and be there."""
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


class Visitor:
    """Somebody with a browser of their own. `complaints` is what no page should have."""

    def __init__(self, browser: Browser, base: str, **how: Any) -> None:
        self.base = base
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=base, **how)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._on_request)

    def open(self, path: str) -> Page:
        """Go to a page, which must be there."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status < 400, (path, answer.status, self.page.inner_text("body"))
        return self.page

    def sign_in(self, name: str, password: str) -> None:
        self.open("/console")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def enter(self, link: str) -> None:
        """Come in by a link that the API made."""
        self.page.goto(link)
        self.page.get_by_role("button", name="Go in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def sign_in_with_key(self, key: str) -> None:
        self.open("/console")
        self.page.get_by_text("With the admin key").click()
        self.page.get_by_label("Admin key").fill(key)
        self.page.get_by_role("button", name="Sign in with the key").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def check_accessibility(self) -> None:
        """Whatever axe finds on the page as it is now becomes a complaint."""
        source = (installed(AXE, "axe-core") / "axe-core" / "axe.min.js").read_text("utf-8")
        self.page.evaluate(source)
        found: list[str] = self.page.evaluate(_AXE_RUN)
        self.complaints += [f"{urlsplit(self.page.url).path}: {one}" for one in found]

    def close(self) -> None:
        """Ends the visit; fails if there was anything to complain about."""
        self.context.close()
        if self.complaints:
            raise AssertionError("\n".join(self.complaints))

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_ANSWERS_THAT_ARE_MEANT):
            self.complaints.append(f"console: {message.text}")

    def _on_request(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:")):
            self.complaints.append(f"request to {request.url}")
