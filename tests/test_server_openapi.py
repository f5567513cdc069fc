"""What the OpenAPI page describes is what the server does: schemathesis makes requests of it, right and wrong."""

import hypothesis
import pytest

schemathesis = pytest.importorskip("schemathesis")
pytest.importorskip("fastapi")

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


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/tag"), ("GET", "/v1/labels"), ("GET", "/healthz")])
def test_the_server_keeps_to_its_description(described, method, path, mode):
    operation = described[path][method]
    if mode == schemathesis.GenerationMode.NEGATIVE and method == "GET":
        pytest.skip("takes nothing that could be wrong")

    @hypothesis.settings(max_examples=100, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate()

    check()
