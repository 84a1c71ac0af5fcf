"""The console at /console: pages that the server makes, for people. One file per visitor; rows and rules live below web/."""
