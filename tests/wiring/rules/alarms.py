"""Rule 6: somebody hears of it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wiring.rules.rule import rule
from tests.wiring.stack import Json, allowed, dead_letter_queues, referred, sources_of, text, variables_of
from tests.wiring.system import System


@rule(6)
def every_queue_has_its_alarms(system: System) -> Iterator[str]:
    alarms = [alarm for alarm in system.of("CloudWatch::Alarm").values() if alarm.get("AlarmActions")]
    for dead in dead_letter_queues(system.template):
        if not any(
            _watches(alarm, "ApproximateNumberOfMessagesVisible", dead) and alarm["Threshold"] == 0
            for alarm in alarms
        ):
            yield f"nobody hears of messages in {dead}"
    for queue in sources_of(system.template):
        if not any(_watches(alarm, "ApproximateAgeOfOldestMessage", queue) for alarm in alarms):
            yield f"nobody hears of messages that wait in {queue}"


@rule(6)
def every_function_has_its_alarms(system: System) -> Iterator[str]:
    alarms = [alarm for alarm in system.of("CloudWatch::Alarm").values() if alarm.get("AlarmActions")]
    for name, function in system.of("Lambda::Function").items():
        slow = 800 * function.get("Timeout", 3)
        if not any(
            {"Errors", "Invocations"} <= _metrics(alarm, name) and alarm["Threshold"] == 1 for alarm in alarms
        ):
            yield f"nobody hears of more than 1 % errors of {name}"
        if not any(_watches(alarm, "Throttles", name) and alarm["Threshold"] == 0 for alarm in alarms):
            yield f"nobody hears of throttles of {name}"
        if not any(
            _watches(alarm, "Duration", name)
            and alarm.get("ExtendedStatistic") == "p99"
            and alarm["Threshold"] == slow
            for alarm in alarms
        ):
            yield f"nobody hears of runs of {name} above {slow} ms"


@rule(6)
def alarms_may_tell_their_topic(system: System) -> Iterator[str]:
    told = {
        text(one)
        for alarm in system.of("CloudWatch::Alarm").values()
        for one in alarm.get("AlarmActions", [])
    }
    open_to = [
        one
        for policy in system.of("SNS::TopicPolicy").values()
        for one in policy["PolicyDocument"]["Statement"]
        if one["Principal"].get("Service") == "cloudwatch.amazonaws.com"
    ]
    for name in system.of("SNS::Topic"):
        topic = f"${{{name}}}"
        if topic in told and "sns:Publish" not in allowed(open_to, topic):
            yield f"{name} does not hear alarms"


@rule(0)
def refused_mails_have_an_alarm(system: System) -> Iterator[str]:
    """What SES refuses for good is an event, so it is neither an error of the function nor a dead letter."""
    service = system.of("Lambda::Function")["NotificationMailFunction"]
    by = {"Name": "service", "Value": variables_of(service)["POWERTOOLS_SERVICE_NAME"]}
    if not any(
        (alarm.get("Namespace"), alarm.get("MetricName"), alarm.get("Statistic"))
        == ("Gen3D", "Notification.Success", "Minimum")
        and (alarm["Dimensions"], alarm["ComparisonOperator"], alarm["Threshold"])
        == ([by], "LessThanThreshold", 1)
        for alarm in system.of("CloudWatch::Alarm").values()
        if alarm.get("AlarmActions")
    ):
        yield "nobody hears of mails that are refused"


def _metrics(alarm: Json, resource: str) -> set[str]:
    """Names of the metrics of a resource that an alarm watches."""
    watched = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    return {
        metric["MetricName"]
        for metric in [*watched, alarm]
        if "MetricName" in metric
        and resource in {referred(dimension["Value"]) for dimension in metric.get("Dimensions", [])}
    }


def _watches(alarm: Json, metric: str, resource: str) -> bool:
    return metric in _metrics(alarm, resource)
