"""How far apart are these places for a vehicle? For jobs that send crews elsewhere than to hotspots."""

from collections.abc import Mapping

from becalm.methods.arrays import Floats
from becalm.patrol.core import travel as travel_core
from becalm.patrol.desk.inputs import find_policy
from becalm.patrol.desk.travel import find_streets
from becalm.patrol.files.read_policy import load_policy
from becalm.workspace.config import Workspace
from becalm.workspace.streets import read_streets


def travel_minutes(
    workspace: Workspace, point_by_stop: Mapping[str, tuple[float, float]]
) -> tuple[Floats, str]:
    """Minutes by vehicle between all these points (metres of the city's grid), and where they come from.

    Over the streets of the workspace, four times in five at most; in straight lines with a detour where it
    has none, and from and to a place that no street leads to.
    """
    pace_by_mode = load_policy(find_policy(workspace, None))
    pace, quantile = pace_by_mode.paces["vehicle"], pace_by_mode.quantile
    line_table = travel_core.straight_line_table(point_by_stop, "vehicle", pace, quantile=quantile)
    streets_path = find_streets(workspace, None)
    if streets_path is None:
        return line_table.minutes, "in straight lines: the workspace has no streets"
    network = read_streets(streets_path, crs=workspace.city.crs)
    street_table = travel_core.build_street_table(network, point_by_stop, "vehicle", pace, quantile=quantile)
    minutes = street_table.table.minutes
    is_far = minutes == float("inf")
    minutes[is_far] = line_table.minutes[is_far]
    return minutes, f"over {streets_path.name}"
