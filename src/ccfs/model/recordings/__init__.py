"""Recordings, voice files, annotations and WAV headers."""
