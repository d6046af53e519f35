//! Settings of a run.

use super::*;

#[test]
fn settings_are_read_and_checked() {
    let config = config_from_str("diapason.toml", CONFIG).unwrap();
    assert_eq!(config.driver.kind, DriverKind::Http);
    assert_eq!(config.timeouts, Timeouts::default());
    let bad = |text: String, wanted: &str| {
        let error = config_from_str("diapason.toml", &text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{error}");
    };
    bad(CONFIG.replace("url", "ulr"), "did you mean `url`?");
    bad(
        CONFIG.replace("http://127.0.0.1:8790", "ici"),
        "is not an address",
    );
    bad(
        "[driver]\nkind = \"command\"\n".to_owned(),
        "needs `command`",
    );
    bad(
        "[driver]\nkind = \"htpp\"\n".to_owned(),
        "did you mean `http`?",
    );
    bad(
        format!("{CONFIG}command = [\"x\"]\n"),
        "another kind of driver",
    );
    bad(
        format!("{CONFIG}[timeouts]\naction_ms = 0\n"),
        "cannot be met",
    );
    bad(
        format!("{CONFIG}[mocks]\ncrl = \"0.0.0.0:80\"\n"),
        "reached from other machines",
    );
    bad(
        format!("{CONFIG}[mocks]\ncrl = \"127.0.0.1:8701\"\n"),
        "already the address of `insi_tls`",
    );
    bad(
        format!("{CONFIG}[mocks]\ncrl = \"ici\"\n"),
        "invalid socket address",
    );
    bad(
        format!("{CONFIG}[[baseline]]\nrule = \"INSI-H04\"\nreason = \" \"\n"),
        "needs a reason",
    );
}
