"""Exports, their deliveries, callback URLs and time windows."""
