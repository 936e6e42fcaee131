"""Dead letters: messages that a consumer could not handle, for an operator to read and to send back.

It works on a deployed stack with the operator's own AWS credentials, or on the local cloud.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gen3d.errors import Gen3DError, Unreachable, WrongUsage

LOCAL_STACK = "gen3d"
READING_SECONDS = 60
MOST = 1000
"""Letters that are read at a time."""

_DEAD, _SOURCE, _LOG = "DeadLetterQueue", "Queue", "LogGroup"
_NOT_KNOWN = {"InvalidAction", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"}


class Letter(NamedTuple):
    """A message of a dead-letter queue. receives: how often it was received, also by those who looked at it.
    reason: why it was given up, where anybody said so."""

    message_id: str
    sent_at: datetime
    receives: int
    reason: str
    body: str


class DeadLetters:
    """The dead-letter queues of a stack, each named as its consumer.

    client: makes the boto3 client of a service. Raises WrongUsage for names that do not exist, Gen3DError for
    what AWS refuses, Unreachable where it cannot be reached.
    """

    def __init__(self, client: Callable[[str], Any], stack: str) -> None:
        self._client = client
        with _reported():
            self._sqs = client("sqs")
            pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
            self._made = {
                one["LogicalResourceId"]: one["PhysicalResourceId"]
                for page in pages
                for one in page["StackResourceSummaries"]
            }
        self.names = sorted(name.removesuffix(_DEAD) for name in self._made if name.endswith(_DEAD))

    def waiting(self) -> dict[str, int]:
        """How many letters wait in each queue."""
        with _reported():
            return {name: self._count(self._queue(name)) for name in self.names}

    def read(self, name: str) -> list[Letter]:
        """A queue's letters, the oldest first. Nobody else can read them meanwhile; they stay."""
        queue = self._queue(name)
        with _reported():
            found = {one["MessageId"]: one for one in self._receive(queue, MOST)}
            for one in found.values():
                self._sqs.change_message_visibility(
                    QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
                )
            return sorted((self._letter(name, one) for one in found.values()), key=lambda it: it.sent_at)

    def redrive(self, name: str) -> int:
        """Send a queue's letters back to its consumer; how many there are. AWS does it in the background."""
        dead = self._queue(name)
        if (source := self._made.get(f"{name}{_SOURCE}")) is None:
            raise WrongUsage(f"{name} has no queue that letters could be sent back to.")
        with _reported():
            waiting = self._count(dead)
            try:
                self._sqs.start_message_move_task(SourceArn=self._arn(dead), DestinationArn=self._arn(source))
            except Exception as error:
                if _code(error) not in _NOT_KNOWN:
                    raise
                return self._move(dead, source, waiting)
            return waiting

    def _move(self, dead: str, source: str, count: int) -> int:
        """By hand, where the engine cannot. What fails again at once is not moved twice."""
        moved = 0
        for one in self._receive(dead, count):
            self._sqs.send_message(
                QueueUrl=source,
                MessageBody=one["Body"],
                MessageAttributes=one.get("MessageAttributes", {}),
            )
            self._sqs.delete_message(QueueUrl=dead, ReceiptHandle=one["ReceiptHandle"])
            moved += 1
        return moved

    def _receive(self, queue: str, most: int) -> Iterator[dict[str, Any]]:
        left = most
        while left > 0:
            reply = self._sqs.receive_message(
                QueueUrl=queue,
                MaxNumberOfMessages=min(left, 10),
                VisibilityTimeout=READING_SECONDS,
                WaitTimeSeconds=1,  # asks every server of the queue
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            if not (messages := reply.get("Messages")):
                return
            yield from messages
            left -= len(messages)

    def _letter(self, name: str, message: dict[str, Any]) -> Letter:
        about = message["Attributes"]
        sent_at = datetime.fromtimestamp(int(about["SentTimestamp"]) / 1000, UTC)
        receives = int(about["ApproximateReceiveCount"])
        reason = _undelivered(message) or self._logged(name, message["MessageId"], sent_at)
        return Letter(message["MessageId"], sent_at, receives, reason, message["Body"])

    def _logged(self, name: str, message_id: str, since: datetime) -> str:
        """What the consumer's log says last of a message; nothing if it has forgotten."""
        if (group := self._made.get(f"{name}{_LOG}")) is None:
            return ""
        pages = self._client("logs").get_paginator("filter_log_events")
        said = ""
        for page in pages.paginate(
            logGroupName=group, filterPattern=f'"{message_id}"', startTime=int(since.timestamp() * 1000)
        ):
            for event in page["events"]:
                said = _exception(event["message"], message_id) or said
        return said

    def _queue(self, name: str) -> str:
        if name not in self.names:
            raise WrongUsage(f"There is no queue {name}.", f"There are {', '.join(self.names)}.")
        url: str = self._made[f"{name}{_DEAD}"]
        return url

    def _count(self, queue: str) -> int:
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=wanted)["Attributes"]
        return sum(int(found[name]) for name in wanted)

    def _arn(self, queue: str) -> str:
        found = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        arn: str = found["QueueArn"]
        return arn


