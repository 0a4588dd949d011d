"""From an event file to the receiver's signature, over TLS."""

from __future__ import annotations

from pathlib import Path

from agent_plant import agent_toml, receiver_settings, running_agent, running_receiver, wait_for
from lnx_agent.evidence.notes import Checkpoint, Verifier, cosigned_at, split
from lnx_common.events import EventFile


def test_events_arrive_complete_and_are_counter_signed(tmp_path: Path, tls: tuple[Path, Path]) -> None:
    events = EventFile("inspection", tmp_path / "plant" / "events")
    with running_receiver(receiver_settings(tmp_path / "receiver", tls=tls)) as receiver:
        settings = agent_toml(tmp_path / "plant", receiver.url, ca=tls[0])
        with running_agent(settings) as agent:
            for n in range(3000):
                events.write("lnx.error", {"status": n, "model": "한글 모델"})
            wait_for(lambda: sum(1 for r in receiver.records().values() if r.event == "lnx.error") == 3000)
            wait_for(lambda: any(r.event == "audit.receipt" for r in receiver.records().values()))
            stream = agent.ledger.live.id
        stored = receiver.records()
        assert [stored[stream, n].attributes for n in range(len(stored))]  # contiguous from 0
        errors = [r for _, r in sorted(stored.items()) if r.event == "lnx.error"]
        assert [r.attributes["status"] for r in errors] == list(range(3000))
        assert {r.attributes["model"] for r in errors} == {"한글 모델"}
        receipt = next(r for r in stored.values() if r.event == "audit.receipt")
        notes = [str(r.attributes["note"]) for r in stored.values() if r.event == "audit.checkpoint"]
        texts = {Checkpoint.from_text(split(note)[0]).size: split(note)[0] for note in notes}
        verifier = Verifier.from_text((tmp_path / "plant/data/uplinks/agency/receiver.vkey").read_text())
        assert cosigned_at(texts[receipt.attributes["size"]], str(receipt.attributes["signature"]), verifier) > 1_700_000_000
