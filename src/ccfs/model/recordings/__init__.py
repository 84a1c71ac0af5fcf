"""Recordings, voice files, annotations, WAV headers."""