def _undelivered(message: dict[str, Any]) -> str:
    """What EventBridge says of an event that it could not deliver."""
    said = message.get("MessageAttributes", {})
    parts = (said[name]["StringValue"] for name in ("ERROR_CODE", "ERROR_MESSAGE") if name in said)
    return ": ".join(parts)


def _exception(line: str, message_id: str) -> str:
    """The exception in a consumer's log line about a message."""
    try:
        said = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(said, dict) or said.get("message_id") != message_id or "exception" not in said:
        return ""
    name = str(said.get("exception_name", ""))
    _, _, message = str(said["exception"]).rpartition(f"{name}: ")
    return ": ".join(filter(None, (name, message.partition("\n")[0].strip())))


def _code(error: Exception) -> str:
    answer = getattr(error, "response", {})
    return str(answer.get("Error", {}).get("Code", ""))


@contextmanager
def _reported() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise Gen3DError(f"AWS refused: {error}.".replace("..", "."), code="aws_refused") from error
    except BotoCoreError as error:
        raise Unreachable(f"AWS cannot be asked: {error}.".replace("..", ".")) from error


def find(stack: str | None) -> DeadLetters:
    """Of the stack of that name in the operator's AWS account, or else of the local cloud if it runs."""
    if stack:
        import boto3

        return DeadLetters(boto3.client, stack)
    from gen3d_local import cloud

    running = cloud.running()
    if running is None:
        raise Unreachable(
            "No local cloud is running, and no stack is named.",
            "Start one with `gen3d up`, or name a stack of your AWS account by --stack.",
        )
    return DeadLetters(running.client, LOCAL_STACK)


Stack = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="In your AWS account, such as gen3d-prod. Default: the local cloud."),
]
Name = Annotated[str, typer.Argument(metavar="CONSUMER", help="As `gen3d dlq list` names it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def commands(out: Console, reported: Callable[[bool], AbstractContextManager[None]]) -> typer.Typer:
    """`gen3d dlq ...`. reported: turns errors into sentences and exit codes."""
    app = typer.Typer(no_args_is_help=True, help="Read what consumers could not handle, and send it back.")

    @app.command("list")
    def list_(stack: Stack = None, as_json: AsJson = False) -> None:
        """Count the dead letters of each consumer."""
        with reported(as_json):
            waiting = find(stack).waiting()
            if as_json:
                print(json.dumps({"waiting": waiting}))
                return
            table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
            for name, count in waiting.items():
                table.add_row(name, f"[red]{count}[/red]" if count else "[dim]0[/dim]")
            out.print(table)

    @app.command()
    def show(name: Name, stack: Stack = None, as_json: AsJson = False) -> None:
        """Print a consumer's dead letters: body, reason if known, and how often each was received."""
        with reported(as_json):
            letters = find(stack).read(name)
            if as_json:
                told = [{**it._asdict(), "sent_at": it.sent_at.isoformat()} for it in letters]
                print(json.dumps({"letters": told}))
                return
            for it in letters:
                out.print(
                    f"[bold]{it.message_id}[/bold]  {it.sent_at:%Y-%m-%d %H:%M:%S} UTC", highlight=False
                )
                out.print(
                    f"received {it.receives} times; {escape(it.reason) or 'reason unknown'}", soft_wrap=True
                )
                out.print(it.body, markup=False, highlight=False, soft_wrap=True)
            if not letters:
                out.print(f"{name} has no dead letters.")

    @app.command()
    def redrive(name: Name, stack: Stack = None, as_json: AsJson = False) -> None:
        """Send a consumer's dead letters back to its queue, once what was wrong has been mended."""
        with reported(as_json):
            count = find(stack).redrive(name)
            print(json.dumps({"redriven": count})) if as_json else out.print(f"{count} sent back to {name}.")

    return app
