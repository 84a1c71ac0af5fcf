"""What this process counts, for /metrics. Labels are bounded: operations and reasons of our own tables, never names."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Counters:
    """The counters of one web process, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "ccfs_requests", "Answered requests.", ["operation", "status", "code"], registry=registry
        )
        self.bytes_sent = Counter("ccfs_sent_bytes", "Bytes of answers.", ["operation"], registry=registry)
        self.refusals = Counter("ccfs_refusals", "Requests not authorised.", ["reason"], registry=registry)
        self.seconds = Histogram(
            "ccfs_request_seconds",
            "Time until the answer began.",
            ["operation"],
            registry=registry,
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
        )
        self.ingest_lag = Gauge("ccfs_ingest_lag_seconds", "Since ingest last read a switch's file.", registry=registry)
        self.awaited = self._found(
            "ccfs_awaited_recordings", "Recordings that CDRs name and that have not come.", "state"
        )
        self.refused_lines = Gauge("ccfs_refused_lines", "Lines and files that ingest refused.", registry=registry)
        self.exports = self._found("ccfs_exports", "Exports by state.", "state")
        self.selections = self._found("ccfs_selections", "Selections by state.", "state")
        self.oldest_due = self._found(
            "ccfs_oldest_due_seconds", "Since the oldest that is still to be made was asked for.", "of"
        )
        self.deliveries = self._found("ccfs_deliveries", "Callbacks by state.", "state")
        self.nodes = self._found("ccfs_nodes", "Nodes on the database by state.", "state")
        self.trusts_all = Gauge(
            "ccfs_ssl_trust_all",
            "1 if receivers' certificates go unverified.",
            registry=registry,
            multiprocess_mode="max",
        )
        self._answered: dict[tuple[str, int, str], tuple[Counter, Counter, Histogram]] = {}  # looking these up is dear

    def _found(self, name: str, told: str, label: str) -> Gauge:
        """What the database says, so of several web processes the one that asked it last is right."""
        return Gauge(name, told, [label], registry=self.registry, multiprocess_mode="mostrecent")

    def answered(self, operation: str, status: int, code: str, size: int, seconds: float) -> None:
        """Count one answered request."""
        key = (operation, status, code)
        if key not in self._answered:
            requests = self.requests.labels(operation=operation, status=str(status), code=code)
            self._answered[key] = (requests, self.bytes_sent.labels(operation), self.seconds.labels(operation))
        requests, bytes_sent, histogram = self._answered[key]
        requests.inc()
        bytes_sent.inc(size)
        histogram.observe(seconds)
