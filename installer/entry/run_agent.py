"""Entry of the packaged `lnx-agent`."""

import multiprocessing
import sys

if __name__ == "__main__":
    multiprocessing.freeze_support()
    from lnx_agent.program import main

    sys.exit(main())
