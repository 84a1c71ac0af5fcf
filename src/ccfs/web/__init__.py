"""The HTTP toolkit of api and console: context, requests, responses, metrics, readiness, lock-out."""
