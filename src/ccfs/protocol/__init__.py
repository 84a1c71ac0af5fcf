"""The CC-FS dialect: bytes and dicts to nouns and back. No I/O, no clock, no business rule."""
