"""Who gets in at the console, and what is asked of every page before its view runs."""

from urllib.parse import quote

import pytest

from ringback.console.app import PAGES
from ringback.console.routing import HEADERS, Need
from support.api_world import OPERATOR_KEY
from support.console_world import ConsoleWorld, text_of


@pytest.fixture
def world() -> ConsoleWorld:
    return ConsoleWorld()


class TestSigningIn:
    def test_the_form_stands_at_the_front_for_whoever_is_not_signed_in(self, world: ConsoleWorld) -> None:
        answer = world.browse("/console", role=None)
        assert answer.status_code == 200
        assert "Sign in" in text_of(answer)

    def test_a_name_and_a_password_let_in(self, world: ConsoleWorld) -> None:
        form = {"name": "ada", "password": "correct horse battery"}
        answer = world.send("/console/sign-in", form, role=None)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/operator")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("ringback_session=operator;")
        assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= set(cookie.split("; "))
        assert world.done == [("ada", "console.signed_in", None, "")]

    def test_the_admin_key_lets_in(self, world: ConsoleWorld) -> None:
        assert world.send("/console/sign-in", {"key": OPERATOR_KEY}, role=None).status_code == 303

    @pytest.mark.parametrize("form", [{"name": "ada", "password": "guess-17"}, {"key": "rb_no"}, {}])
    def test_what_is_wrong_is_said_and_not_shown_again(self, world: ConsoleWorld, form: dict[str, str]) -> None:
        answer = world.send("/console/sign-in", form, role=None)
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
        assert form.get("password", "rb_no") not in answer.text
        assert "set-cookie" not in answer.headers

    def test_whoever_followed_an_address_gets_there(self, world: ConsoleWorld) -> None:
        wanted = "/console/t/acme/runs?outcome=failed"
        asked = world.browse(wanted, role=None).headers["location"]
        assert f'name="next" value="{wanted}"' in world.browse(asked, role=None).text
        wrong = world.send("/console/sign-in", {"key": "rb_no", "next": wanted}, role=None)
        assert f'name="next" value="{wanted}"' in wrong.text
        there = world.send("/console/sign-in", {"key": OPERATOR_KEY, "next": wanted}, role=None)
        assert there.headers["location"] == wanted
        assert world.browse(asked, "operator").headers["location"] == wanted

    @pytest.mark.parametrize(
        "other", ["https://evil.example/", "//evil.example", "/console.evil", "/console/\\\\evil", "/console/\r\nX: y"]
    )
    def test_nobody_is_sent_elsewhere(self, world: ConsoleWorld, other: str) -> None:
        answer = world.send("/console/sign-in", {"key": OPERATOR_KEY, "next": other}, role=None)
        assert answer.headers["location"] == "/console/operator"

    def test_signing_out_ends_the_session(self, world: ConsoleWorld) -> None:
        answer = world.send("/console/sign-out", role="viewer")
        assert answer.headers["location"] == "/console"
        assert "viewer" not in world.door.sessions
        assert "Sign in" in world.shown("/console", role="viewer")

    @pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 303)])
    def test_nobody_is_signed_in_by_another_sites_page(self, world: ConsoleWorld, site: str, status: int) -> None:
        form = {"name": "ada", "password": "correct horse battery"}
        answer = world.client.post("/console/sign-in", data=form, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == status


class TestLinks:
    def test_looking_at_a_link_does_not_use_it_up(self, world: ConsoleWorld) -> None:
        assert "lets you in once" in world.shown("/console/enter/ticket", role=None)
        answer = world.send("/console/enter/ticket", role=None)
        assert answer.headers["location"] == "/console/t/acme"
        assert answer.headers["set-cookie"].startswith("ringback_session=viewer;")

    def test_one_that_is_used_up_says_so(self, world: ConsoleWorld) -> None:
        world.send("/console/enter/ticket", role=None)
        for answer in (
            world.browse("/console/enter/ticket", role=None),
            world.send("/console/enter/ticket", role=None),
        ):
            assert answer.status_code == 404
            assert "used up" in text_of(answer)


class TestEveryPage:
    def test_says_what_it_needs(self) -> None:
        for page in PAGES:
            if page.need is Need.NOTHING:
                assert page.view.__module__ == "ringback.console.views.access", page
            elif "{tenant}" in page.path:
                assert page.need is (Need.CHANGE if page.method == "POST" else page.need), page
                assert page.need in (Need.VIEW, Need.CHANGE), page
            else:
                assert page.need in (Need.SESSION, Need.CHANGE, Need.OPERATE), page

    @pytest.mark.parametrize("page", [one for one in PAGES if one.need is not Need.NOTHING], ids=lambda one: one.path)
    def test_lets_in_whom_it_may(self, world: ConsoleWorld, page: object) -> None:
        method, path, need, _ = page  # type: ignore[misc]
        theirs = "/console" + _filled(path, "acme")
        others = "/console" + _filled(path, "globex")
        if method == "GET":
            assert world.browse(theirs, role=None).headers["location"] == f"/console?next={quote(theirs, safe='')}"
        else:
            assert world.send(theirs, role=None).status_code == 401
            assert world.send(theirs, role="operator", csrf="another").status_code == 403
        ask = world.browse if method == "GET" else world.send
        if "{tenant}" in path:
            assert ask(others, role="administrator").status_code == 404
            assert ask(others, role="viewer").status_code == 404
        if need is Need.CHANGE:
            assert ask(theirs, role="viewer").status_code == 403
        if need is Need.OPERATE:
            assert ask(theirs, role="administrator").status_code == 404

    def test_carries_the_headers_that_keep_others_out(self, world: ConsoleWorld) -> None:
        for path in ("/console", "/console/nowhere", "/console/enter/no"):
            answer = world.browse(path, role=None)
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS

    def test_an_address_that_is_none_is_a_page(self, world: ConsoleWorld) -> None:
        answer = world.browse("/console/nowhere")
        assert answer.status_code == 404
        assert "nothing at this address" in text_of(answer)

    def test_a_form_that_is_too_large_is_not_read(self, world: ConsoleWorld) -> None:
        assert world.send("/console/sign-in", {"name": "x" * 1_100_000}, role=None).status_code == 413
        many = "&".join(f"a{number}=1" for number in range(2_001))
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert world.client.post("/console/sign-in", content=many, headers=kind).status_code == 413


class TestFiles:
    def test_they_may_be_kept_for_ever_by_their_mark_alone(self, world: ConsoleWorld) -> None:
        page = world.browse("/console", role=None).text
        (address,) = [word for word in page.split('"') if word.endswith("console.css")]
        answer = world.browse(address, role=None)
        assert answer.headers["content-type"].startswith("text/css")
        assert "immutable" in answer.headers["cache-control"]
        assert world.browse("/console/static/old/console.css").headers["cache-control"] == "no-cache"
        assert world.browse("/console/static/x/..%2fapp.py").status_code == 404
        assert world.browse("/console/static/x/app.py").status_code == 404


def _filled(path: str, tenant: str) -> str:
    """An address of a page: everything that varies is somebody's `x`."""
    return "/".join(tenant if step == "{tenant}" else "x" if step.startswith("{") else step for step in path.split("/"))
