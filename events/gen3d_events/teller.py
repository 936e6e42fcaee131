"""A teller says in events what came of its cause, and keeps no record of it.

    @tells(S3ObjectCreated, failed=give_up)
    def handler(notice: S3ObjectCreated) -> Iterator[Event]:
        ...                                 # idempotent effects
        yield ImageUploaded(...)            # on the bus before the next line runs

The decorated name is the Lambda handler of a queue. It is for work whose repetition is harmless and costs no
more than a record of it would; for other work see consumer.py. To what messages.py does, this adds:

- `UserFault`: the `failed` event with the fault's code is published, and the message is done.
- an exception on the last receive: the `failed` event with `internal_error` is published before the message
  goes to the dead-letter queue.

Event ids follow from the cause (see ids.py), so a run that is repeated publishes the same ids again. Failed
events of one cause are one event, whatever their reason: what has failed stays so, as it was told first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from gen3d_events.codes import codes
from gen3d_events.event import Event
from gen3d_events.ids import Cause, caused
from gen3d_events.messages import C, MessageHandler, MessageInvalid, is_last
from gen3d_events.models import Failure
from gen3d_events.observability import about, count, logger, measure
from gen3d_events.publisher import publish

Failed = type[Failure] | Callable[[Any, str, str], Event | None]
"""What tells of work that is given up: a class of failures, or a function of (cause, code, detail)."""


class UserFault(Exception):
    """The work cannot be done, and trying again cannot mend it. `code` is one of codes.py (else KeyError)."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {codes[code].message} {detail}".strip())
        self.code = code
        self.detail = detail


@dataclass
class _Told:
    """What became of one message. A foreign one may not say whom it is about; the events told of it do."""

    published: Counter[str] = field(default_factory=Counter)
    about: dict[str, str] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        figures = {"figures": self.figures} if self.figures else {}
        return {**self.about, "published": dict(self.published), **figures}


class Teller(MessageHandler[C]):
    """The handler that `tells` makes; `consume` is the plain generator, for unit tests."""

    def __init__(
        self, consume: Callable[[C], Iterator[Event]], causes: tuple[type[Cause], ...], failed: Failed | None
    ) -> None:
        super().__init__(f"{consume.__module__}.{consume.__qualname__}", causes)
        self.consume = consume
        self._tells = _because(failed) if isinstance(failed, type) else failed

    def _handle(self, cause: C, record: SQSRecord, context: Any) -> None:
        self._work(cause, is_last(record))

    def _work(self, cause: C, last: bool) -> None:
        told = _Told()
        try:
            for event in self.consume(cause):
                self._publish(event, cause, told, told.published[event.detail_type])
        except UserFault as fault:
            if self._tells is None:
                raise
            self._publish_failed(cause, told, fault.code, fault.detail)
        except Exception as error:
            if last and not isinstance(error, MessageInvalid):
                self._publish_failed(cause, told, "internal_error", repr(error))
            raise
        logger.info("consumed", **told.summary(), seconds=self._spent())
        count("Consumed")

    def _publish(self, event: Event, cause: C, told: _Told, ordinal: int) -> None:
        event = caused(event, cause, self.name, ordinal)
        publish([event])
        told.published[event.detail_type] += 1
        told.about = about(event)
        told.figures |= measure(event)

    def _publish_failed(self, cause: C, told: _Told, code: str, detail: str) -> None:
        if self._tells is None:
            return
        event = self._tells(cause, code, detail)
        if event is not None:
            self._publish(event, cause, told, 0)


def tells(
    *causes: type[Cause], failed: Failed | None = None
) -> Callable[[Callable[[C], Iterator[Event]]], Teller[C]]:
    """Make a generator the Lambda handler for messages of the given classes (events, or foreign notices).

    `failed` tells of work that is given up: a class of failures, or a function of (cause, code, detail) where
    `because` needs more than a code; the function may give None to stay silent. What it gives must be
    `about` somebody if the cause is foreign.
    """
    return lambda consume: Teller(consume, causes, failed)


def _because(failure: type[Failure]) -> Callable[[Any, str, str], Event]:
    return lambda _cause, code, detail: failure.because(code, detail)
