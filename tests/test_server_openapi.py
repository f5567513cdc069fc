"""What the OpenAPI page describes is what the server does: schemathesis makes requests of it, right and wrong."""

import hypothesis
import pytest
import schemathesis

from fiqra.server import create_app

CHECKS = {
    "negative_data_rejection": {"expected-statuses": ["400", "404", "405", "413", "415", "422"]},
    # A text without an Arabic letter has the form described, and is refused all the same.
    "positive_data_acceptance": {"expected-statuses": ["200", "413", "422"]},
}


@pytest.fixture(scope="module")
def described(tiny_tagger, live):
    config = schemathesis.Config.from_dict({"checks": CHECKS})
    with live(create_app(tiny_tagger)) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json", config=config)


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        ("POST", "/v1/tag", schemathesis.GenerationMode.POSITIVE),
        ("POST", "/v1/tag", schemathesis.GenerationMode.NEGATIVE),
        ("GET", "/v1/labels", schemathesis.GenerationMode.POSITIVE),  # these two take nothing that could be wrong
        ("GET", "/healthz", schemathesis.GenerationMode.POSITIVE),
    ],
)
def test_the_server_keeps_to_its_description(described, method, path, mode):
    strategy = described[path][method].as_strategy(generation_mode=mode)

    @hypothesis.settings(max_examples=100, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=strategy)
    def check(case):
        case.call_and_validate()

    check()
