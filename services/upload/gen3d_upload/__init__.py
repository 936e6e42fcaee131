"""The upload service: what arrives, what is known about it, and the door to both."""
