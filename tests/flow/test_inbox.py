"""A cut-out object put into an inbox, by S3 alone, becomes a finished job, and no embedding is made."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from pathlib import Path

from gen3d import Gen3D, Session
from gen3d_events.codes import codes
from gen3d_local.cloud import Cloud
from gen3d_local.mail import Mail
from PIL import Image

from tests.tap import Tap, judge
from tests.waiting import SECONDS, eventually

STORY = {
    "Image Uploaded": 1,
    "Reconstruction Requested": 1,
    "Reconstruction Started": 1,
    "Inference Succeeded": 1,
    "Reconstruction Completed": 1,
    "Meshing Started": 1,
    "Mesh Completed": 1,
    "User Notified": 1,
}


def put(cloud: Cloud, name: str, body: bytes) -> None:
    """Put a file into the person's inbox: one PutObject, as S3 tools make it of a small file."""
    key = f"inbox/{_user_id(cloud)}/{name}"
    cloud.client("s3").put_object(Bucket=cloud.outputs["DataBucketName"], Key=key, Body=body)


def cut_out(photo: Path, mask: Path) -> bytes:
    """A PNG of the photo's object; all around it is transparent."""
    file = BytesIO()
    with Image.open(photo) as picture, Image.open(mask) as inside:
        picture.putalpha(inside.convert("L"))
        picture.save(file, "PNG")
    return file.getvalue()


def arrived(gen3d: Gen3D, name: str) -> Session:
    """The session of the file of this name, once there is one."""

    def found() -> Session | None:
        return next((one for one in gen3d.sessions() if one.view.get("name") == name), None)

    session = eventually(found, what="the session of the inbox")
    assert session is not None
    return session


def test_a_cut_out_object_becomes_a_finished_job(
    cloud: Cloud, gen3d: Gen3D, tap: Tap, photo: Path, mask: Path
) -> None:
    put(cloud, "my bottle.png", cut_out(photo, mask))
    session = arrived(gen3d, "my bottle")
    (job,) = eventually(lambda: session.refresh().jobs)
    job.wait(SECONDS)
    assert {"mesh.glb", "splat.ply", "mask.png"} <= set(job.view["files"])
    story = tap.story(session.id, STORY)
    assert Counter(event.detail_type for event in story) == STORY
    judge(story)
    mails = [mail for mail in cloud.mails() if job.id in mail.text]
    assert [mail.subject for mail in mails] == ["Your 3D model is ready"]


def test_a_photo_without_transparency_is_rejected_with_a_mail(cloud: Cloud, photo: Path) -> None:
    before = len(cloud.mails())
    put(cloud, "plain.jpg", photo.read_bytes())

    def told() -> list[Mail]:
        new = [mail for mail in cloud.mails()[before:] if cloud.user.email in mail.to]
        return [mail for mail in new if "Code: alpha_missing\n" in mail.text]

    (mail,) = eventually(told, what="the mail about the inbox")
    assert codes["alpha_missing"].message in mail.text


def _user_id(cloud: Cloud) -> str:
    people = cloud.client("cognito-idp").list_users(UserPoolId=cloud.outputs["UserPoolId"])["Users"]
    by_address = {
        attribute["Value"]: str(person["Username"])
        for person in people
        for attribute in person["Attributes"]
        if attribute["Name"] == "email"
    }
    return by_address[cloud.user.email]
