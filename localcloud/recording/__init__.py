"""What a local cloud answered, written down, served again and compared. Knows no service."""
