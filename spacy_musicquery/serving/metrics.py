"""What a service counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# In seconds: a message takes less than a millisecond, a large batch some tenths.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The figures of one service: several in a process have their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "music_query_requests",
            "Requests, by path and status",
            ["path", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "music_query_request_seconds",
            "Time from request to answer",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "music_query_requests_in_progress",
            "Requests that are being answered",
            registry=self.registry,
        )
        self.messages = Counter(
            "music_query_messages", "Messages read", registry=self.registry
        )
        self.queries = Counter(
            "music_query_queries", "Queries found", registry=self.registry
        )
        self.batch_size = Histogram(
            "music_query_batch_size",
            "Messages that the model read at once",
            buckets=_SIZES,
            registry=self.registry,
        )
