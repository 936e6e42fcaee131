"""Rule 23: buckets."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wiring.rules.rule import rule
from tests.wiring.stack import referred, text
from tests.wiring.system import System


@rule(23)
def buckets_are_private(system: System) -> Iterator[str]:
    for name, bucket in system.of("S3::Bucket").items():
        blocked = bucket.get("PublicAccessBlockConfiguration", {})
        if len(blocked) != 4 or not all(value is True for value in blocked.values()):
            yield f"{name} may become public"
        if "BucketEncryption" not in bucket:
            yield f"{name} is not encrypted"
        if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield f"{name} is not versioned"


@rule(23)
def buckets_speak_tls_only(system: System) -> Iterator[str]:
    policies = system.of("S3::BucketPolicy").values()
    for name in system.of("S3::Bucket"):
        arn = f"${{{name}.Arn}}"
        if not any(
            statement["Effect"] == "Deny"
            and (statement["Principal"], statement["Action"]) == ("*", "s3:*")
            and {text(one) for one in statement["Resource"]} == {arn, f"{arn}/*"}
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for policy in policies
            if referred(policy["Bucket"]) == name
            for statement in policy["PolicyDocument"]["Statement"]
        ):
            yield f"{name} can be read without TLS"


@rule(23)
def buckets_forget(system: System) -> Iterator[str]:
    """Old versions and unfinished uploads everywhere, and what passes through the data bucket."""
    for name, bucket in system.of("S3::Bucket").items():
        lifecycle = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        leftovers = {"AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"}
        if not any("Prefix" not in one and leftovers <= set(one) for one in lifecycle):
            yield f"{name} keeps leftovers"
        if name == "DataBucket":
            days = {one["Prefix"]: one.get("ExpirationInDays") for one in lifecycle if "Prefix" in one}
            if days != {"incoming/": 1, "inbox/": 7, "inference/": 7}:
                yield f"{name} keeps what passes through: {days}"


@rule(23)
def buckets_answer_the_sites_pages_only(system: System) -> Iterator[str]:
    for name, bucket in system.of("S3::Bucket").items():
        for cors in bucket.get("CorsConfiguration", {}).get("CorsRules", []):
            if referred(cors["AllowedOrigins"]) != "SiteOrigins":
                yield f"{name} answers pages of {cors['AllowedOrigins']}"
            if not set(cors["AllowedMethods"]) <= {"GET", "HEAD", "POST"}:
                yield f"{name} lets pages {cors['AllowedMethods']}"
