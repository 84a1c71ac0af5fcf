"""A simulated Asterisk switch: a day of calls as CDRs, queue log and recordings. The seed determines everything."""
