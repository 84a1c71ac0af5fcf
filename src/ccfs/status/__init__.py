"""The state of the whole installation: figures, and findings with the remedy of each. The console and commands show it."""
