"""SAM 3's click decoder as ONNX: one graph as the reference, and three that make its masks twice as fast."""
