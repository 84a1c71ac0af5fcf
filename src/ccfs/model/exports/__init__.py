"""Exports, their callback deliveries, callback URLs and time windows."""
