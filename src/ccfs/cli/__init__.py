"""The command line: one file per group of commands."""


def main() -> None:
    """The entry point of the program `ccfs`."""
    from ccfs.cli import commands  # a web process runs the entry point again and needs no commands

    commands.main()


__all__ = ["main"]
