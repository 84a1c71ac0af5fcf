"""Search, a call's page, player, timeline, annotations, CSV export."""
