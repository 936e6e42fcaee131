"""Signing in to Cognito by SRP: the password never leaves this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pycognito import AWSSRP
from pycognito.exceptions import ForceChangePasswordException, MFAChallengeException

from gen3d.errors import SignInFailed, Unreachable
from gen3d.http import is_loopback

_EARLY_SECONDS = 60


class CognitoTokens:
    """A token provider for one person. Signs in when first called, then refreshes shortly before expiry.

    config: the API's `/config`: `{region, user_pool_id, client_id, cognito_endpoint?}`.
    """

    def __init__(self, config: Mapping[str, str], username: str, password: str) -> None:
        self._config = config
        self._username = username
        self._password = password
        endpoint = config.get("cognito_endpoint")
        self._cognito: Any = boto3.client(
            "cognito-idp",
            region_name=config["region"],
            endpoint_url=endpoint,
            config=Config(
                signature_version=UNSIGNED,
                retries={"mode": "standard"},
                connect_timeout=10,
                proxies={} if endpoint and is_loopback(endpoint) else None,
            ),
        )
        self._id_token = ""
        self._refresh_token = ""
        self._good_until = 0.0

    def __call__(self) -> str:
        """An ID token that is valid for at least a minute. Raises SignInFailed, Unreachable."""
        if time.monotonic() >= self._good_until:
            try:
                self._take(self._refresh() if self._refresh_token else self._sign_in())
            except BotoCoreError as error:
                raise Unreachable(
                    f"Cognito does not answer: {error}", "Check the network and the address of the API."
                ) from error
        return self._id_token

    def _sign_in(self) -> Mapping[str, Any]:
        srp = AWSSRP(
            username=self._username,
            password=self._password,
            pool_id=self._config["user_pool_id"],
            client_id=self._config["client_id"],
            client=self._cognito,
        )
        try:
            reply: dict[str, Any] = srp.authenticate_user()
        except (ForceChangePasswordException, MFAChallengeException) as error:
            raise SignInFailed(
                f"{self._username} must first complete signing in on the web page.",
                "Sign in there once (a new password or a second factor is asked for), then try again.",
            ) from error
        except ClientError as error:
            raise SignInFailed(
                f"Cognito refused {self._username}: {error.response['Error']['Message']}",
                "Check the user name and the password.",
            ) from error
        result: dict[str, Any] = reply["AuthenticationResult"]
        return result

    def _refresh(self) -> Mapping[str, Any]:
        try:
            reply = self._cognito.initiate_auth(
                AuthFlow="REFRESH_TOKEN_AUTH",
                ClientId=self._config["client_id"],
                AuthParameters={"REFRESH_TOKEN": self._refresh_token},
            )
        except ClientError:  # revoked or expired: the password still speaks for the person
            return self._sign_in()
        result: dict[str, Any] = reply["AuthenticationResult"]
        return result

    def _take(self, result: Mapping[str, Any]) -> None:
        self._id_token = result["IdToken"]
        self._refresh_token = result.get("RefreshToken", self._refresh_token)
        self._good_until = time.monotonic() + max(0, result["ExpiresIn"] - _EARLY_SECONDS)
