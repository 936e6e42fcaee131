"""Gen3D's Python SDK: `Gen3D`, `Session`, `Job`, and the tree of errors in `gen3d.errors`."""

from gen3d_events.models import JobOptions, Quality

from gen3d.errors import Gen3DError
from gen3d.job import Job
from gen3d.sdk import Gen3D
from gen3d.session import Session
from gen3d.story import Happening, Stage

__all__ = ["Gen3D", "Gen3DError", "Happening", "Job", "JobOptions", "Quality", "Session", "Stage"]
