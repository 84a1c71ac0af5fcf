"""Rows of quality management: evaluation forms, evaluations, sampling, calibrations."""
