"""Entry of the packaged `lnx-collector`."""

import multiprocessing
import sys

if __name__ == "__main__":
    multiprocessing.freeze_support()
    from lnx_collector.program import main

    sys.exit(main())
