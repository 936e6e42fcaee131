"""Buckets, twins of rules 23."""

from __future__ import annotations

from tests.wiring.rules import buckets
from tests.wiring.stack import Template
from tests.wiring.twins.twin import breaks, properties


@breaks(buckets.buckets_are_private)
def _(template: Template) -> None:
    properties(template, "ModelBucket")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


@breaks(buckets.buckets_are_private)
def _(template: Template) -> None:
    del properties(template, "DataBucket")["BucketEncryption"]


@breaks(buckets.buckets_speak_tls_only)
def _(template: Template) -> None:
    properties(template, "DataBucketPolicy")["PolicyDocument"]["Statement"][0]["Resource"].pop()


@breaks(buckets.buckets_forget)
def _(template: Template) -> None:
    lifecycle = properties(template, "DataBucket")["LifecycleConfiguration"]
    lifecycle["Rules"] = [one for one in lifecycle["Rules"] if one.get("Prefix") != "incoming/"]


@breaks(buckets.buckets_answer_the_sites_pages_only)
def _(template: Template) -> None:
    properties(template, "DataBucket")["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"] = ["*"]
