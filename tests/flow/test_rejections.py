"""Every code of the table that refuses a photo, a mask or a request, made to happen by a person's own means.

All uploads go to one session and one of its jobs: a rejection leaves both waiting for another file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

import httpx
import pytest
from gen3d import Gen3D, Session
from gen3d_events import aws, links
from gen3d_events.codes import codes
from gen3d_events.event import Event
from gen3d_events.models import Failure
from gen3d_local import people
from gen3d_local.cloud import Cloud
from gen3d_local.deploy import STACK
from gen3d_local.gateway import MAX_BODY_BYTES
from gen3d_upload.limits import MAX_BYTES, MAX_SIDE
from PIL import Image
from pycognito import AWSSRP
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.fault import test_endpoint, test_mail, test_splats, test_watchdog
from tests.flow import test_inbox, test_refusals_and_failures
from tests.flow.test_socket import ticket
from tests.tap import Tap
from tests.unit.client import test_clicks, test_sdk
from tests.waiting import SECONDS, eventually

SIZE = (320, 240)
NO_SUCH_SESSION, NO_SUCH_JOB = f"ses_{'0' * 26}", f"job_{'0' * 26}"


def picture(size: tuple[int, int] = SIZE, form: str = "PNG", shade: int = 120, frames: int = 1) -> bytes:
    """A file of one or several grey pictures."""
    file = BytesIO()
    first, *others = (Image.new("L", size, shade + 40 * number) for number in range(frames))
    first.convert("RGB").save(file, form, **({"save_all": True, "append_images": others} if others else {}))
    return file.getvalue()


TOO_HEAVY = bytes(MAX_BYTES + 1)
PHOTOS = {
    "image_unsupported": b"These are notes and no photo.",
    "image_corrupt": picture(form="JPEG")[:-40],
    "image_animated": picture(form="WEBP", frames=3),
    "image_too_small": picture((32, 32)),
    "image_too_large": picture((MAX_SIDE + 1, 64)),
    "image_too_heavy": TOO_HEAVY,
}
MASKS = {
    "mask_unsupported": picture(form="JPEG"),
    "mask_corrupt": picture()[:-40],
    "mask_too_heavy": TOO_HEAVY,
    "mask_size_mismatch": picture((100, 80)),
    "mask_too_small": picture(shade=0),
    "mask_too_large": picture(shade=255),
}
MADE_IN: dict[str, Callable[..., None]] = {
    "alpha_missing": test_inbox.test_a_photo_without_transparency_is_rejected_with_a_mail,
    "endpoint_unavailable": test_refusals_and_failures.test_without_an_endpoint_jobs_fail_and_say_so,
    **dict.fromkeys(test_endpoint.TRANSIENT, test_endpoint.test_the_third_failure_is_final),
    **dict.fromkeys(test_endpoint.FINAL, test_endpoint.test_any_other_failure_is_final_at_once),
    **dict.fromkeys(
        ("splat_invalid", "splat_missing", "meshing_failed"),
        test_splats.test_a_spoilt_splat_fails_its_job_with_a_code,
    ),
    "embedding_timed_out": test_watchdog.test_an_overdue_embedding_times_out,
    "job_timed_out": test_watchdog.test_an_overdue_job_times_out,
    "notification_failed": test_mail.test_a_mail_to_somebody_who_has_left_is_told_of_as_failed,
    **dict.fromkeys(
        ("point_outside_photo", "point_outside_boxes", "no_positive_point", "box_empty"),
        test_clicks.test_what_cannot_be_meant,
    ),
    "selection_empty": test_clicks.test_nothing_found,
    **dict.fromkeys(("embedding_corrupt", "decoder_mismatch"), test_clicks.test_damaged_files),
    "not_clickable": test_sdk.test_what_came_cut_out_cannot_be_clicked,
}
"""Who makes the codes happen that are not made here. Those of clicks no service says, only page and SDK."""


def said_in(test: Callable[..., None]) -> set[str]:
    """What stands in a test, in a list that it names, and in the cases that it is made for."""
    code = test.__code__
    named = [test.__globals__.get(name) for name in code.co_names]
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    return set(flat([code.co_consts, named, *(mark.args[1] for mark in marks)]))


def flat(value: object) -> Iterator[str]:
    if isinstance(value, tuple | list):
        for one in value:
            yield from flat(one)
    elif isinstance(value, str):
        yield value


@dataclass
class Sent:
    """A session whose photo and mask came at the last attempt, and what was told until then."""

    session: Session
    told: dict[str, list[Event]]
    after: dict[str, str]
    """The state of the session after all bad photos, and of the job after all bad masks."""


@pytest.fixture(scope="module")
def sent(cloud: Cloud, gen3d: Gen3D, tap: Tap) -> Sent:
    created = gen3d.api.post("/sessions", {})
    session_id = created["session_id"]
    for content in PHOTOS.values():
        _put(cloud, created["upload"]["fields"]["key"], content)
    tap.story(session_id, {"Image Rejected": len(PHOTOS)})
    eventually(lambda: gen3d.session(session_id).problem)
    after: dict[str, str] = {"session": gen3d.session(session_id).state}
    gen3d.upload(created["upload"], "photo.png", picture())
    eventually(lambda: "image_uploaded" in gen3d.session(session_id).events)

    job = gen3d.api.post(f"/sessions/{session_id}/jobs", {})
    for content in MASKS.values():
        _put(cloud, job["upload"]["fields"]["key"], content)
    story = tap.story(session_id, {"Mask Rejected": len(MASKS), "User Notified": len(PHOTOS) + len(MASKS)})
    eventually(lambda: gen3d.job(job["job_id"]).problem)
    after["job"] = gen3d.job(job["job_id"]).state
    told: dict[str, list[Event]] = {}
    for event in story:
        if isinstance(event, Failure):
            told.setdefault(event.code, []).append(event)
    return Sent(gen3d.session(session_id), told, after)


def _put(cloud: Cloud, key: str, content: bytes) -> None:
    """Past the form, which itself refuses what is too heavy."""
    cloud.client("s3").put_object(Bucket=cloud.outputs["DataBucketName"], Key=key, Body=content)


@pytest.mark.parametrize("code", [*PHOTOS, *MASKS])
def test_a_rejected_upload_is_told_once_and_written_of_once(cloud: Cloud, sent: Sent, code: str) -> None:
    (event,) = sent.told[code]
    entry = codes[code]
    assert isinstance(event, Failure)
    assert event.detail_type == ("Image Rejected" if code in PHOTOS else "Mask Rejected")
    assert (event.error_class, event.message, event.hint) == ("user", entry.message, entry.hint)
    assert (event.metadata.job_id is None) == (code in PHOTOS)
    (mail,) = (it for it in cloud.mails() if sent.session.id in it.text and f"Code: {code}\n" in it.text)
    assert mail.to == (cloud.user.email,)
    assert entry.message in mail.text
    assert entry.hint in mail.text


def test_rejections_leave_session_and_job_waiting_for_another_file(sent: Sent) -> None:
    assert sent.after == {"session": "awaiting_photo", "job": "awaiting_mask"}
    assert sent.session.state in {"preparing", "ready"}
    assert sent.session.problem is None


def test_a_form_takes_no_file_that_is_too_heavy(gen3d: Gen3D) -> None:
    form = gen3d.api.post("/sessions", {})["upload"]
    reply = httpx.post(form["url"], data=form["fields"], files={"file": TOO_HEAVY})
    assert (reply.status_code, "EntityTooLarge" in reply.text) == (400, True)


def test_no_code_of_the_table_is_without_a_case() -> None:
    of_uploads = {
        code
        for code, entry in codes.items()
        if code.startswith(("image_", "mask_")) and entry.http_status is None
    }
    assert of_uploads == PHOTOS.keys() | MASKS.keys()
    of_requests = {code for code, entry in codes.items() if entry.http_status is not None}
    assert of_requests == REFUSALS.keys() | SOCKETS.keys()
    assert codes.keys() - of_uploads - of_requests == MADE_IN.keys()
    for code, test in MADE_IN.items():
        assert code in said_in(test), f"{code} is not in {test.__name__}"


# --- what the API refuses ------------------------------------------------------------------------------


@dataclass
class Door:
    """The API as a signed-in person meets it; `session` has an accepted photo and no embedding to read."""

    cloud: Cloud
    gen3d: Gen3D
    session: str

    def __call__(self, method: str, path: str, *, token: str | None = None, **more: object) -> httpx.Response:
        headers = {"Authorization": token or self.gen3d.tokens()}
        return httpx.request(method, f"{self.gen3d.api_url}{path}", headers=headers, **more)  # type: ignore[arg-type]

    def resource(self, name: str) -> str:
        """The physical id of one of the stack's resources."""
        found = self.cloud.client("cloudformation").describe_stack_resources(
            LogicalResourceId=name, StackName=STACK
        )
        return str(found["StackResources"][0]["PhysicalResourceId"])


