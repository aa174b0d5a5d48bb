"""The service: HTTP and command line over the functions of schema `memory`."""

import os

# onnxruntime (from 1.29 on) sends its vendor what runs where, and leaves a device id and a database
# in the user's cache folder, unless this stands in the environment before it is loaded. Set here,
# for nothing of this program comes before its package; what the user sets himself is obeyed.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
