"""The post office: whom to write to, and sending it."""

from __future__ import annotations

import os

from botocore.exceptions import ClientError
from gen3d_events import aws

from gen3d_notification.letters import Letter


class Undeliverable(Exception):
    """This mail will not be taken however often it is tried."""


def address_of(user_id: str) -> str:
    """The person's address, which only Cognito knows. Raises Undeliverable if there is no user or address."""
    try:
        user = aws.client("cognito-idp").admin_get_user(
            UserPoolId=os.environ["USER_POOL_ID"], Username=user_id
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "UserNotFoundException":
            raise Undeliverable(f"there is no user {user_id}") from error
        raise
    for attribute in user["UserAttributes"]:
        if attribute["Name"] == "email":
            return str(attribute["Value"])
    raise Undeliverable(f"user {user_id} has no address")


def send(address: str, letter: Letter) -> None:
    """Hand a letter to SES. Raises Undeliverable if SES refuses it for good."""

    def content(data: str) -> dict[str, str]:
        return {"Data": data, "Charset": "UTF-8"}

    try:
        aws.client("sesv2").send_email(
            FromEmailAddress=os.environ["MAIL_FROM"],
            Destination={"ToAddresses": [address]},
            Content={
                "Simple": {
                    "Subject": content(letter.subject),
                    "Body": {"Text": content(letter.text()), "Html": content(letter.html())},
                }
            },
        )
    except ClientError as error:
        if aws.is_transient(error):
            raise
        raise Undeliverable(str(error)) from error
