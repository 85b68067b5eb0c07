"""Secrets and keys at the console: shown to whoever may see them, when they ask, and nowhere else."""

import re
from collections.abc import Iterator

import pytest

from support.console_world import ConsoleWorld, text_of

LIST = "/console/t/acme"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")


@pytest.fixture
def world() -> Iterator[ConsoleWorld]:
    world = ConsoleWorld()
    yield world
    world.client.close()


def page_of(endpoint: dict[str, str]) -> str:
    return f"{LIST}/webhooks/{endpoint['id']}"


class TestOfAWebhook:
    def test_is_revealed_when_somebody_asks_and_that_is_written_down(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        page = page_of(one)
        assert not SECRET.search(world.browse(page).text)
        answer = world.send(f"{page}/reveal")
        assert answer.status_code == 200
        assert SECRET.findall(answer.text)[0] == one["secret"]
        assert answer.headers["cache-control"] == "no-store"
        assert one["secret"] not in str(answer.headers)
        said = {"tenant_id": "acme", "endpoint_id": one["id"], "actor": "link key_1"}
        assert world.audited[-1] == ("secret_revealed", said)
        assert not SECRET.search(world.browse(page).text)
        assert not SECRET.search(world.browse(LIST).text)

    def test_is_never_a_viewers(self, world: ConsoleWorld) -> None:
        page = page_of(world.endpoint())
        text = world.shown(page, "viewer")
        assert "Reveal" not in text
        assert "Rotate" not in text
        for path in (f"{page}/reveal", f"{page}/rotate", f"{LIST}/secrets/reveal", f"{LIST}/secrets/rotate"):
            refused = world.send(path, role="viewer")
            assert refused.status_code == 403
            assert not SECRET.search(refused.text)
        for path in (f"{LIST}/secrets", f"{LIST}/keys"):
            assert world.browse(path, "viewer").status_code == 403
        assert world.audited == []

    def test_a_rotation_says_what_it_means_and_when_the_old_one_ends(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        page = page_of(one)
        assert "every request has two signatures" in world.shown(page)
        answer = world.send(f"{page}/rotate", {"grace_seconds": "3600", "secret": ""})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{page}#secret")
        assert "signs until 2027-01-15 09:00:00" in world.shown(page)
        secret = world.get(f"/endpoints/{one['id']}/secret")["secret"]
        assert secret != one["secret"]
        assert secret not in str(answer.headers) + answer.text
        assert [entry[1] for entry in world.done] == ["console.rotate"]
        world.clock.pass_s(3_601)
        assert "signs until" not in world.shown(page)

    def test_where_one_signature_fits_the_old_one_signs_alone(self, world: ConsoleWorld) -> None:
        one = world.endpoint(profile="insideview")
        page = page_of(one)
        assert "nothing is signed" in world.shown(page)
        world.send(f"{page}/rotate", {"grace_seconds": "0", "secret": "a secret of theirs"})
        world.send(f"{page}/rotate", {"grace_seconds": "3600"})
        text = world.shown(page)
        assert "the old secret goes on to sign, alone" in text
        assert "until then it alone signs" in text
        assert "begins to sign when the older one ends" in text

    @pytest.mark.parametrize(
        ("form", "field"),
        [({"secret": "whsec_short"}, "secret"), ({"grace_seconds": "soon"}, "grace_seconds"),
         ({"grace_seconds": "99999999"}, "grace_seconds")],
    )  # fmt: skip
    def test_what_is_wrong_stands_at_its_field(self, world: ConsoleWorld, form: dict[str, str], field: str) -> None:
        one = world.endpoint()
        answer = world.send(f"{page_of(one)}/rotate", form)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert "whsec_short" not in answer.text
        assert world.get(f"/endpoints/{one['id']}/secret")["secret"] == one["secret"]

    def test_an_ed25519_secret_has_a_public_half_for_the_receiver(self, world: ConsoleWorld) -> None:
        one = world.endpoint(signature="v1a")
        text = text_of(world.send(f"{page_of(one)}/reveal"))
        assert "whsk_" in text
        assert "which the receiver verifies with: whpk_" in text

    def test_the_code_is_that_of_its_profile(self, world: ConsoleWorld) -> None:
        text = world.shown(page_of(world.endpoint(profile="insideview")), "viewer")
        for said in (
            "X-InsideViewAPI-AlertDataSignature",
            "hash_hmac('sha1'",
            "sha1.New",
            'createHmac("sha1"',
            "openssl",
        ):
            assert said in text
        assert "genuine" not in world.shown(page_of(world.endpoint(profile="vainu")))


class TestOfTheTenant:
    def test_is_revealed_and_rotated(self, world: ConsoleWorld) -> None:
        world.call("PATCH", "/v1/tenants/acme", {"profile": "vinsight"})
        secret = world.get("/secret")["secret"]
        page = f"{LIST}/secrets"
        assert "x-signature" in world.shown(page)
        assert secret not in world.browse(page).text
        assert secret in world.send(f"{page}/reveal").text
        assert world.audited[-1] == ("secret_revealed", {"tenant_id": "acme", "actor": "link key_1"})
        answer = world.send(f"{page}/rotate", {"grace_seconds": "86400"})
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        assert "until then it alone signs" in world.shown(page)
        assert world.get("/secret")["secret"] != secret
        refused = world.send(f"{page}/rotate", {"secret": "short"})
        assert refused.status_code == 422
        assert 'id="secret-error"' in refused.text

    def test_is_linked_from_webhooks_that_are_signed_with_it(self, world: ConsoleWorld) -> None:
        one = world.endpoint(profile="vinsight")
        assert f'href="{LIST}/secrets"' in world.browse(page_of(one)).text
        assert world.send(f"{page_of(one)}/reveal").status_code == 409


class TestKeys:
    def test_a_key_is_shown_once_when_it_is_made(self, world: ConsoleWorld) -> None:
        answer = world.send(f"{LIST}/keys", {"label": "shop <b>", "scope": "ingest"})
        assert answer.status_code == 201
        (text,) = set(re.findall(r"rb_ingest_[A-Za-z0-9_-]{43}", answer.text))
        assert world.call("GET", "/v1/tenants/acme/endpoints", key=text).status_code == 403
        (action,) = world.done
        assert action[1] == "console.create_key"
        listed = world.browse(f"{LIST}/keys").text
        assert "shop &lt;b&gt;" in listed
        assert "rb_ingest_" not in listed
        assert text not in str(answer.headers) + str(world.done)

    def test_a_key_is_revoked_once_somebody_is_sure(self, world: ConsoleWorld) -> None:
        made = world.send(f"{LIST}/keys", {"label": "", "scope": "tenant"}).text
        text = re.findall(r"rb_tenant_[A-Za-z0-9_-]{43}", made)[0]
        address = f"{LIST}/keys/{world.done[-1][3].removeprefix('key ')}/delete"
        assert f'action="{address}"' in made
        assert "Revoke the key" in text_of(world.send(address))
        assert world.call("GET", "/v1/tenants/acme/endpoints", key=text).status_code == 200
        assert world.send(address, {"sure": "yes"}).headers["location"] == f"{LIST}/keys"
        assert world.call("GET", "/v1/tenants/acme/endpoints", key=text).status_code == 401

    @pytest.mark.parametrize(
        ("form", "field"),
        [({"label": "x" * 300, "scope": "tenant"}, "label"), ({"label": "x", "scope": "admin"}, "scope")],
    )
    def test_what_is_wrong_stands_at_its_field(self, world: ConsoleWorld, form: dict[str, str], field: str) -> None:
        answer = world.send(f"{LIST}/keys", form)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text

    def test_another_tenants_keys_are_not_there(self, world: ConsoleWorld) -> None:
        (theirs,) = world.call("GET", "/v1/tenants/globex/keys").json()["items"]
        assert theirs["id"] not in world.browse(f"{LIST}/keys").text
        assert world.send(f"{LIST}/keys/{theirs['id']}/delete", {"sure": "yes"}).status_code == 404
