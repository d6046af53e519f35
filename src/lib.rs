//! The bench: CLI, campaign, scenario runner, drivers, reports.

pub mod catalogue;
pub mod cli;
pub mod contract;
pub mod driver;
pub mod embedded;
pub mod exit;
pub mod init;
pub mod profile_files;
pub mod recorder;
pub mod report;
pub mod run;
pub mod scenario_file;
