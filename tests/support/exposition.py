"""What a server shows under `/metrics`, read as Prometheus reads it."""

from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from support.process import Server


class Metrics(NamedTuple):
    """One scrape. `kinds` by family; `samples` by name and labels, `x{a="1",b="2"}` with sorted labels."""

    kinds: dict[str, str]
    labels: dict[str, set[str]]
    samples: dict[str, float]

    def __call__(self, name: str, **labels: str) -> float:
        """One sample; 0 when it is not there."""
        return self.samples.get(keyed(name, labels), 0.0)


def keyed(name: str, labels: dict[str, str]) -> str:
    return f"{name}{{{','.join(f'{key}={value}' for key, value in sorted(labels.items()))}}}"


def scrape(server: Server) -> Metrics:
    """Ask without a key, as a scraper does."""
    answer = server.ask("GET", "/metrics", key=None)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    kinds: dict[str, str] = {}
    names: dict[str, set[str]] = {}
    samples: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        full = f"{family.name}_total" if family.type == "counter" else family.name
        kinds[full] = family.type
        names[full] = {label for sample in family.samples for label in sample.labels} - {"le"}
        samples |= {keyed(sample.name, sample.labels): sample.value for sample in family.samples}
    return Metrics(kinds, names, samples)
