"""Fixtures of mail's tests: Cognito, SES and KMS in moto."""

from __future__ import annotations

import pytest
from gen3d_events import aws

from tests.unit.notification.mailing import ADDRESS, OPERATOR, Post


@pytest.fixture
def post(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Post:
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])["UserPool"]["Id"]
    user = cognito.admin_create_user(
        UserPoolId=pool, Username=ADDRESS, UserAttributes=[{"Name": "email", "Value": ADDRESS}]
    )["User"]
    aws.client("dynamodb").create_table(
        TableName="told",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    aws.client("sesv2").create_email_identity(EmailIdentity="gen3d@example.com")
    key = aws.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"][
        "KeyId"
    ]
    for name, value in {
        "STAGE": "test",
        "IDEMPOTENCY_TABLE": "told",
        "USER_POOL_ID": pool,
        "MAIL_FROM": "gen3d@example.com",
        "ADMIN_EMAIL": OPERATOR,
        "PUBLIC_URL": "https://gen3d.example",
        "LINK_KEY_ID": key,
    }.items():
        monkeypatch.setenv(name, value)
    return Post(user["Username"])
