"""What AWS's permission check sees in a request and the engine's does not: else right policies fail."""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import sns

Parameters = dict[str, Any]


def teach() -> None:
    """Let the check see whose an event, a mail and a topic are, and for whom a role is assumed."""
    contexts = iam_actions.request_tag_context
    identities = iam_actions._ses_v2_resource_arn
    trusts = iam_evaluator.evaluate_trust_policy
    topics = sns.topic_policy_for_arn

    def context(service: str, action: str | None, body: bytes, parameters: Parameters) -> dict[str, Any]:
        known: dict[str, Any] = contexts(service, action, body, parameters)
        return {**known, "events:source": _source(body)} if action == "events:PutEvents" else known

    def resource(method: str, path: str, body: bytes, region: str, account: str) -> str:
        if path.rstrip("/") == "/v2/email/outbound-emails":
            return f"arn:aws:ses:{region}:{account}:identity/{json.loads(body)['FromEmailAddress']}"
        return str(identities(method, path, body, region, account))

    def trusted(policy: Any, caller: str, asked: iam_evaluator.EvalContext) -> bool:
        # Here the root user assumes the roles that on AWS a service assumes for a resource of the account.
        asked.service_context["aws:sourceaccount"] = asked.principal_account
        return bool(trusts(policy, caller, asked))

    def topic(arn: str) -> tuple[str, str] | None:
        found = topics(arn)
        return found and (_of_the_account(*found), found[1])

    iam_actions.request_tag_context = context
    iam_actions._ses_v2_resource_arn = resource
    iam_evaluator.evaluate_trust_policy = trusted
    sns.topic_policy_for_arn = topic


def _source(body: bytes) -> str | None:
    """The one source of all entries. Entries of several sources have none, so that no condition is met."""
    sources = {entry.get("Source") for entry in json.loads(body)["Entries"]}
    return sources.pop() if len(sources) == 1 else None


def _of_the_account(policy: str, owner: str) -> str:
    """A topic's policy, in which the default statement lets in its owner's account instead of everybody.

    So the caller's own policies decide, where the engine would let every role publish.
    """
    document = json.loads(policy or "{}")
    for statement in document.get("Statement", []):
        if statement.get("Sid") == "__default_statement_ID":
            statement["Principal"] = {"AWS": f"arn:aws:iam::{owner}:root"}
    return json.dumps(document)
