"""Turns dashboards into the JSON that Grafana imports."""

from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.builders.common import (
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, DatasourceVariable
from grafana_foundation_sdk.builders.dashboard import Row as RowBuilder
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef

from tools.dashboards import BOARDS, Board, Panel
from tools.packages import ROOT

FOLDER = ROOT / "deploy" / "grafana"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
ACROSS = 8  # of 24 columns: three panels in a row
HIGH = 8


def files() -> Mapping[Path, str]:
    """Return each dashboard's file and what is to be in it."""
    return {FOLDER / f"{board.uid}.json": _json(board) for board in BOARDS}


def _json(board: Board) -> str:
    return JSONEncoder(sort_keys=True, indent=2).encode(_build(board).build()) + "\n"


def _build(board: Board) -> Dashboard:
    made = (
        Dashboard(f"Darkroom: {board.title}")
        .uid(board.uid)
        .description(board.says)
        .tags(["darkroom"])
        .refresh("30s")
        .time("now-3h", "now")
        .with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(
            DashboardLink("Darkroom")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["darkroom"])
            .keep_time(keep_time=True)
        )
    )
    for row in board.rows:
        made.with_row(RowBuilder(row.title))
        for panel in row.panels:
            made.with_panel(_panel(panel))
    return made


def _panel(panel: Panel) -> Timeseries:
    made = (
        Timeseries()
        .title(panel.title)
        .description(panel.says)
        .datasource(SOURCE)
        .unit(panel.unit)
        .min(0)
        .span(ACROSS)
        .height(HIGH)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    if panel.most is not None:
        made.max(panel.most)
    if panel.stacked:
        made.stacking(StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
    for place, query in enumerate(panel.queries):
        made.with_target(
            Dataquery().expr(query.expr).legend_format(query.legend).ref_id("ABCDEF"[place])
        )
    return made


def main() -> None:
    """Write all dashboards."""
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
