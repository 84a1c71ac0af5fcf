"""Quality management: evaluation forms, evaluations with their scores, sampling of calls, agreement of scorers."""
