"""Ways of delivering upstream. Each is fed from the same ledger and keeps its own position; see base.py for the contract."""
