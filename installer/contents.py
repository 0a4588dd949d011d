"""What the packaged programs carry, and what they leave out. Read by edge.spec, inside the Python that PyInstaller runs in.

One analysis serves three programs: they share one folder of libraries, and each embeds only the Python modules it can reach.
Invariants: nothing comes from the Windows that builds (its own libraries are Microsoft's to install); nothing of ONNX Runtime is in it, it
comes as a runtime pack.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path, PureWindowsPath

Entry = tuple[str, str, str]  # name in the package, file here, type

OURS = ("lnx", "lnx_common", "lnx_licensing", "lnx_collector", "lnx_agent")
ENTRIES = {"lnx": "run_lnx", "lnx-agent": "run_agent", "lnx-collector": "run_collector"}  # program -> script in entry/
HIDDEN = (*OURS, "rich._unicode_data", "asyncpg", "pymodbus", "asyncua", "opentelemetry.proto")
PYWIN32 = ("servicemanager", "win32service", "win32serviceutil", "win32security", "win32timezone", "pywintypes")  # named in texts alone
DATA = ("lnx_licensing", "lnx_collector", "lnx_agent", "tzdata")
EXCLUDED = (
    "onnxruntime",  # a runtime pack
    "tkinter",
    "test",
    "pip",
    "setuptools",
    "pkg_resources",
    "wheel",
    "pytest",
    "_pytest",
    "IPython",
    "matplotlib",
    "pandas",
    "scipy",
    "torch",
    "tensorflow",
    "PIL.ImageTk",
    "onnx.backend.test",
    "numpy.f2py",
    "pyarrow.tests",
    "pyarrow.flight",
    "pyarrow._flight",
    "pyarrow.substrait",
    "pyarrow._substrait",
    "pyarrow.gandiva",
    "pyarrow.cuda",
    "pyarrow._s3fs",
    "pyarrow._gcsfs",
    "pyarrow._azurefs",
    "pyarrow._hdfs",
    "pyarrow._orc",
    "pyarrow._dataset_orc",
    "pyarrow._pyarrow_cpp_tests",
    "zstandard._cffi",
    "zstandard.backend_cffi",
    "zstandard.backend_rust",
    "mypy",
    "hypothesis",
    "pydantic.mypy",
    "pydantic._hypothesis_plugin",
    "win32com",
    "pythoncom",
    "Pythonwin",
    "pythonwin",
)
LEFT_OUT = (  # files by the beginning of their name below `pyarrow/` or at the top: clouds, Flight, headers, sources
    "pyarrow/_s3fs",
    "pyarrow/_gcsfs",
    "pyarrow/_azurefs",
    "pyarrow/_hdfs",
    "pyarrow/_orc",
    "pyarrow/_dataset_orc",
    "pyarrow/_flight",
    "pyarrow/_substrait",
    "pyarrow/_pyarrow_cpp_tests",
    "pyarrow/include",
    "pyarrow/src",
    "pyarrow/tests",
    *(
        f"{folder}{prefix}arrow_{part}"
        for folder in ("pyarrow/", "")
        for prefix in ("lib", "")
        for part in ("s3", "flight", "python_flight")
    ),
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/_core/tests",
    "onnx/backend/test",
    "zstandard/_cffi",
    "zstandard/backend_rust",
    "cv2/gapi",
    "mypy",
    "hypothesis",
    "ast_serialize",
    "librt",
)
LEFT_OUT_ENDINGS = (".lib", ".pdb", ".pxd", ".pxi", ".pyx", ".pyi", ".h", ".hpp", ".cpp", ".cc", ".a", ".cmake")
# Top-level packages that a program never reaches; `lnx` reaches all.
NOT_IN = {
    "lnx-agent": (
        "lnx",
        "lnx_licensing",
        "lnx_collector",
        "onnx",
        "cv2",
        "av",
        "asyncua",
        "pymodbus",
        "asyncpg",
        "pint",
        "serial",
        "pynmea2",
        "smartcard",
    ),
    "lnx-collector": ("lnx", "lnx_licensing", "lnx_agent", "onnx", "reportlab", "smartcard", "rfc3161_client"),
    "lnx": (),
}
MICROSOFT = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll", "msvcp140_1.dll", "msvcp140_2.dll")


def submodules(package: str) -> list[str]:
    """A package and everything importable below it, found by looking at files alone: importing takes a process per package."""
    found = [package]
    for folder in _folders(package):
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            stem = path.name.split(".")[0]
            if path.suffix not in (".py", ".pyd", ".so") or not all(part.isidentifier() for part in parts[:-1]):
                continue
            words = [package, *parts[:-1], *([] if stem == "__init__" else [stem])]
            found.append(".".join(words))
    return sorted(set(found))


def data_files(package: str) -> list[tuple[str, str]]:
    """Files of a package that are not code, with the folder that they go to."""
    found = []
    for folder in _folders(package):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in (".py", ".pyc", ".pyd", ".so", ".dll", ".pyi") and "__pycache__" not in path.parts:
                found.append((str(path), str(Path(package.replace(".", "/")) / path.parent.relative_to(folder))))
    return found


def _folders(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in spec.submodule_search_locations or []] if spec else []


def metadata_of(names: Iterable[str]) -> list[Entry]:
    """What the packages inside say about themselves: `lnx handover` makes its bill of materials of it.

    ``names``: modules and files that are packed. Packages that are not among them are not in the bill either.
    """
    owners = metadata.packages_distributions()
    tops = {PureWindowsPath(name).parts[0].split(".")[0] for name in names}
    found: dict[str, Entry] = {}
    for owner in sorted({owner for top in tops for owner in owners.get(top, [])}):
        for file in metadata.distribution(owner).files or []:
            folder, _, name = file.as_posix().rpartition("/")
            if folder.endswith(".dist-info") and name in ("METADATA", "entry_points.txt"):
                found[file.as_posix()] = (file.as_posix(), str(metadata.distribution(owner).locate_file(file)), "DATA")
    return list(found.values())


def never(programs: Iterable[str]) -> list[str]:
    """Packages that none of the programs reaches."""
    return sorted(set.intersection(*(set(NOT_IN[program]) for program in programs)))


def files(entries: Iterable[Entry]) -> list[Entry]:
    """Binaries and data without what is left out, each library once. Microsoft's C++ runtime is the one that LNX_MSVC_RUNTIME names."""
    system = os.environ.get("SystemRoot", "").lower() if os.name == "nt" else ""  # noqa: SIM112 - its real name
    kept = []
    for name, source, kind in entries:
        inside = PureWindowsPath(name).as_posix()
        if inside.startswith(LEFT_OUT) or inside.endswith(LEFT_OUT_ENDINGS):
            continue
        if system and source.lower().startswith(system):
            continue
        if "/" not in inside and inside.lower() in MICROSOFT:
            continue
        kept.append((name, source, kind))
    return _once(kept)


