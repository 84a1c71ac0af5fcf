"""ccfs: an open, self-hosted contact-centre file service, compatible with CC-FS."""

__version__ = "0.1.0"
