"""Parses the response of ``/metrics`` with Prometheus' own parser."""

from collections.abc import Mapping

from httpx import Response
from prometheus_client.parser import text_string_to_metric_families

PLAIN_TEXT = "text/plain; version=1.0.0; charset=utf-8"


class Scrape:
    """The samples of one response, by names such as ``hookshop_deliveries{state=pending}``."""

    def __init__(self, answer: Response) -> None:
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == PLAIN_TEXT
        families = list(text_string_to_metric_families(answer.text))
        self.types = {family.name: family.type for family in families}
        self.undocumented = [family.name for family in families if not family.documentation]
        self.samples = {
            _name(sample.name, sample.labels): sample.value
            for family in families
            for sample in family.samples
        }

    def __getitem__(self, name: str) -> float:
        return self.samples[name]

    def __contains__(self, name: str) -> bool:
        return name in self.samples


def _name(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f"{label}={value}" for label, value in sorted(labels.items()))
    return f"{name}{{{pairs}}}" if pairs else name
