"""The commands ``lnx license`` and ``lnx dongle``: one module per group of commands, texts in ``messages``."""

from __future__ import annotations

import typer

from lnx_licensing.cli import doctor, dongle, issue, keygen, provision, show
from lnx_licensing.cli.messages import say

license_app = typer.Typer(help=say("license"), no_args_is_help=True)
license_app.command("keygen", help=say("keygen"))(keygen.keygen_command)
license_app.command("withdraw", help=say("withdraw"))(keygen.withdraw_command)
license_app.command("issue", help=say("issue"))(issue.issue_command)
license_app.command("show", help=say("show"))(show.show_command)
license_app.command("verify", help=say("verify"))(show.verify_command)

dongle_app = typer.Typer(help=say("dongle"), no_args_is_help=True)
dongle_app.command("list", help=say("list"))(dongle.list_command)
dongle_app.command("provision", help=say("provision"))(provision.provision_command)
dongle_app.command("verify", help=say("dongle.verify"))(dongle.verify_command)
dongle_app.command("request", help=say("request"))(dongle.request_command)
dongle_app.command("apply", help=say("apply"))(dongle.apply_command)
dongle_app.command("doctor", help=say("doctor"))(doctor.doctor_command)
