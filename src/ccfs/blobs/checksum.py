"""The CRC-32 of stored bytes, as fast as memory is read: 128 KB in some ten microseconds."""


def crc32(data: bytes, value: int = 0) -> int:
    """Return the CRC-32 of bytes, continued from that of the bytes before them."""
    from isal import isal_zlib  # a compiled library, once stored bytes are checked

    return isal_zlib.crc32(data, value)