@pytest.fixture(scope="module")
def door(cloud: Cloud, gen3d: Gen3D, sent: Sent) -> Door:
    session = sent.session.wait_ready(SECONDS)
    key = session.events["embedding_completed"]["manifest_key"]
    cloud.client("s3").put_object(Bucket=cloud.outputs["DataBucketName"], Key=key, Body=b"no manifest")
    return Door(cloud, gen3d, session.id)


def _access_token(door: Door) -> httpx.Response:
    config = httpx.get(f"{door.gen3d.api_url}/config").json()
    user = door.cloud.user
    signed_in = AWSSRP(
        username=user.email,
        password=user.password,
        pool_id=config["user_pool_id"],
        client_id=config["client_id"],
        client=door.cloud.client("cognito-idp"),
    ).authenticate_user()
    return door("GET", "/sessions", token=signed_in["AuthenticationResult"]["AccessToken"])


def _link(door: Door, hours: int, tail: str = "") -> httpx.Response:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "client", door.cloud.client)
        expires = datetime.now(UTC) + timedelta(hours=hours)
        token = links.mint(door.resource("LinkKey"), f"users/u/sessions/{door.session}/photo.png", expires)
    return httpx.get(f"{door.gen3d.api_url}/d/{token}{tail}")


def _too_many(door: Door) -> httpx.Response:
    """As if this minute and the next one were used up."""
    person = people.create(door.cloud.engine_url, door.cloud.outputs["UserPoolId"], "eager@gen3d.example")
    with Gen3D(door.gen3d.api_url, person.email, person.password) as eager:
        token = eager.tokens()
        key = eager.api.post("/sessions", {})["upload"]["fields"]["key"]
    now = int(datetime.now(UTC).timestamp()) // 60
    for minute in (now, now + 1):
        door.cloud.client("dynamodb").update_item(
            TableName=door.resource("UploadIdempotencyTable"),
            Key={"id": {"S": f"requests#{key.split('/')[1]}#{minute}"}},
            UpdateExpression="ADD requests :many",
            ExpressionAttributeValues={":many": {"N": "100000"}},
        )
    reply = door("GET", "/sessions", token=token)
    assert 0 < int(reply.headers["Retry-After"]) <= 60
    return reply


