"""``inklings serve``: a node of a hospital's network that predicts what it is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def serve(
    run: Annotated[Path, typer.Argument(help="Run trained on volumes, or of a detector.")],
    dimse: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at.")],
    queue: Annotated[Path, typer.Option(help="Folder of what waits; it holds images of patients.")],
    send_to: Annotated[
        str, typer.Option(help="Who gets the answers: AE@HOST:PORT, or https://HOST/PATH (STOW).")
    ],
    allow: Annotated[
        list[str], typer.Option(help="Title of a node that may send; may be repeated.")
    ],
    ae: Annotated[str, typer.Option(help="Our own title.")] = "INKLINGS",
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    to: Annotated[
        list[str] | None,
        typer.Option(
            help="What is sent: dicom-seg, dicom-labelmap, rtstruct (by default the first), or "
            "dicom-sr of a detector; may be repeated."
        ),
    ] = None,
    series: Annotated[
        str | None, typer.Option(help="Only series of this description, or UID.")
    ] = None,
    stable_s: Annotated[
        float, typer.Option(min=0.1, help="Seconds without an image until a study is complete.")
    ] = 30.0,
    associations: Annotated[
        int, typer.Option(min=1, help="Senders at once; others are refused, and try again.")
    ] = 4,
    max_gb: Annotated[
        float, typer.Option(min=0.001, help="Most gigabytes of images in the queue.")
    ] = 50.0,
    keep_hours: Annotated[
        float, typer.Option(min=0, help="How long images wait for late ones after an answer.")
    ] = 24.0,
) -> None:
    """Listen for studies (C-STORE), predict each when it is complete, send what was found back.

    What was received is on disk before the sender is told so; run again to go on after any end of
    the process. QUEUE/log.jsonl gets a line a study, without names. There is no encryption: listen
    beyond this machine only in a network that is closed.
    """
    import threading

    from inklings.archives.dimse import Listener, Node
    from inklings.archives.place import Place, is_url
    from inklings.archives.queue import Queue
    from inklings.archives.serve import Answers, Worker

    answers = Answers.of(run, to or (), series)
    send: Callable[[Sequence[Path]], None]
    if is_url(send_to):
        from inklings.archives.dicomweb import Archive

        send = Archive(Place.parse(send_to)).store
    else:
        send = partial(Node.parse(send_to).send, calling=ae)
    waiting = Queue(queue, answers.digest, stable_s, max_gb * 1e9, keep_hours * 3600)
    listener = Listener(waiting, ae, allow, host, dimse, associations, _say)
    listener.start()
    _say(f"{ae} listens at {host}:{listener.port}; queue {queue}; answers go to {send_to}")
    try:
        Worker(waiting, answers, send, _say).work(threading.Event())
    finally:
        listener.stop()
        waiting.close()


def _say(line: str) -> None:
    typer.echo(line, err=True)
