"""Rows that belong to an app. Every public function that takes a connection takes the app next."""
