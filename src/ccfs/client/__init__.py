"""The SDK: what a program needs to call CC-FS operations. Never store, work or web."""
