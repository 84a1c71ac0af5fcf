"""CDR files of Asterisk: columns, CSV dialects, times and the zone they are in."""
