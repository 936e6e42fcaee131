"""What functions are told."""

from __future__ import annotations

from typing import Any

from tests.wiring.rules import settings
from tests.wiring.stack import Template
from tests.wiring.twins.twin import breaks, properties


def variables(template: Template, function: str) -> dict[str, Any]:
    found: dict[str, Any] = properties(template, function)["Environment"]["Variables"]
    return found


@breaks(settings.a_function_is_told_what_its_code_reads)
def _(template: Template) -> None:
    del variables(template, "EmbeddingStartFunction")["REQUEST_TTL_SECONDS"]


@breaks(settings.no_variable_is_idle)
def _(template: Template) -> None:
    variables(template, "InferenceRelayFunction")["ENDPOINT_NAME"] = "gen3d-dev"


@breaks(settings.a_consumer_knows_its_own_queue_and_memory)
def _(template: Template) -> None:
    variables(template, "EmbeddingFinishFunction")["QUEUE_URL"] = {"Ref": "EmbeddingStartQueue"}


@breaks(settings.a_consumer_knows_its_own_queue_and_memory)
def _(template: Template) -> None:
    properties(template, "UploadIngestQueue")["RedrivePolicy"]["maxReceiveCount"] = 6
