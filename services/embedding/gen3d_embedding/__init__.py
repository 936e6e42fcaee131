"""Embedding: an accepted photo becomes tensors that a client turns clicks into masks with."""
