"""The console at /console: server-rendered pages for users. Handlers by subject; routes.py maps URLs to them."""
