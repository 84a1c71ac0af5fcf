"""The command line: one file per group of commands. What a command does lives in the packages below, not here."""


def main() -> None:
    """The entry point of the program `ccfs`."""
    from ccfs.cli import commands  # a web process runs the program's file again, and needs no command

    commands.main()


__all__ = ["main"]
