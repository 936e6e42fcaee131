"""What a failed inference is taken for."""

from __future__ import annotations

import json

import pytest
from gen3d_events.codes import codes
from gen3d_events.inference import ErrorReply
from gen3d_events.inference_failure import classify
from hypothesis import given
from hypothesis import strategies as st

REPLY = ErrorReply(
    code="inference_out_of_memory", error_class="transient", message="CUDA out of memory"
).model_dump_json()
QUOTED = f'Received server error (500) from primary with message "{json.dumps(REPLY)[1:-1]}". See the logs.'
BROKE_OFF = (
    "Received server error (0) from primary and could not load the entire response body. See the logs of the"
    " endpoint in CloudWatch for more information."
)
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary."
    " Review the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)


@pytest.mark.parametrize(
    ("status", "texts", "code"),
    [
        ("Failed", (REPLY, ""), "inference_out_of_memory"),
        ("Failed", ("", REPLY), "inference_out_of_memory"),
        ("Failed", (QUOTED, ""), "inference_out_of_memory"),
        ("Failed", ("", QUOTED), "inference_out_of_memory"),
        ("Failed", ("", json.dumps(QUOTED)), "inference_out_of_memory"),
        ("Failed", (REPLY[:40], ""), "inference_out_of_memory"),
        ("Failed", (json.dumps(json.loads(REPLY), indent=2), TIMED_OUT), "inference_out_of_memory"),
        ("Failed", ('{"code": "model_unavailable"}', REPLY), "model_unavailable"),
        ("Failed", ('{"code": "of_another_server"}', REPLY), "inference_out_of_memory"),
        ("Expired", (REPLY, ""), "inference_out_of_memory"),
        ("Expired", ("", ""), "inference_expired"),
        ("Expired", ("", TIMED_OUT), "inference_expired"),
        ("Failed", ("", TIMED_OUT), "inference_timed_out"),
        ("Failed", (TIMED_OUT, ""), "inference_timed_out"),
        ("Failed", ("", "ModelTimeout: Timeout of 900 s"), "inference_timed_out"),
        ("Failed", ("", "ClientError: the read time-out was reached"), "inference_timed_out"),
        ("Failed", ("", BROKE_OFF), "inference_unavailable"),
        ("Failed", (BROKE_OFF.replace("(0)", "(503)"), ""), "inference_unavailable"),
        ("Failed", ("", BROKE_OFF.replace("(0)", "(500)")), "inference_failed"),
        ("Failed", (REPLY, BROKE_OFF), "inference_out_of_memory"),
        ("Failed", ("", "Amazon SageMaker couldn't get a response from the endpoint."), "inference_failed"),
        ("Failed", ("<html>502 Bad Gateway</html>", "InternalServerException"), "inference_failed"),
        ("Failed", ('{"code": "not_found"}', ""), "inference_failed"),
        ("Failed", ('{"code": "internal_error"}', ""), "inference_failed"),
        ("Failed", ('{"code": 500}', ""), "inference_failed"),
        ("Failed", ('["code"]', "null"), "inference_failed"),
        ("Failed", (), "inference_failed"),
        ("Completed", ("", ""), "inference_failed"),
        ("", ("", ""), "inference_failed"),
    ],
)
def test_the_servers_code_wins_then_the_status_then_the_wording(
    status: str, texts: tuple[str, ...], code: str
) -> None:
    assert classify(status, *texts).code == code


def test_transient_is_what_the_table_says() -> None:
    assert classify("Expired").transient
    assert classify("Failed", QUOTED).transient
    assert not classify("Failed").transient
    assert not classify("Failed", '{"code": "model_unavailable"}').transient


def test_the_detail_keeps_everything_that_was_said() -> None:
    assert classify("Failed", "the object", "the reason").detail == "Failed: the object: the reason"
    assert classify("Expired", "", "").detail == "Expired"


@given(status=st.text(max_size=20), texts=st.lists(st.text(max_size=500), max_size=3))
def test_any_text_gives_a_code_of_the_table(status: str, texts: list[str]) -> None:
    failure = classify(status, *texts)
    assert codes[failure.code].http_status is None
    assert all(text in failure.detail for text in texts)


_endpoint_codes = st.sampled_from(sorted(name for name, code in codes.items() if code.http_status is None))


@given(
    code=_endpoint_codes,
    message=st.text(max_size=100),
    around=st.tuples(st.text('{}[],:\\" codemsg\n', max_size=100), st.text(max_size=100)),
    quoted=st.integers(0, 3),
)
def test_a_reply_is_found_in_any_text_however_often_it_was_quoted(
    code: str, message: str, around: tuple[str, str], quoted: int
) -> None:
    text = ErrorReply(code=code, error_class=codes[code].error_class, message=message).model_dump_json()
    for _ in range(quoted):
        text = json.dumps(text)
    assert classify("Failed", around[0] + text + around[1]).code == code
