"""What this process counts, for /metrics. Labels are bounded: operations and reasons of our own tables, never names."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WebMetrics:
    """The counters of one web process, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "ccfs_requests", "Answered requests.", ["operation", "status", "code"], registry=registry
        )
        self.bytes_sent = Counter("ccfs_sent_bytes", "Bytes of answers.", ["operation"], registry=registry)
        self.unauthorized_requests = Counter("ccfs_refusals", "Requests not authorised.", ["reason"], registry=registry)
        self.request_seconds = Histogram(
            "ccfs_request_seconds",
            "Time until the answer began.",
            ["operation"],
            registry=registry,
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
        )
        self.ingest_lag = Gauge("ccfs_ingest_lag_seconds", "Since ingest last read a switch's file.", registry=registry)
        self.expected_recordings = self._build_database_gauge(
            "ccfs_awaited_recordings", "Recordings that CDRs name and that have not come.", "state"
        )
        self.rejected_lines = Gauge("ccfs_refused_lines", "Lines and files that ingest refused.", registry=registry)
        self.exports = self._build_database_gauge("ccfs_exports", "Exports by state.", "state")
        self.bulk_downloads = self._build_database_gauge("ccfs_selections", "Selections by state.", "state")
        self.oldest_due = self._build_database_gauge(
            "ccfs_oldest_due_seconds", "Since the oldest that is still to be made was asked for.", "of"
        )
        self.deliveries = self._build_database_gauge("ccfs_deliveries", "Callbacks by state.", "state")
        self.nodes = self._build_database_gauge("ccfs_nodes", "Nodes on the database by state.", "state")
        self.ssl_trust_all = Gauge(
            "ccfs_ssl_trust_all",
            "1 if receivers' certificates go unverified.",
            registry=registry,
            multiprocess_mode="max",
        )
        self._labelled_metrics: dict[
            tuple[str, int, str], tuple[Counter, Counter, Histogram]
        ] = {}  # looking these up is dear

    def _build_database_gauge(self, name: str, told: str, label: str) -> Gauge:
        """What the database says, so of several web processes the one that asked it last is right."""
        return Gauge(name, told, [label], registry=self.registry, multiprocess_mode="mostrecent")

    def record_request(self, operation: str, status: int, code: str, size: int, seconds: float) -> None:
        """Count one answered request."""
        key = (operation, status, code)
        if key not in self._labelled_metrics:
            requests = self.requests.labels(operation=operation, status=str(status), code=code)
            self._labelled_metrics[key] = (
                requests,
                self.bytes_sent.labels(operation),
                self.request_seconds.labels(operation),
            )
        requests, bytes_sent, histogram = self._labelled_metrics[key]
        requests.inc()
        bytes_sent.inc(size)
        histogram.observe(seconds)