REFUSALS: dict[str, Callable[[Door], httpx.Response]] = {
    "request_invalid": lambda door: door("POST", "/sessions", json={"nmae": "a typo"}),
    "unauthorized": _access_token,
    "session_not_found": lambda door: door("GET", f"/sessions/{NO_SUCH_SESSION}"),
    "job_not_found": lambda door: door("GET", f"/sessions/{door.session}/jobs/{NO_SUCH_JOB}"),
    "photo_missing": lambda door: door(
        "POST", f"/sessions/{door('POST', '/sessions', json={}).json()['session_id']}/jobs", json={}
    ),
    "mask_source_invalid": lambda door: door(
        "POST", f"/sessions/{door.session}/jobs", json={"mask_of": NO_SUCH_JOB}
    ),
    "link_invalid": lambda door: _link(door, hours=1, tail="x"),
    "link_expired": lambda door: _link(door, hours=-1),
    "not_found": lambda door: door("GET", "/no/such/thing"),
    "request_too_large": lambda door: door("POST", "/sessions", content=bytes(MAX_BODY_BYTES + 1)),
    "too_many_requests": _too_many,
    "internal_error": lambda door: door("GET", f"/sessions/{door.session}"),
}
SOCKETS = {"ticket_invalid": (True, "forged"), "origin_not_allowed": (False, "")}
"""Whether the page is the site's, and a ticket that is none; else one is asked for."""


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refused_request_is_answered_in_the_tables_words(door: Door, code: str) -> None:
    assert_refused(REFUSALS[code](door), code)


def assert_refused(reply: httpx.Response, code: str) -> None:
    entry = codes[code]
    assert reply.status_code == entry.http_status, reply.text
    said = reply.json()
    assert (said["code"], said["error_class"], said["hint"]) == (code, entry.error_class, entry.hint)
    assert said["message"].startswith(entry.message)


def test_who_has_not_signed_in_is_answered_in_the_tables_words(door: Door) -> None:
    """By the gateway, before any function."""
    assert_refused(httpx.get(f"{door.gen3d.api_url}/sessions"), "unauthorized")


@pytest.mark.parametrize("code", SOCKETS)
def test_a_refused_socket_is_answered_in_the_tables_words(cloud: Cloud, gen3d: Gen3D, code: str) -> None:
    """By its function. A page is told the status alone (test_socket.py)."""
    ours, forged = SOCKETS[code]
    engine, origin = (
        cloud.engine_url.replace("http", "ws", 1),
        cloud.url if ours else "https://elsewhere.example",
    )
    asked = (
        f"{engine}/_aws/execute-api/{cloud.outputs['SocketApiId']}/socket?ticket={forged or ticket(gen3d)}"
    )
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(asked, origin=Origin(origin), proxy=None, open_timeout=SECONDS),
    ):
        pass
    answer = refused.value.response
    assert_refused(httpx.Response(answer.status_code, content=bytes(answer.body)), code)
