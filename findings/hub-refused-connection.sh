#!/usr/bin/env bash
# huggingface_hub waits 23 seconds for each missing file when every connection is refused, whatever etag_timeout says.
#
# Seen with huggingface_hub 2.4.0. A refused connection is an answer that comes at once, and etag_timeout is described as the seconds to
# wait for the server. One would expect an error within that time. Each file is asked for six times, with pauses of 1, 2, 4, 8 and 8 s;
# a model of ten files takes four minutes to say that there is no network. HF_HUB_OFFLINE=1 answers at once, but must be known before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
cd "$work"
HF_HOME="$work/hub" HF_ENDPOINT=http://127.0.0.1:9 "$work/venv/bin/python" - <<'PYTHON'
import socket
import time

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError

with socket.socket() as probe:  # nobody listens there: the answer is immediate
    assert probe.connect_ex(("127.0.0.1", 9)) != 0
pauses = []
time.sleep = pauses.append  # the pauses are counted and not waited for
for _ in range(2):
    try:
        hf_hub_download("somebody/model", "model.safetensors", etag_timeout=1)
    except LocalEntryNotFoundError as error:
        print(f"pauses of {pauses} s, {sum(pauses):g} s in all; then: {str(error)[:75]}...")
assert sum(pauses) == 46, "23 s for each of two calls"
PYTHON
