"""What all tests stand on."""

from __future__ import annotations

import signal

# A shell that starts the tests in the background has SIGINT ignored, and so would the processes under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.clouds"]
