"""Words the pulse for Prometheus, and tells probes whether we live and are ready."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from newsletter.measuring import BOUNDS, WINDOW, Pulse
from subscribers.deliveries import Tally

#: What Prometheus is told of the content: its text format.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def expose(pulse: Pulse) -> bytes:
    """Return the pulse in Prometheus' text format. No line holds anything personal."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(pulse))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def collect(self) -> Iterator[Metric]:
        """Yield every family of metrics; `docs/operations.md` lists them."""
        pulse = self._pulse
        yield from _of_editions(pulse)
        yield _one("newsletter_queue_age_seconds", "Wait of the longest due message", pulse.queue_age.total_seconds())
        yield _one("newsletter_senders", "Senders that hold people now", pulse.senders)
        yield _one(
            "newsletter_nothing_begins", "1 when a copied database or a clock set back holds all", bool(pulse.asks)
        )
        if pulse.looked_at:
            age = (pulse.at - pulse.looked_at).total_seconds()
            yield _one("newsletter_dispatcher_age_seconds", "Time since a dispatcher did its work", max(age, 0.0))
        yield _many(
            "newsletter_sends", "Sends by state", ("state",), (((state,), n) for state, n in pulse.sends.items())
        )
        yield _many(
            "newsletter_webhook_messages",
            "Messages to webhooks by state",
            ("state",),
            (((state,), n) for state, n in pulse.told.items()),
        )
        minutes = WINDOW.total_seconds() / 60
        yield _many(
            "newsletter_ends_per_minute",
            "Messages that ended, by receiving domain, a minute",
            ("domain", "outcome"),
            ((labels, count / minutes) for labels, count in pulse.ends.items()),
        )
        yield _many(
            "newsletter_source_age_seconds",
            "Time since each source was last read",
            ("source",),
            (((name,), age.total_seconds()) for name, age in pulse.sources.items()),
        )


def _of_editions(pulse: Pulse) -> Iterator[Metric]:
    people = (((e.running.edition, place), count) for e in pulse.editions for place, count in _places(e.tally).items())
    yield _many("newsletter_people", "Where everybody of an edition stands", ("edition", "place"), people)
    shares = (((e.running.edition,), e.bounce_share) for e in pulse.editions)
    yield _many("newsletter_bounce_share", "Share of those tried that bounced or refused", ("edition",), shares)
    inbox = HistogramMetricFamily(
        "newsletter_time_to_inbox_seconds", "From when a message may leave to its acceptance", labels=("edition",)
    )
    names = [str(float(bound.total_seconds())) for bound in BOUNDS] + ["+Inf"]
    for e in pulse.editions:
        inbox.add_metric((e.running.edition,), list(zip(names, e.within, strict=True)), sum_value=None)
    yield inbox


def _places(tally: Tally) -> dict[str, int]:
    """Return the public sum, part by part, under the words of the documents."""
    return {
        "accepted": tally.accepted,
        "refused": tally.refused,
        "excluded": sum(tally.excluded.values()),
        "deferred": tally.deferred,
        "pending": tally.pending,
        "uncertain": tally.uncertain,
        "withdrawn": tally.withdrawn,
    }


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _many(name: str, words: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family
