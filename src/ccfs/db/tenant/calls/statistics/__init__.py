"""Statistics of calls and agents, counted ahead and read by period."""
