"""Files of others for the browser: htmx and Swagger UI, as their npm packages have them.

`packages.json` says of each its version, licence and digests; its licence lies beside it.
`python tools/third_party.py htmx.org=2.0.11` takes a version.
"""

from pathlib import Path

HERE = Path(__file__).parent
