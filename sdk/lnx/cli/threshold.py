"""``lnx threshold sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from lnx.cli.messages import language, say
from lnx.cli.output import err, out, print_json, reported
from lnx.session import Session

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps ``sweep`` a word of its own."""


@app.command("sweep", help=say("threshold.sweep"))
def sweep_command(
    model: Annotated[Path, typer.Argument(help=say("arg.model"))],
    folder: Annotated[Path, typer.Argument(help=say("arg.labelled"))],
    good: Annotated[str, typer.Option("--ok", help=say("opt.good"))] = "ok",
    overkill: Annotated[float, typer.Option("--overkill", min=0, max=1, help=say("opt.overkill"))] = 0.0,
    output: Annotated[Path, typer.Option("--out", help=say("opt.out"))] = Path("sweep"),
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    family: Annotated[Path | None, typer.Option("--family", help=say("opt.family"))] = None,
    device: Annotated[str, typer.Option("--device", help=say("opt.device"))] = "auto",
    runtime_dir: Annotated[Path | None, typer.Option("--runtime-dir", help=say("opt.runtime"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        from lnx.sweep import score_folder, suggest, sweep, to_csv, to_html

        kinds = [name.strip() for name in good.split(",") if name.strip()]
        with (
            Session(model, device=device, trusted_keys=trust or [], key_file=family, runtime_dir=runtime_dir, events=False) as session,
            Progress(console=err, transient=True, disable=as_json) as progress,
        ):
            current = float(session.params["threshold"])
            title = str(session.describe()["name"])
            task = progress.add_task(folder.name, total=1.0)
            scored = score_folder(session, folder, kinds, lambda fraction: progress.update(task, completed=fraction))
        points = sweep(scored)
        chosen = suggest(points, overkill)
        output.mkdir(parents=True, exist_ok=True)
        (output / "sweep.csv").write_text(to_csv(points), encoding="utf-8-sig")
        lines = [f'"{s.path.relative_to(folder)}",{s.kind},{"bad" if s.bad else "good"},{s.score:.6g}' for s in scored]
        (output / "scores.csv").write_text("\n".join(["file,kind,truth,score", *lines]) + "\n", encoding="utf-8-sig")
        (output / "sweep.html").write_text(to_html(points, chosen, current, title, language()), encoding="utf-8")
        if as_json:
            told = {"images": len(scored), "bad": sum(s.bad for s in scored), "threshold_now": current, "suggested": chosen.__dict__}
            print_json({**told, "files": [str(output / name) for name in ("sweep.csv", "scores.csv", "sweep.html")]})
            return
        out.print(
            f"{say('suggested')}  {chosen.threshold:.6g}  {say('recall')} {chosen.recall:.1%}  {say('overkill')} {chosen.overkill:.1%}",
            style="green",
            markup=False,
        )
        out.print(f"{say('made')}  {output / 'sweep.html'}", markup=False)
