"""The unit tests of the core and the examples, as Windows programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.dev import machine, windows, wine
from tools.dev.wine import Wine

from .conftest import Model, on_linux, results, settings

UNIT_TESTS = sorted(path.name for path in windows.BUILD.glob("native/test_*.exe"))
NEEDS_RUNTIME = ("test_api.exe", "test_session.exe", "test_runtime.exe")
# BCryptDeriveKey is a stub before Wine 9, so an agreement of keys cannot be had there. Everything else of CNG can.
NEEDS_AGREEMENT = {"test_crypto.exe": "--gtest_filter=-Ecdh.*:Hpke.*", "test_token.exe": None, "test_license.exe": None}


def gaps_of_this_wine(name: str) -> list[str]:
    """Words for the program that leave out what this Wine lacks; skips when nothing is left."""
    if name not in NEEDS_AGREEMENT or wine.major_version() >= 9:
        return []
    words = NEEDS_AGREEMENT[name]
    if words is None:
        pytest.skip("this Wine has no BCryptDeriveKey (Wine 9 or later has)")
    return [words]


@pytest.mark.parametrize("name", [name for name in UNIT_TESTS if name not in NEEDS_RUNTIME])
def test_unit_tests_pass_in_both_code_pages(name: str, in_locale: Wine, installed: Path, plain_model: Model) -> None:
    done = in_locale.run(
        installed / name, "--gtest_brief=1", *gaps_of_this_wine(name), env=settings(model=plain_model), cwd=installed, timeout=300
    )
    assert done.returncode == 0 and "[  PASSED  ]" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("version", machine.RUNTIMES)
@pytest.mark.parametrize("name", [name for name in UNIT_TESTS if name in NEEDS_RUNTIME])
def test_tests_with_a_model_pass_on_every_onnxruntime_dll(
    name: str, version: str, korean: Wine, installed: Path, plain_model: Model
) -> None:
    done = korean.run(installed / name, "--gtest_brief=1", env=settings(version, plain_model), cwd=installed, timeout=300)
    assert done.returncode == 0 and "[  PASSED  ]" in done.stdout, done.stdout + done.stderr
    assert "SKIPPED" not in done.stdout


def test_the_c_example_says_what_the_linux_build_says(in_locale: Wine, installed: Path, model: Model, parts: Path) -> None:
    picture = sorted(parts.iterdir())[3]
    done = in_locale.run(installed / "inspect_c.exe", model.path, picture, model.key, env=settings(), cwd=parts)
    assert done.returncode == 0, done.stderr
    assert results(done.stdout) == results(on_linux("inspect_c", model.path, picture, model.key))
