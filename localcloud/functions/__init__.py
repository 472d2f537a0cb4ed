"""Functions as Function Compute has them: what they are, how they are invoked, and their HTTP triggers."""
