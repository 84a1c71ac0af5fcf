"""Metrics of one web process, for /metrics. Labels are bounded: operations and reasons of our own tables,
and numbers of apps, of which the operator decides how many there are."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WebMetrics:
    """The metrics of one web process, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "ccfs_requests", "Requests by response.", ["operation", "status", "code"], registry=registry
        )
        self.bytes_sent = Counter("ccfs_sent_bytes", "Bytes of response bodies.", ["operation"], registry=registry)
        self.unauthorized_requests = Counter(
            "ccfs_unauthorized_requests", "Requests that failed authentication.", ["reason"], registry=registry
        )
        self.request_seconds = Histogram(
            "ccfs_request_seconds",
            "Time until the response began.",
            ["operation"],
            registry=registry,
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
        )
        self.connections = Gauge(
            "ccfs_connections", "Connections of clients.", registry=registry, multiprocess_mode="livesum"
        )
        self.closed_connections = Counter(
            "ccfs_closed_connections", "Connections that the server closed.", ["reason"], registry=registry
        )
        self._add_app_metrics(registry)
        self.ingest_lag = Gauge(
            "ccfs_ingest_lag_seconds", "Time since ingest last read a source file.", registry=registry
        )
        self.expected_recordings = self._build_database_gauge(
            "ccfs_expected_recordings", "Recordings that CDRs name and that have not arrived.", "state"
        )
        self.lost_recordings = Gauge(
            "ccfs_lost_recordings", "Recordings whose stored file was not found.", registry=registry
        )
        self.clock_difference = self._build_database_gauge(
            "ccfs_clock_difference_seconds", "Difference of a clock from this machine's.", "clock"
        )
        self.retention_marks = Gauge(
            "ccfs_retention_marked_months",
            "Months of tables that retention will delete.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self.rejected_lines = Gauge("ccfs_rejected_lines", "Lines and files that ingest rejected.", registry=registry)
        self.missing_rotated_files = Gauge(
            "ccfs_missing_rotated_files", "Rotated log files that ingest did not find.", registry=registry
        )
        self.exports = self._build_database_gauge("ccfs_exports", "Exports by state.", "state")
        self.bulk_downloads = self._build_database_gauge("ccfs_bulk_downloads", "Bulk downloads by state.", "state")
        self.oldest_due = self._build_database_gauge(
            "ccfs_oldest_due_seconds", "Time since the oldest job that is not finished was requested.", "job"
        )
        self.deliveries = self._build_database_gauge("ccfs_deliveries", "Callback deliveries by state.", "state")
        self.nodes = self._build_database_gauge("ccfs_nodes", "Nodes on the database by state.", "state")
        self._add_expiry_metrics(registry)
        # Looking up labels is expensive.
        self._labelled_metrics: dict[tuple[str, int, str], tuple[Counter, Counter, Histogram]] = {}

    def _add_expiry_metrics(self, registry: CollectorRegistry) -> None:
        self.certificate_expiry = self._build_database_gauge(
            "ccfs_server_certificate_expiry_timestamp_seconds",
            "Unix time at which the certificate of a node's TLS server expires.",
            "node",
        )
        self.disk_free = self._build_database_gauge(
            "ccfs_location_free_bytes", "Free space of a location's disk, as last sampled.", "location"
        )
        self.ssl_trust_all = Gauge(
            "ccfs_ssl_trust_all",
            "1 if the certificates of callback receivers are not verified.",
            registry=registry,
            multiprocess_mode="max",
        )

    def _add_speech_metrics(self, registry: CollectorRegistry) -> None:
        self.speech_backlog = Gauge(
            "ccfs_speech_backlog",
            "Recordings that wait for their analysis.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self.speech_analysed = Gauge(
            "ccfs_speech_analysed_seconds",
            "Seconds of audio that were analysed.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    def _add_app_metrics(self, registry: CollectorRegistry) -> None:
        self._add_speech_metrics(registry)
        self.app_requests_in_flight = Gauge(
            "ccfs_app_requests_in_flight",
            "Requests of an app under way on this node.",
            ["app", "kind"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self.flow_control_rejections = Counter(
            "ccfs_flow_control_rejections",
            "Requests over a limit of their app.",
            ["app", "operation"],
            registry=registry,
        )
        self.delayed_bytes = Counter(
            "ccfs_app_delayed_bytes",
            "Bytes of responses that waited for the rate of their app.",
            ["app"],
            registry=registry,
        )

    def _build_database_gauge(self, name: str, description: str, label: str) -> Gauge:
        """Return a gauge of database rows; of several web processes, the one that queried last determines the value."""
        return Gauge(name, description, [label], registry=self.registry, multiprocess_mode="mostrecent")

    def record_request(self, operation: str, status: int, code: str, size: int, seconds: float) -> None:
        """Count one request and its response."""
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
