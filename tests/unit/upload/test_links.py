"""Links to files, which are good for whoever has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from gen3d_events import aws, keys
from gen3d_events.samples import JOB, SESSION, USER, samples
from gen3d_upload import rows

from tests.unit.upload.asking import MESH, OTHER, accepted, call, refusal, token

pytestmark = pytest.mark.usefixtures("service")

LINKS = f"/sessions/{SESSION}/jobs/{JOB}/links"


def test_a_link_leads_to_an_address_of_five_minutes() -> None:
    accepted()
    found = call("GET", f"/d/{token(MESH)}", user=None)
    assert found.status == 302
    assert found.headers["cache-control"] == "no-store"
    location = urlsplit(found.headers["location"])
    assert location.path.endswith("mesh.glb")
    query = parse_qs(location.query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["response-content-disposition"] == ['attachment; filename="mesh.glb"']


def test_a_link_checker_is_led_to_an_address_of_its_own() -> None:
    """An address is signed for one method, and S3 refuses it for another."""
    accepted()
    found = call("HEAD", f"/d/{token(MESH)}", user=None)
    assert found.status == 302
    request = AWSRequest("HEAD", found.headers["location"].partition("?")[0])
    query = {name: values[0] for name, values in parse_qs(urlsplit(found.headers["location"]).query).items()}
    given = query.pop("X-Amz-Signature")
    request.url += f"?{urlencode(query, quote_via=quote)}"
    request.headers["host"] = urlsplit(request.url).netloc
    request.context["timestamp"] = query["X-Amz-Date"]
    signer = S3SigV4QueryAuth(aws.session().get_credentials(), "s3", "us-east-1")
    canonical = signer.canonical_request(request)
    assert signer.signature(signer.string_to_sign(request, canonical), request) == given


def test_links_that_lead_nowhere() -> None:
    accepted()
    other = aws.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"][
        "KeyId"
    ]
    for given, code in {
        token(MESH, hours=-1): "link_expired",
        token(MESH, key_id=other): "link_invalid",
        token(MESH)[:-2]: "link_invalid",
        "nonsense": "link_invalid",
        token("inference/input/x.json"): "link_invalid",
        token(f"{keys.session_prefix(OTHER, SESSION)}photo.jpg"): "session_not_found",
    }.items():
        assert refusal(call("GET", f"/d/{given}", user=None)) == code


def test_a_link_to_a_file_is_good_for_whoever_has_it() -> None:
    accepted()
    rows.create(USER, SESSION, JOB, options={})
    for name in ("Reconstruction Requested", "Reconstruction Completed", "Mesh Completed"):
        rows.fold(samples[name])
    made = call("POST", LINKS, {"file": "mesh.glb"})
    assert made.status == 201
    left = datetime.fromisoformat(made.body["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    found = call("GET", made.body["path"], user=None)
    assert found.status == 302
    assert urlsplit(found.headers["location"]).path.endswith("mesh.glb")
    call("DELETE", f"/sessions/{SESSION}")
    assert refusal(call("GET", made.body["path"], user=None)) == "session_not_found"


def test_links_are_made_only_of_what_is_ones_own_and_there() -> None:
    accepted()
    assert refusal(call("POST", LINKS, {"file": "mesh.glb"})) == "job_not_found"
    rows.create(USER, SESSION, JOB, options={})
    assert refusal(call("POST", LINKS, {"file": "mesh.glb"})) == "not_found"
    assert refusal(call("POST", LINKS, {"file": "../../photo.jpg"})) == "not_found"
    assert refusal(call("POST", LINKS, {})) == "request_invalid"
    assert refusal(call("POST", LINKS, {"file": "mesh.glb"}, user=OTHER)) == "session_not_found"
    call("DELETE", f"/sessions/{SESSION}")
    assert refusal(call("POST", LINKS, {"file": "mesh.glb"})) == "session_not_found"
