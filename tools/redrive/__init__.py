"""`./dev redrive`: sends dead letters again, from a file or a queue."""
