"""The web app meets the same headers on a laptop and behind CloudFront."""

from __future__ import annotations

from gen3d_local.site import HEADERS, content_security_policy

from tests.wiring.stack import source


def _headers() -> dict[str, str]:
    config = source()["Resources"]["SiteHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    return {
        **{one["Header"]: one["Value"] for one in config["CustomHeadersConfig"]["Items"]},
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "X-Content-Type-Options": "nosniff" if "ContentTypeOptions" in security else "",
        "X-Frame-Options": security["FrameOptions"]["FrameOption"],
    }


def _directives(policy: str) -> dict[str, set[str]]:
    """What each directive allows but for the places of files and of sign-in."""
    parts = [part.split() for part in policy.split(";")]
    return {name: {it for it in sources if "//" not in it} for name, *sources in parts}


def test_cloudfront_sends_the_laptops_headers() -> None:
    sent = _headers()
    policy = sent.pop("Content-Security-Policy")
    assert sent == HEADERS
    assert _directives(policy) == _directives(content_security_policy(""))


def test_no_directive_lets_inline_code_or_anybody_in() -> None:
    policy = _headers()["Content-Security-Policy"]
    for loose in ("'unsafe-inline'", "'unsafe-eval'", " * ", "https: "):
        assert loose not in policy


def test_the_api_and_the_socket_are_not_cached_and_see_the_tokens() -> None:
    config = source()["Resources"]["Site"]["Properties"]["DistributionConfig"]
    behaviours = {one["PathPattern"]: one for one in config["CacheBehaviors"]}
    assert set(behaviours) == {"/api/*", "/socket"}
    for one in behaviours.values():
        assert one["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
        assert one["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert "CustomErrorResponses" not in config
