"""Quality management: evaluation forms, scoring of calls, agents' responses, sampling and calibration."""
