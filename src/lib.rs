//! The bench: CLI, campaign, scenario runner, drivers, reports.