def _once(entries: list[Entry]) -> list[Entry]:
    """A library that a package brings in its own folder is packed there alone: at the top a link on Linux, nothing on Windows.

    Windows looks for the libraries of a module in the module's folder first.
    """
    inside = {
        os.path.realpath(source): name for name, source, kind in entries if kind != "SYMLINK" and len(PureWindowsPath(name).parts) > 1
    }
    found = []
    for name, source, kind in entries:
        place = inside.get(os.path.realpath(source)) if len(PureWindowsPath(name).parts) == 1 and kind != "SYMLINK" else None
        if place is None:
            found.append((name, source, kind))
        elif os.name != "nt":
            found.append((name, place, "SYMLINK"))
    return found


def microsoft() -> list[Entry]:
    """The C++ runtime beside our programs, so that they need nothing installed."""
    folder = os.environ.get("LNX_MSVC_RUNTIME")
    return [(name, str(Path(folder) / name), "BINARY") for name in MICROSOFT if (Path(folder) / name).exists()] if folder else []


def modules(program: str, entries: Iterable[Entry]) -> list[Entry]:
    """The Python modules of one program."""
    never_reached = NOT_IN[program]
    return [entry for entry in entries if entry[0].split(".")[0] not in never_reached]


def scripts(program: str, entries: Iterable[Entry], all_scripts: Iterable[str]) -> list[Entry]:
    """The start-up scripts of one program: PyInstaller's own, and its entry."""
    others = {script for script in all_scripts if script != f"run_{program.rpartition('-')[2]}"}
    return [entry for entry in entries if entry[0] not in others]
