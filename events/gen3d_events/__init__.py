"""The contract of Gen3D: its events, and how to publish and consume them.

A function's first event is waited for, so what it costs is kept low: 0.6 CPU seconds became 0.35 by what
stands below, by one session for all clients with quickly read service data (aws.py), by models whose
validators are built at their first use (event.py), and by leaving out the tracer where nobody listens
(observability.py).
"""

import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    import gc

    # Nothing of what is loaded can be freed: collect no garbage until the first event is done (0.04 s).
    gc.disable()
    # Otherwise pydantic looks for plugins in every installed package (0.02 s).
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    # Imported after pydantic, it would load every model of powertools' parser (0.1 s).
    import aws_lambda_powertools.utilities.batch  # noqa: F401
