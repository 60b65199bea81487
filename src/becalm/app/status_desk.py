"""What a workspace holds, and what needs to be looked after: programme, ledger, and who may read them."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from becalm.brief.desk.due_tasks import ProgrammeState, describe_programme
from becalm.desk import Desk
from becalm.ledger import Head
from becalm.ledger.anchors import AnchorSettings, list_anchor_folders, read_newest_anchors
from becalm.ledger.known_head import read_known_log
from becalm.record.desk import describe_late_head
from becalm.terms import BecalmError, City

RIGHTS_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
PATHS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """Where the ledger is, its head, how much of it is proved by heads kept outside, and its signing key."""

    place: str
    identity: str
    head: Head
    outside_size: int  # entries up to the newest signed head outside the workspace; 0 where there is none
    key: Path
    has_key: bool


@dataclass(frozen=True, slots=True)
class WorkspaceStatus:
    """All of that, and warnings that say what to do."""

    path: Path
    city: City
    programme: ProgrammeState
    ledger: LedgerStatus | None
    warnings: tuple[str, ...]


def describe_workspace(desk: Desk) -> WorkspaceStatus:
    """What does this workspace hold, and what needs to be looked after? Nothing is written."""
    workspace, ledger_status, warnings = desk.workspace, None, list[str]()
    try:
        ledger_status = describe_ledger(desk)
        if ledger_status is not None:
            warnings += _warn_of_losses(desk)
            warnings += filter(None, [describe_late_head(desk)])
        programme = describe_programme(desk, is_ledger_read=ledger_status is not None)
    except BecalmError as error:
        warnings.append(str(error))
        programme = describe_programme(desk, is_ledger_read=False)
    if ledger_status is not None and not ledger_status.has_key:
        warnings.append(
            f"There is no signing key in {ledger_status.key}: no head of the ledger is signed. "
            "Run `becalm record checkpoint`, which makes one, or put it back there."
        )
    if ledger_status is not None and not ledger_status.outside_size:
        warnings.append(
            "No signed head of the ledger is kept outside the workspace: whoever can write here can rewrite "
            "it unseen. Name a place elsewhere under [ledger] anchors, and run `becalm record checkpoint`."
        )
    warnings += _warn_of_wide_rights(desk)
    return WorkspaceStatus(workspace.path, workspace.city, programme, ledger_status, tuple(warnings))


def _warn_of_losses(desk: Desk) -> Iterator[str]:
    ledger = desk.open_ledger()
    begun_entry = ledger.unended_log()
    for lost_head in ledger.lost_heads():
        yield (
            f"The ledger does not hold entry {lost_head.size} as it is known to have been: an older copy "
            "is in its place, or it was altered. Put the newer one back, or run `becalm record restore`."
        )
    if begun_entry is not None:
        yield (
            f"A new log begins at entry {begun_entry.seq}, and no signed statement ends the one before. "
            "Finish `becalm record restore` or `becalm record carry-over`."
        )
    if revived_seqs := ledger.revived_seqs():
        yield (
            f"Details of {len(revived_seqs)} entries came back with a copy though they were erased. They are "
            "never shown. Erase them again with `becalm record erase`."
        )


def describe_ledger(desk: Desk) -> LedgerStatus | None:
    """The ledger as it is; None where none was begun, for asking must not begin one."""
    workspace = desk.workspace
    ledger_path = desk.ledger_file
    if (
        ledger_path is not None
        and not ledger_path.exists()
        and read_known_log(workspace.path, ledger_path.stem) is None
    ):
        return None
    ledger = desk.open_ledger()
    anchor_settings = AnchorSettings(workspace.path, ledger.label)
    anchor_folders = list_anchor_folders(workspace.config.ledger.anchors, workspace.path)
    outside_places = [
        str(folder.resolve())
        for folder in anchor_folders
        if not folder.resolve().is_relative_to(workspace.path.resolve())
    ]
    outside_head_sizes = [
        anchor.head.size
        for anchor in read_newest_anchors(outside_places, anchor_settings)
        if anchor.ledger_id == ledger.identity
    ]
    key_path = workspace.path / workspace.config.ledger.key
    return LedgerStatus(
        place=str(desk.ledger_file or "a PostgreSQL server"),
        identity=ledger.identity,
        head=ledger.head(),
        outside_size=max(outside_head_sizes, default=0),
        key=key_path,
        has_key=key_path.is_file(),
    )


def _warn_of_wide_rights(desk: Desk) -> Iterator[str]:
    """Files and folders that others than the owner may read, write or enter; signed heads may be shared."""
    workspace_path = desk.workspace.path
    anchor_folders = list_anchor_folders(desk.workspace.config.ledger.anchors, workspace_path)
    shared_paths = {folder.resolve() for folder in anchor_folders}
    wide_paths = []
    for folder, folder_names, file_names in os.walk(workspace_path):
        folder_names[:] = [name for name in folder_names if Path(folder, name).resolve() not in shared_paths]
        for path in (Path(folder, name) for name in (".", *file_names)):
            permission_bits = stat.S_IMODE(path.lstat().st_mode)
            if permission_bits & RIGHTS_OF_OTHERS and not path.is_symlink():
                wide_paths.append(f"{path.relative_to(workspace_path)} ({permission_bits:o})")
    if wide_paths:
        more_text = f" and {len(wide_paths) - PATHS_SHOWN} more" if len(wide_paths) > PATHS_SHOWN else ""
        yield (
            f"Others can read or enter {len(wide_paths)} files and folders: "
            f"{', '.join(wide_paths[:PATHS_SHOWN])}{more_text}. Run `chmod -R go= {workspace_path}`."
        )
