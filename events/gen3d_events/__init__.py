"""The contract of Gen3D: its events, and how to publish and consume them."""

import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # For a function's first event. powertools' batch, imported after pydantic, would load every model of its
    # parser (0.1 CPU s), and pydantic would look for plugins in every installed package (0.02 s).
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    import aws_lambda_powertools.utilities.batch  # noqa: F401
