"""What is handed over with a finished solution, in one signed archive: ``lnx handover make`` and ``lnx handover check``."""

from lnx.handover.archive import FORMAT, Checked, check, make
from lnx.handover.parts import Part, take_in
from lnx.handover.sbom import cyclonedx

__all__ = ["FORMAT", "Checked", "Part", "check", "cyclonedx", "make", "take_in"]
