"""The demo user of the laptop cloud: its password is random and lies only in the state folder."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from gen3d_local.aws import client
from gen3d_local.state import read_json, write_json

DEMO_EMAIL = "demo@gen3d.example"


@dataclass(frozen=True)
class Person:
    """Signs in with email and password."""

    email: str
    password: str


def demo_user(engine_url: str, pool_id: str, kept_in: Path) -> Person:
    """The user, created with a new password unless the pool already has it. The file has mode 0600."""
    cognito = client("cognito-idp", engine_url)
    known = cognito.list_users(UserPoolId=pool_id, Filter=f'email = "{DEMO_EMAIL}"')["Users"]
    if known and kept_in.exists():
        return Person(**read_json(kept_in))
    person = create(engine_url, pool_id, DEMO_EMAIL, new=not known)
    write_json(kept_in, asdict(person))
    return person


def create(engine_url: str, pool_id: str, email: str, *, new: bool = True) -> Person:
    """A confirmed user with a random password; with `new=False` one that exists gets it."""
    cognito = client("cognito-idp", engine_url)
    person = Person(email, f"{secrets.token_urlsafe(18)}-aA1")
    if new:
        cognito.admin_create_user(
            UserPoolId=pool_id,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": email},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
    cognito.admin_set_user_password(
        UserPoolId=pool_id, Username=email, Password=person.password, Permanent=True
    )
    return person
