"""Notification: people are told what became of their photo."""
