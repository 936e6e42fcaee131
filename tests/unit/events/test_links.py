from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gen3d_events import aws, links
from gen3d_events.links import LinkExpired, LinkInvalid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.events.conftest import Cloud

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PATH = "users/u/sessions/ses_1/jobs/job_1/mesh.glb"
DAY = timedelta(hours=24)

in_one_cloud = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)


@pytest.fixture
def key(cloud: Cloud) -> str:
    return new_key()


def new_key() -> str:
    answer = aws.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    return str(answer["KeyMetadata"]["KeyId"])


@in_one_cloud
@given(path=st.text(min_size=1, max_size=200))
def test_a_token_gives_back_its_path(key: str, path: str) -> None:
    token = links.mint(key, path, NOW + DAY)
    assert links.verify(key, token, NOW) == path
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@in_one_cloud
@given(data=st.data())
def test_a_changed_token_is_invalid(key: str, data: st.DataObject) -> None:
    token = links.mint(key, PATH, NOW + DAY)
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from("AZaz09-_.=+/ é"))
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        with pytest.raises(LinkInvalid):
            links.verify(key, changed, NOW)


@in_one_cloud
@given(token=st.text(max_size=60))
def test_any_other_text_is_invalid(key: str, token: str) -> None:
    with pytest.raises(LinkInvalid):
        links.verify(key, token, NOW)


def test_a_token_cut_off_or_extended_is_invalid(key: str) -> None:
    token = links.mint(key, PATH, NOW + DAY)
    for changed in ("", ".", token[:-1], token + "A", token + ".AAAA", token.split(".")[0] + "."):
        with pytest.raises(LinkInvalid):
            links.verify(key, changed, NOW)


def test_another_keys_token_is_invalid(key: str) -> None:
    with pytest.raises(LinkInvalid):
        links.verify(key, links.mint(new_key(), PATH, NOW + DAY), NOW)


def test_kms_is_asked_once_for_all_links_of_a_day(key: str) -> None:
    asked = []

    def count(params: dict[str, Any], **_: Any) -> None:
        asked.append(params["Message"])

    aws.client("kms").meta.events.register("provide-client-params.kms.GenerateMac", count)
    tokens = [links.mint(key, f"{PATH}{number}", NOW + timedelta(hours=number)) for number in range(11)]
    assert [links.verify(key, token, NOW - DAY) for token in tokens] == [f"{PATH}{n}" for n in range(11)]
    assert len(asked) == 1
    links.mint(key, PATH, NOW + timedelta(hours=12))
    assert len(set(asked)) == len(asked) == 2


@pytest.mark.parametrize("expires", ["9" * 4090, "-5", "1_0", " 12 ", "١٢", "", "nan", "1e9"])
def test_kms_is_not_asked_for_the_key_of_no_day(
    key: str, monkeypatch: pytest.MonkeyPatch, expires: str
) -> None:
    monkeypatch.setattr(links, "_key_of_day", lambda *_: pytest.fail("asked"))
    payload = urlsafe_b64encode(f"{expires}:x".encode()).rstrip(b"=").decode()
    with pytest.raises(LinkInvalid):
        links.verify(key, f"{payload}.AAAA", NOW)


def test_a_token_expires(key: str) -> None:
    token = links.mint(key, PATH, NOW + DAY)
    assert links.verify(key, token, NOW + DAY - timedelta(seconds=1)) == PATH
    with pytest.raises(LinkExpired):
        links.verify(key, token, NOW + DAY)


def test_an_expired_token_of_another_key_is_invalid_rather_than_expired(key: str) -> None:
    with pytest.raises(LinkInvalid):
        links.verify(key, links.mint(new_key(), PATH, NOW - DAY), NOW)
