"""The agent at work: one loop that reads, signs, seals and looks after itself, and one thread per uplink.

Whatever goes wrong with storage is answered here and nowhere else: a disk that refuses makes the loop wait (the event files are the
buffer) with the reserve released; storage that cannot be trusted makes the ledger fork. Nothing stops the agent but its stop signal.

Invariant: everything that matters is on the disk before anything is said about it, so the process may be killed at any instant.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psutil
from lnx_common.clocks import Clock, ClockWatch, Every, SystemClock, boot_id, plausible
from lnx_common.errors import PlantError
from lnx_common.files import InstanceLock
from lnx_common.service import Notifier, StopSignal

from lnx_agent.config import AgentSettings, UplinkSettings
from lnx_agent.evidence.keys import AgentKeys
from lnx_agent.identity import agent_version, resource_of
from lnx_agent.inbox import take_inbox
from lnx_agent.intake import Intake
from lnx_agent.ledger import DAMAGE, Ledger
from lnx_agent.ownlog import Alarms, OwnLog
from lnx_agent.record import draft
from lnx_agent.reload import SettingsFile, where_of
from lnx_agent.reserve import Reserve
from lnx_agent.uplinks.base import Lent, Uplink
from lnx_agent.uplinks.factory import Plant, make_uplink
from lnx_agent.uplinks.threads import Deliveries
from lnx_agent.usage import day_usage, month_usage

POLL_S = 0.1
REFUSED_WAIT_S = 1.0
LONGEST_SILENCE_NS = 600 * 10**9
SETTINGS_S = 0.5  # two looks make a change
PRUNE_S = 60.0
USAGE_S = 600.0
USAGE, USAGE_MONTH = "usage", "usage.month"  # cursors: the last day, the last month that was summed up
TOLD = ("agent.start", "agent.stop", "agent.gap", "agent.clock", "agent.uplink", "agent.settings")  # also lines of the agent's own log
LAST = "last"  # cursor: {"time", "boot", "clean"}


class _Timers:
    """What the settings say to do every so often."""

    def __init__(self, settings: AgentSettings, clock: Clock) -> None:
        seal = settings.seal
        self.heartbeat = Every(seal.heartbeat, clock, at_once=True)
        self.checkpoint, self.sealing = Every(seal.checkpoint, clock), Every(seal.after, clock)


class Agent:
    """One agent on one data folder."""

    def __init__(self, settings: AgentSettings, file: SettingsFile | None = None, digest: str = "", clock: Clock | None = None) -> None:
        """Takes the folder's lock. Raises PlantError 622 when another agent works there.

        file: watched for changes; digest: SHA-256 of the settings' text, as agent.start tells it.
        """
        self.settings = settings
        self._file, self._digest = file, digest
        self.clock = clock or SystemClock()
        self.folder = settings.data
        self.lock = InstanceLock(self.folder / "lock")
        self.keys = AgentKeys(self.folder / "keys")
        self.log = OwnLog(self.folder / "log")
        self.alarms = Alarms(self.log)
        self._newest: tuple[str, int, str] | None = None
        self.ready = threading.Event()
        """Set once everything runs."""
        self._wake = threading.Event()
        self._deliveries = Deliveries(self.alarms, self._wake)
        self._summing: threading.Thread | None = None
        self._complete_at: dict[str, int] = {}  # event file -> number that the stream had reached when it was read to its end
        self.reserve = Reserve(self.folder / "reserve", settings.reserve)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, stop: StopSignal) -> None:
        """Works until asked to stop."""
        ledger = self._open_ledger(stop)
        if ledger is None:
            self.log.close()
            self.lock.release()
            return
        self.ledger: Ledger = ledger
        self._open_intake()
        self._greet()
        self._deliveries.begin(self.settings.uplink, self._make_uplink)
        if self._file is not None and "settings" not in self.alarms.now():
            with contextlib.suppress(OSError):
                self._file.keep(self.folder)
        notifier = Notifier()
        notifier.send("READY=1")
        self.ready.set()
        self._loop(stop, notifier)
        self._say_goodbye()
        self._deliveries.end(1.5)
        self.ledger.live.close()
        self._write_status(running=False)
        self.log.close()
        self.lock.release()

    @property
    def uplinks(self) -> list[Uplink]:
        """The uplinks that deliver now."""
        return self._deliveries.uplinks

    def _make_uplink(self, settings: UplinkSettings) -> Uplink:
        lent = self._lent(settings.name)
        try:
            return make_uplink(settings, lent, Plant(self.settings.usage.timezone, self.keys.signer))
        except OSError as error:
            raise PlantError(621, where=str(lent.folder), found=str(error)) from error

    def _open_ledger(self, stop: StopSignal) -> Ledger | None:
        while not stop.is_set():
            try:
                return Ledger(self.folder, self.keys.signer)
            except (PlantError, OSError) as error:
                self._refused(str(error))
                stop.wait(REFUSED_WAIT_S)
        return None

    def _open_intake(self) -> None:
        self.intake = Intake(self.settings.events, self.ledger, self.folder / "quarantine", self.clock)

    def _loop(self, stop: StopSignal, notifier: Notifier) -> None:
        clock = self.clock
        watch, timers = ClockWatch(clock), _Timers(self.settings, clock)
        status, prune, refill = Every(1.0, clock, at_once=True), Every(PRUNE_S, clock), Every(30.0, clock)
        usage, look = Every(USAGE_S, clock), Every(SETTINGS_S, clock)
        while not stop.is_set():
            if status.due():
                notifier.send("WATCHDOG=1")
                self._write_status(running=True)
            try:
                change = watch.look()
                if change is not None:
                    told = {"kind": change.kind, "seconds": change.seconds, "before_time": change.before_ns, "after_time": change.after_ns}
                    self._append("agent.clock", told)
                if look.due() and self._take_over_settings():
                    timers = _Timers(self.settings, clock)
                if self.intake.poll():
                    self._wake.set()
                take_inbox(self.folder / "inbox", self._append, self.ledger.live.id)
                self._resolve_conflicts()
                if timers.heartbeat.due():
                    self._heartbeat()
                if self._bytes_to_seal() or timers.sealing.due():
                    self._seal_all()
                if timers.checkpoint.due():
                    self._checkpoint()
                if usage.due():
                    self._tell_usage()
                if prune.due():
                    self._prune()
                self.alarms.clear("storage")
                if refill.due():
                    self.reserve.keep()
            except PlantError as error:
                self._mend(error)
                stop.wait(REFUSED_WAIT_S)
            except OSError as error:
                self._refused(str(error))
                stop.wait(REFUSED_WAIT_S)
            if not self.intake.more:
                stop.wait(POLL_S)

    # ── settings that change ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _take_over_settings(self) -> bool:
        """Looks at the settings file; True when other settings are in use now. A file that cannot be used is an alarm."""
        if self._file is None or self._file.look() is None:
            return False
        old = self.settings
        try:
            loaded = self._file.load(old)
            self.settings = loaded.settings
            anew = (old.identity, old.usage.timezone) != (self.settings.identity, self.settings.usage.timezone)
            self._deliveries.apply(self.settings.uplink, self._make_uplink, all_anew=anew)
        except PlantError as error:
            self.settings = old
            self.refuse_settings(error)
            return False
        self._digest = loaded.digest
        if self.settings.events != old.events:
            self._open_intake()
        if self.settings.reserve != old.reserve:
            self.reserve = Reserve(self.folder / "reserve", self.settings.reserve)
        self.alarms.clear("settings")
        with contextlib.suppress(OSError):
            self._file.keep(self.folder)
        self.tell("agent.settings", {"state": "applied", "settings": self._digest})
        return True

    def refuse_settings(self, error: PlantError) -> None:
        """The file cannot be used; the last good settings stay."""
        self.alarms.raise_("settings", error.text())
        if hasattr(self, "ledger"):
            self.tell("agent.settings", {"state": "refused", "settings": self._digest, "where": where_of(error)})

    # ── when storage fails ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _mend(self, error: PlantError) -> None:
        if error.status in DAMAGE:
            self._fork("damaged")
        else:
            self._refused(error.text("en"))

    def _refused(self, found: str) -> None:
        self.alarms.raise_("storage", found)
        self.reserve.release()
        with contextlib.suppress(OSError):
            self._write_status(running=True)

    def _fork(self, reason: str) -> None:
        self._newest = None
        try:
            self.ledger.fork(reason)
            self._complete_at.clear()
            self._open_intake()
        except (PlantError, OSError) as error:
            self._refused(str(error))

    def _resolve_conflicts(self) -> None:
        """A receiver knows other records under our numbers (a restored backup): what it lacks goes on in another stream."""
        for uplink in self.uplinks:
            holders: tuple[Any, ...] = (uplink, getattr(uplink, "receipts", None))
            for holder in holders:
                found = getattr(holder, "conflict", None)
                if found is not None and holder is not None:
                    self._newest = None
                    self.ledger.renumber(*found)
                    self._complete_at.clear()
                    self._open_intake()
                    holder.conflict = None

    # ── the agent's own events ───────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, event: str, attributes: Mapping[str, Any]) -> bool:
        """Appends an event of the agent; a disk that refuses is an alarm and False, not an exception."""
        try:
            self._append(event, attributes)
        except PlantError as error:
            self.alarms.raise_("storage", error.found)
            return False
        return True

    def _append(self, event: str, attributes: Mapping[str, Any]) -> None:
        now = self.clock.wall_ns()
        last = json.dumps({"time": now, "boot": boot_id(), "clean": event == "agent.stop"})
        self.ledger.live.append([draft(event, attributes, now, now)], {LAST: last})
        if event in TOLD:
            self.log.info(f"{event} {json.dumps(dict(attributes), ensure_ascii=False)}")
        self._wake.set()

    def _greet(self) -> None:
        """agent.start, and agent.gap for the time nobody watched."""
        now = self.clock.wall_ns()
        last = _object(self.ledger.live.journal.cursor(LAST))
        end = "first" if not last else "clean" if last.get("clean") else "crash" if last.get("boot") == boot_id() else "machine"
        told = {
            "version": agent_version(),
            "boot": boot_id(),
            "previous_end": end,
            "settings": self._digest,
            "key": self.keys.signer.verifier.to_text(),
            "identity": self.settings.identity.model_dump(),
            "clock_plausible": plausible(now),
        }
        self.tell("agent.start", told)
        before = self._last_time() or int(last.get("time", 0))
        if before and now - before > LONGEST_SILENCE_NS:
            reason = {"clean": "stopped", "first": "stopped"}.get(end, end)
            self.tell("agent.gap", {"reason": reason, "from_time": before, "to_time": now})

    def _last_time(self) -> int:
        """When the record before agent.start was accepted."""
        live = self.ledger.live
        entries = live.read(max(0, live.next_seq - 2), 1) if live.next_seq > 1 else []
        return entries[0].time_ns if entries else 0

    def _heartbeat(self) -> None:
        live = self.ledger.live
        told = {
            "accepted": live.next_seq,
            "sealed": live.sealed,
            "delivered": min((one.status.delivered.get(live.id, 0) for one in self.uplinks), default=0),
            "programs": self.intake.programs(),
            "memory_mb": psutil.Process().memory_info().rss // 2**20,
            "disk_free_mb": shutil.disk_usage(self.folder).free // 2**20,
        }
        self._append("agent.heartbeat", told)

    def _checkpoint(self) -> None:
        live = self.ledger.live
        size, note = live.checkpoint()
        self._newest = (live.id, size, note)
        self._append("audit.checkpoint", {"size": size, "note": note})

    def _bytes_to_seal(self) -> bool:
        """A cheap guess: so many records of the size of a summary make a segment."""
        return self.ledger.live.unsealed() * 250 > self.settings.seal.size

    def _seal_all(self) -> None:
        self._checkpoint()
        target = self.ledger.live.next_seq
        while self.ledger.live.sealed < target and self.ledger.live.seal(self.settings.seal.size) is not None:
            pass

    def _tell_usage(self) -> None:
        """Once a day, for the day before: the numbers of the utilisation summary as one record; once a month for the month before.

        In a thread of its own: a month of a busy line takes longer to read than a heartbeat may wait.
        """
        if self._summing is None or not self._summing.is_alive():
            self._summing = threading.Thread(target=self._sum_up, name="usage", daemon=True)
            self._summing.start()

    def _sum_up(self) -> None:
        try:
            self._sum_up_days()
        except (PlantError, OSError, sqlite3.Error) as error:
            self.log.warn(f"usage: {error}")  # the next look tries again

    def _sum_up_days(self) -> None:
        live = self.ledger.live
        day = datetime.fromtimestamp(self.clock.wall_ns() / 1e9, ZoneInfo(self.settings.usage.timezone)).date() - timedelta(days=1)
        if live.journal.cursor(USAGE) == day.isoformat() or live.next_seq == 0:
            return
        now = self.clock.wall_ns()
        told = {"day": day.isoformat(), "summary": asdict(day_usage(self.settings, day))}
        live.append([draft("usage.day", told, now, now)], {USAGE: day.isoformat()})
        month = (day.replace(day=1) - timedelta(days=1) if (day + timedelta(days=1)).day > 1 else day).strftime("%Y-%m")
        if live.journal.cursor(USAGE_MONTH) != month:
            usage = month_usage(self.settings, month)
            whole = {"month": month, "summary": asdict(usage.total), "models": {"models": usage.models}}
            live.append([draft("usage.month", whole, now, now)], {USAGE_MONTH: month})

    def _say_goodbye(self) -> None:
        self.tell("agent.stop", {"accepted": self.ledger.live.next_seq})
        with contextlib.suppress(PlantError, OSError):
            self._checkpoint()

    # ── housekeeping ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _prune(self) -> None:
        """Deletes event files that are read, sealed, finished and old."""
        for path in self.intake.files():
            with contextlib.suppress(OSError):
                if not self.intake.read_completely(path):
                    self._complete_at.pop(path.name, None)
                    continue
                sealed = self.ledger.live.sealed >= self._complete_at.setdefault(path.name, self.ledger.live.next_seq)
                old = time.time() - path.stat().st_mtime > self.settings.keep_events
                if sealed and old and self.intake.finished(path):
                    path.unlink()
                    self.intake.forget(path)
                    self._complete_at.pop(path.name, None)

    def _lent(self, name: str) -> Lent:
        folder = self.folder / "uplinks" / name
        return Lent(
            self.ledger, folder, self.tell, agent_version(), resource_of(self.settings.identity, self.keys), self.newest, self._wake
        )

    def newest(self) -> tuple[str, int, str] | None:
        """The newest checkpoint: stream, size, note."""
        return self._newest

    def _write_status(self, *, running: bool) -> None:
        live = self.ledger.live if hasattr(self, "ledger") else None
        value = {
            "running": running,
            "time": time.time(),
            "pid": psutil.Process().pid,
            "version": agent_version(),
            "stream": live.id if live else "",
            "accepted": live.next_seq if live else 0,
            "sealed": live.sealed if live else 0,
            "programs": self.intake.programs() if hasattr(self, "intake") else 0,
            "alarms": self.alarms.now(),
            "uplinks": [vars(one.status) for one in self.uplinks],
        }
        with contextlib.suppress(OSError):
            path = self.folder / "status.json"
            path.with_suffix(".new").write_text(json.dumps(value), encoding="utf-8")
            path.with_suffix(".new").replace(path)


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
