"""A Linux of its own for the tests of the Debian package: this system's files with a layer over them, and systemd as its process 1.

What dpkg installs goes to the layer, which is gone with the machine. Takes root and a kernel that lets root do it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

from agent_plant import wait_for

TARGETS = ("lnx", "sysinit", "basic", "shutdown", "multi-user", "local-fs", "time-sync")
BEGIN = """
mount --make-rprivate /
mount -t tmpfs tmpfs "$LAYER"
mkdir "$LAYER/upper" "$LAYER/work" "$LAYER/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$LAYER/upper",workdir="$LAYER/work" "$LAYER/root"
root="$LAYER/root"
for place in run tmp mnt etc/systemd/system; do mkdir -p $root/$place; mount -t tmpfs tmpfs $root/$place; done
mkdir $root/mnt/plant && mount --bind "$PLANT" $root/mnt/plant
mount --rbind /dev $root/dev
mount --rbind /sys $root/sys
mount -t proc proc $root/proc
for name in $TARGETS; do printf '[Unit]\\nDefaultDependencies=no\\n' > $root/etc/systemd/system/$name.target; done
for unit in $UNITS; do
    mkdir $root/etc/systemd/system/$unit.d
    printf '[Service]\\nStandardError=append:/mnt/plant/stderr\\n' > $root/etc/systemd/system/$unit.d/no-journal.conf
done
cd $root
exec chroot . /lib/systemd/systemd --system --unit=lnx.target --log-target=null --show-status=no
"""
UNITS = ("lnx-agent.service", "lnx-collector.service")


class LinuxMachine:
    """The machine, and the plant's folder as /mnt/plant in it."""

    def __init__(self, plant: Path, layer: Path) -> None:
        layer.mkdir()
        settings = {
            "PLANT": str(plant),
            "LAYER": str(layer),
            "TARGETS": " ".join(TARGETS),
            "UNITS": " ".join(UNITS),
            "SYSTEMD_UNIT_PATH": "/etc/systemd/system:/mnt/plant/units",  # ours alone: none of this system's services starts
            "container": "lnx",
        }
        (plant / "units").mkdir()
        apart = ["unshare", "--pid", "--fork", "--mount", "--cgroup", "--uts", "--ipc", "--kill-child"]
        self._outside = subprocess.Popen(
            [*apart, "sh", "-ec", BEGIN], env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with contextlib.suppress(AssertionError):
            wait_for(self.runs, 30)

    def runs(self) -> bool:
        return self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def why_not(self) -> str:
        """What the start said, once it has failed."""
        self.end()
        return self._told

    def run(self, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        children = Path(f"/proc/{self._outside.pid}/task/{self._outside.pid}/children").read_text(encoding="ascii").split()
        if not children:
            return subprocess.CompletedProcess(words, 1, "", "systemd is not there")
        inside = ["nsenter", "-t", children[0], "-m", "-p", "-u", "-i", "-C", "-r", "-w", "--", *words]
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=timeout)

    def show(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", unit, "--property", name, "--value").stdout.strip()

    _told = ""

    def end(self) -> None:
        self._outside.kill()
        _, err = self._outside.communicate()
        self._told = err.decode("utf-8", "replace")
