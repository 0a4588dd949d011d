"""``lnx dongle doctor``."""

from __future__ import annotations

import typer
from lnx.cli.messages import language
from lnx.cli.output import RUNTIME, out, print_json, reported

from lnx_licensing import diagnosis
from lnx_licensing.cli.messages import say
from lnx_licensing.cli.options import Json


def doctor_command(as_json: Json = False) -> None:
    """Exit code 4 when neither a dongle nor an evaluation licence can be used."""
    with reported(as_json):
        findings = diagnosis.diagnose()
        evaluation = any(finding.code == "evaluation-ok" for finding in findings)
        good = evaluation or all(finding.kind != "problem" for finding in findings)
        if as_json:
            print_json({"ready": good, "findings": [finding.as_dict() for finding in findings]})
        else:
            _tell(findings, "ready-evaluation" if evaluation else "ready" if good else "not-ready", good)
        if not good:
            raise typer.Exit(RUNTIME)


def _tell(findings: list[diagnosis.Finding], conclusion: str, good: bool) -> None:
    korean = language() == "ko"
    styles = {"ok": "green", "problem": "red", "note": None}
    for finding in findings:
        out.print(f"{say(finding.kind)}  {finding.text(korean)}", style=styles[finding.kind], markup=False)
        fix = finding.fix(korean)
        if fix:
            out.print(f"    {say('do')}: {fix}", markup=False)
    out.print(say(conclusion), style="green" if good else "red", markup=False)
