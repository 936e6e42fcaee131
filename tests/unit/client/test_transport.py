"""The SDK where requests, uploads and downloads go wrong, or are answered by somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from gen3d import Gen3D, errors
from starlette.responses import JSONResponse, PlainTextResponse

from tests.unit.client.fake_service import Service


def test_short_troubles_are_waited_out(service: Service, sdk: Gen3D, photo: Path) -> None:
    service.faults = [
        PlainTextResponse("slow down", 429, {"Retry-After": "0"}),
        PlainTextResponse("bad gateway", 502),
        PlainTextResponse("unavailable", 503),
    ]
    sdk.create_session(photo)
    assert service.requests.count("POST /api/sessions") == 4
    service.faults = [PlainTextResponse("slow down", 503)]
    sdk.create_session(photo)
    assert service.uploads["photo"] == photo.read_bytes()


def test_a_repeated_request_is_told_by_its_key(service: Service, sdk: Gen3D, photo: Path) -> None:
    service.faults = [PlainTextResponse("bad gateway", 502)]
    sdk.create_session(photo)
    sdk.create_session(photo)
    sent = [
        key
        for asked, key in zip(service.requests, service.keys, strict=True)
        if asked == "POST /api/sessions"
    ]
    assert all(sent)
    assert sent[0] == sent[1] != sent[2]


def test_the_services_own_words_about_a_refusal(service: Service, sdk: Gen3D) -> None:
    with pytest.raises(errors.ApiError) as caught:
        sdk.session("ses_01J0000000000000000000000Z")
    assert (caught.value.code, caught.value.status, caught.value.hint) == (
        "session_not_found",
        404,
        "Mend it.",
    )


@pytest.mark.parametrize("name", ["../config", "ses_../config", "job_01J00000000000000000000001", ""])
def test_what_is_no_id_never_becomes_part_of_an_address(service: Service, sdk: Gen3D, name: str) -> None:
    with pytest.raises(errors.WrongUsage, match="not the id of a session"):
        sdk.session(name)
    with pytest.raises(errors.WrongUsage, match="not the id of a job"):
        sdk.job(name.replace("job_", "ses_"))
    assert service.requests == []


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("<Code>EntityTooLarge</Code><Message>Your proposed upload exceeds", "larger than 20 MB"),
        ("<Code>EntityTooSmall</Code>", "is empty"),
        (
            "<Code>AccessDenied</Code><Message>Invalid according to Policy: Policy expired.</Message>",
            "form has expired. Start again; a form lives an hour",
        ),
        ("<Code>ExpiredToken</Code><Message>The provided token has expired.</Message>", "form has expired"),
        (
            "<Code>AccessDenied</Code><Message>Policy Condition failed</Message>",
            "does not fit its upload form",
        ),
        ("<Code>MalformedPOSTRequest</Code>", "not accepted for upload .MalformedPOSTRequest"),
    ],
)
def test_why_s3_refuses_an_upload(service: Service, sdk: Gen3D, mask: Path, reply: str, said: str) -> None:
    service.faults = [PlainTextResponse(f'<?xml version="1.0"?><Error>{reply}</Error>', 403)]
    form = {"url": f"{service.url}/s3", "fields": {}}
    with pytest.raises(errors.TransferFailed, match=said):
        sdk.upload(form, "mask.png", mask.read_bytes())


def test_an_empty_file_is_not_uploaded(service: Service, sdk: Gen3D, photo: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(errors.WrongUsage, match=r"empty\.png is empty"):
        sdk.create_session(empty)
    with pytest.raises(errors.WrongUsage, match=r"empty\.png is empty"):
        next(sdk.reconstruct(photo, empty))
    assert service.requests == []


def test_a_refused_upload(service: Service, sdk: Gen3D, mask: Path, photo: Path) -> None:
    session = sdk.create_session(photo)
    form = {"url": f"{service.url}/nowhere", "fields": {}}
    with pytest.raises(errors.TransferFailed, match="not accepted"):
        sdk.upload(form, "mask.png", mask.read_bytes())
    assert session.state == "preparing"


def test_a_download_cut_short_leaves_nothing(service: Service, sdk: Gen3D, tmp_path: Path) -> None:
    target = tmp_path / "mesh.glb"
    with pytest.raises(errors.TransferFailed, match="incomplete"):
        sdk.download(f"{service.url}/s3/mesh.glb", target, 999)
    with pytest.raises(errors.TransferFailed, match="could not be fetched"):
        sdk.download(f"{service.url}/nowhere", target)
    assert list(tmp_path.iterdir()) == []


def test_nobody_answers() -> None:
    with Gen3D("http://127.0.0.1:9/api", tokens=lambda: "t") as sdk, pytest.raises(errors.Unreachable):
        next(sdk.sessions())


@pytest.mark.parametrize("reply", [PlainTextResponse("<html>hello</html>"), PlainTextResponse("gone", 404)])
def test_somebody_else_answers(service: Service, sdk: Gen3D, reply: PlainTextResponse) -> None:
    service.faults = [reply]
    with pytest.raises(errors.Unreachable):
        next(sdk.sessions())


def test_an_address_without_the_api_is_no_question_of_signing_in(service: Service, sdk: Gen3D) -> None:
    service.faults = [JSONResponse({"message": "Missing Authentication Token"}, 403)]
    with pytest.raises(errors.Unreachable, match="Check the address"):
        next(sdk.sessions())


def test_a_refused_token(service: Service, sdk: Gen3D) -> None:
    service.faults = [PlainTextResponse('{"message": "Unauthorized"}', 401)]
    with pytest.raises(errors.SignInFailed):
        next(sdk.sessions())


def test_signing_in_needs_a_password(service: Service) -> None:
    with Gen3D(service.api) as sdk, pytest.raises(errors.SignInFailed):
        next(sdk.sessions())
