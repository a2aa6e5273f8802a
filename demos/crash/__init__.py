"""``isthmus demo crash``: processes are killed at every write point, and nothing is lost."""

from demos.crash.scenario import CrashDemo

DEMO = CrashDemo()
