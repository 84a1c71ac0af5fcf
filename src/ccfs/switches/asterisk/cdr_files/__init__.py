"""CDR files of Asterisk: columns, CSV dialects, times and their zone."""
