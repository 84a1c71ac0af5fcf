"""Rows that belong to an app. Every public function takes a connection, then the app."""
