"""Pages for operators and auditors: apps, users, exports, callbacks, ingest, cluster, settings, audit log."""
