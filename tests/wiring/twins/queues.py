"""Queues and functions, twins of rules 1 to 5."""

from __future__ import annotations

from tests.wiring.rules import queues
from tests.wiring.stack import Template
from tests.wiring.twins.twin import breaks, properties


@breaks(queues.a_message_stays_hidden_for_six_timeouts)
def _(template: Template) -> None:
    properties(template, "EmbeddingStartQueue")["VisibilityTimeout"] = 179


@breaks(queues.a_source_has_a_dead_letter_queue)
def _(template: Template) -> None:
    properties(template, "InferenceRelayQueue")["RedrivePolicy"]["deadLetterTargetArn"] = "arn:aws:sqs:x:y:z"


@breaks(queues.a_source_has_a_dead_letter_queue)
def _(template: Template) -> None:
    properties(template, "MeshingMeshQueue")["RedrivePolicy"]["maxReceiveCount"] = 4
    properties(template, "MeshingMeshFunction")["Environment"]["Variables"]["MAX_RECEIVE_COUNT"] = "4"


@breaks(queues.a_source_has_a_dead_letter_queue)
def _(template: Template) -> None:
    properties(template, "InferenceRelayDeadLetterQueue")["FifoQueue"] = True


@breaks(queues.dead_letters_are_kept)
def _(template: Template) -> None:
    del properties(template, "UploadIngestDeadLetterQueue")["MessageRetentionPeriod"]


@breaks(queues.dead_letters_are_kept)
def _(template: Template) -> None:
    properties(template, "UploadIngestQueue")["MessageRetentionPeriod"] = 14 * 86_400


@breaks(queues.messages_are_encrypted)
def _(template: Template) -> None:
    properties(template, "UploadProgressDeadLetterQueue")["SqsManagedSseEnabled"] = False


@breaks(queues.only_failed_messages_come_back)
def _(template: Template) -> None:
    del properties(template, "NotificationMailMapping")["FunctionResponseTypes"]


@breaks(queues.concurrency_is_bounded)
def _(template: Template) -> None:
    del properties(template, "MeshingMeshMapping")["ScalingConfig"]


@breaks(queues.concurrency_is_bounded)
def _(template: Template) -> None:
    properties(template, "UploadProgressMapping")["BatchSize"] = 11


@breaks(queues.no_message_is_filtered_away)
def _(template: Template) -> None:
    filters = [{"Pattern": '{"body": {"detail": {"data": {"task": ["embed"]}}}}'}]
    properties(template, "EmbeddingFinishMapping")["FilterCriteria"] = {"Filters": filters}


@breaks(queues.functions_are_explicit)
def _(template: Template) -> None:
    del properties(template, "UploadWatchdogFunction")["MemorySize"]


@breaks(queues.functions_are_explicit)
def _(template: Template) -> None:
    del properties(template, "UploadApiFunction")["TracingConfig"]


@breaks(queues.logs_are_kept_for_a_while)
def _(template: Template) -> None:
    del properties(template, "ReconstructionStartFunction")["LoggingConfig"]


@breaks(queues.logs_are_kept_for_a_while)
def _(template: Template) -> None:
    del properties(template, "ApiLogGroup")["RetentionInDays"]
