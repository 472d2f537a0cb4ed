"""EventBridge in the local cloud."""
