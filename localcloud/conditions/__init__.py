"""What may be set about a local cloud: times, variants, the clock, faults and limits. Knows no service."""
