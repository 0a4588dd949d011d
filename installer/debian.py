"""The Debian package: the packaged programs in /opt/lnx-edge, links in /usr/bin, two systemd units, an account of its own.

    /opt/lnx-edge/versions/VERSION/    the programs; `current` points at the version in use
    /usr/bin/lnx, lnx-agent, lnx-collector
    /etc/lnx/                          settings, made by whoever sets the plant up; a service without its file does not start
    /var/lib/lnx/                      data

The package depends on the C library alone. Needs dpkg-deb. Invariant: a power cut at any moment of an upgrade leaves `current` on a
complete version (debian/preinst and postinst).
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from installer import onedir
from tools.dev.machine import ROOT, run, say

HERE = Path(__file__).parent / "debian"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
UNITS = ("lnx-agent.service", "lnx-collector.service")
CONTROL = """Package: lnx-edge
Version: {version}
Section: misc
Priority: optional
Architecture: amd64
Installed-Size: {size}
Depends: libc6 (>= {libc})
Recommends: systemd
Maintainer: LNX Edge maintainers <maintainers@lnx-edge.invalid>
Description: industrial AI runtime, data collector and log agent
 Runs packed, signed vision models inside inspection programs, collects the data of machines and sensors, and delivers the system log with
 proof that nothing is missing. ONNX Runtime is not part of it: it comes as a runtime pack.
"""
README = """LNX Edge {version}

1. Copy examples/agent.toml or examples/collector.toml to /etc/lnx/ and edit it. Tokens go to files that only the account lnx reads:
   install -m 0600 -o lnx token.txt /etc/lnx/secrets/token.txt
2. systemctl restart lnx-agent lnx-collector
3. lnx agent status /etc/lnx/agent.toml, lnx collect status /etc/lnx/collector.toml

apt remove leaves settings and data; apt purge deletes /etc/lnx and /var/lib/lnx, the log with it.

1. examples/agent.toml 또는 examples/collector.toml을 /etc/lnx/에 복사하여 수정합니다. 토큰 파일은 root와 lnx 그룹만 읽게 합니다.
2. systemctl restart lnx-agent lnx-collector
3. 제거(apt remove)하면 설정과 데이터는 남고, apt purge를 실행하면 /etc/lnx와 /var/lib/lnx가 로그와 함께 삭제됩니다.
"""


def package() -> None:
    """The part `deb` of `dev.py package`."""
    made = make(onedir.linux_programs())
    say(f"{made.relative_to(ROOT)}: {made.stat().st_size / 1e6:.0f} MB")


def make(programs: Path, version: str = "", output: Path | None = None, *, level: int = 10) -> Path:
    """Packs a folder of programs. ``level``: of zstd, 1 is quick and 19 small. Returns the package."""
    version = version or (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    target = (output or onedir.DIST) / f"lnx-edge_{version}_amd64.deb"
    target.parent.mkdir(parents=True, exist_ok=True)
    tree = ROOT / "build/debian" / version
    shutil.rmtree(tree, ignore_errors=True)
    _lay_out(tree, programs, version)
    words = ["dpkg-deb", "--root-owner-group", "-Zzstd", f"-z{level}", "--build", tree, target]
    run(words, env={"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "1767225600")})
    shutil.rmtree(tree)
    return target


def _lay_out(tree: Path, programs: Path, version: str) -> None:
    """The files of the package as they will lie."""
    inside = tree / "opt/lnx-edge/versions" / version
    inside.parent.mkdir(parents=True)
    shutil.copytree(programs, inside, symlinks=True, copy_function=_link)
    for program in (name for name in onedir.PROGRAMS if (programs / name).exists()):
        link = tree / "usr/bin" / program
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/opt/lnx-edge/current/{program}")
    units = tree / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for unit in UNITS:
        shutil.copyfile(HERE / unit, units / unit)
    share = tree / "usr/share/doc/lnx-edge"
    (share / "examples").mkdir(parents=True)
    (share / "README").write_text(README.format(version=version), encoding="utf-8")
    shutil.copyfile(ROOT / "LICENSE", share / "copyright")
    shutil.copyfile(ROOT / "agent/lnx_agent/sample.toml", share / "examples/agent.toml")
    shutil.copyfile(HERE / "collector.toml", share / "examples/collector.toml")
    control = tree / "DEBIAN"
    control.mkdir()
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink()) // 1024
    libc = platform.libc_ver()[1]
    (control / "control").write_text(CONTROL.format(version=version, size=size, libc=libc), encoding="utf-8")
    for script in SCRIPTS:
        text = (HERE / script).read_text(encoding="utf-8").replace("@VERSION@", version)
        (control / script).write_text(text, encoding="utf-8")
        (control / script).chmod(0o755)


def _link(source: str, target: str) -> None:
    """Copies a file by linking it: nothing changes it before it is packed."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
