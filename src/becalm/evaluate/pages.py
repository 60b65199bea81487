"""The page of evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from becalm.console.job_page import Act, FolderList, JobPage
from becalm.evaluate.core.events import PROTOCOL_AMENDED, PROTOCOL_REGISTERED

if TYPE_CHECKING:
    from becalm.desk import Desk

FINDINGS: Final = FolderList(
    page="evaluate",
    title="Findings",
    lead="What each study found, with what was registered before.",
    record="finding.json",
    mark="index.html",
)
DRAFTS: Final = "protocols"


def protocol_files(desk: Desk) -> Mapping[str, Path]:
    """The protocols that lie in the workspace, drafts too."""
    root = desk.workspace.path
    paths = [*root.glob("protocol*.toml"), *root.glob(f"{DRAFTS}/*.toml")]
    return {str(path.relative_to(root)): path for path in sorted(paths)}


def new_draft(desk: Desk) -> Mapping[str, Path]:
    """Where a new draft goes."""
    name = f"draft-{desk.now():%Y%m%d-%H%M%S}.toml"
    return {"a new draft": desk.workspace.path / DRAFTS / name}


PROTOCOL: Final = {"protocol": protocol_files}
ACTS: Final = {
    "evaluate draft": Act("Draft a protocol", "Write the draft", files={"out": new_draft}),
    "evaluate design": Act("Look at a design", "Look", is_look=True, files=PROTOCOL),
    "evaluate register": Act(
        "Register a protocol", "Seal it", files=PROTOCOL, watched=(PROTOCOL_REGISTERED, PROTOCOL_AMENDED)
    ),
    "evaluate amend": Act(
        "Amend a protocol", files=PROTOCOL, watched=(PROTOCOL_REGISTERED, PROTOCOL_AMENDED)
    ),
}
PAGE = JobPage(
    job="evaluate",
    heading="Evaluate",
    lead="Did it work, did it only move, would it have fallen anyway?",
    labels={
        "evaluate protocols": "Protocols that were registered",
        "evaluate anyway": "Would it have fallen anyway?",
    },
    acts=ACTS,
    folders=(FINDINGS,),
    by_command="Run a study with `becalm evaluate run`; drafts are filled in with an editor.",
)
