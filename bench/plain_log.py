"""The daemon with the plain record file alone: no tree, no tiles. `python -m bench.plain_log serve …`."""

from __future__ import annotations

from functools import partial

from signerd import provision
from signerd.audit.log import Tuning
from signerd.serve import main

if __name__ == "__main__":
    vars(provision)["Tuning"] = partial(Tuning, tiles=False)
    main()
