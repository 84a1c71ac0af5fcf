"""Rows that ingest writes and reads: cursors, rotated files, rejections, expected recordings, unassigned records."""
