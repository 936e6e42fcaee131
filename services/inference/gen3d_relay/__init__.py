"""Inference: the endpoint's notifications, told on the bus in our words."""
