//! The messages, word for word: they are what the author of a scenario sees.

#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

mod config;
mod dmp;

const SCENARIO: &str = r#"id: INS/essai.01
family: ins
kind: behaviour
title: {fr: Essai, en: Trial}
source: {document: Notes}
confidence: sure
condition: referentiel_identites and not psc_seul
parameters:
  nom: ADRUN
steps:
  - text: {fr: "Créer ${nom}", en: "Create ${nom}"}
    do:
      action: usager.create
      with:
        nom_naissance: "${nom}"
        lieu_naissance: 01001
      as: u
  - do:
      action: ins.search
      with:
        usager: "${u.usager.id}"
    expect:
      - rule: INSI-H04
        call:
          service: insi
          operation: rechercherInsAvecTraitsIdentite
          facts: {properties: {persona: {const: p01-adrun}}}
"#;

fn load(text: &str) -> Result<LoadedScenario, FileErrors> {
    ScenarioFiles::from_texts("", [("ins/x.yaml", text)]).load_one("ins/x.yaml")
}

fn message(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

/// The good scenario with one change; the text to change must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(SCENARIO.contains(from), "{from:?} is not in the base");
    message(&SCENARIO.replacen(from, to, 1))
}

#[test]
fn a_good_scenario_is_read() {
    let scenario = load(SCENARIO).unwrap().value;
    assert_eq!(scenario.steps.len(), 2);
    let action = scenario.steps[0].action.as_ref().unwrap();
    assert_eq!(action.with["lieu_naissance"], json!("01001"));
}

#[test]
fn an_unknown_key_shows_its_line_and_the_nearest_key() {
    assert_eq!(
        changed("    expect:", "    expcet:"),
        "\
error: unknown key `expcet`
  --> ins/x.yaml:22:5
   |
22 |     expcet:
   |     ^^^^^^
   = expected: one of `include`, `with`, `text`, `requirements`, `proofs`, `arm`, `do`, `expect`
   = hint: did you mean `expect`?"
    );
}

#[test]
fn a_duplicate_key_is_refused() {
    assert_eq!(
        changed("kind: behaviour\n", "kind: behaviour\nkind: attack\n"),
        "\
error: duplicate key `kind`
 --> ins/x.yaml:4:1
  |
4 | kind: attack
  | ^^^^
  = hint: a key may be given once; remove one of the two"
    );
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    assert_eq!(
        changed("      as: u\n", "      as: u\n      deadline_ms: bientôt\n"),
        "\
error: wrong type
  --> ins/x.yaml:18:20
   |
18 |       deadline_ms: bientôt
   |                    ^^^^^^^
   = expected: a whole number, 0 or more, got the text \"bientôt\""
    );
    assert_eq!(
        changed("{document: Notes}", "{document: Notes, version: 1.10}"),
        "\
error: wrong type
 --> ins/x.yaml:5:36
  |
5 | source: {document: Notes, version: 1.10}
  |                                    ^^^^
  = expected: a text, got the number 1.1
  = hint: put the value between quotes"
    );
}

#[test]
fn a_missing_key_is_named() {
    assert_eq!(
        changed("      - rule: INSI-H04\n        call:", "      - call:"),
        "\
error: missing key `rule`
  --> ins/x.yaml:23:9
   |
23 |       - call:
   |         ^^^^"
    );
}

#[test]
fn a_bad_id_says_the_shape() {
    let text = changed("rule: INSI-H04", "rule: insi h04");
    assert_eq!(
        text,
        "\
error: \"insi h04\" is not a rule id: expected upper-case words joined by hyphens, such as INSI-H04
  --> ins/x.yaml:23:15
   |
23 |       - rule: insi h04
   |               ^^^^^^^^"
    );
}

#[test]
fn a_condition_over_an_unknown_fact_is_refused() {
    let text = changed("not psc_seul", "not pcs_seul");
    assert!(
        text.contains("\"pcs_seul\" is not a product fact"),
        "{text}"
    );
    assert!(text.contains("7 | condition: "), "{text}");
}

#[test]
fn an_expectation_has_exactly_one_alternative() {
    let text = changed(
        "        call:\n",
        "        answer: {schema: {required: [status]}}\n        call:\n",
    );
    assert!(
        text.starts_with(
            "\
error: an expectation of 2 things
  --> ins/x.yaml:24:9
   |
24 |         answer: {schema: {required: [status]}}
   |         ^^^^^^
   = expected: exactly one of `call`, `silence`, `answer`, `observe`, `handshake_refused`, `document`, `attest`"
        ),
        "{text}"
    );
    let none = SCENARIO.split("        call:").next().unwrap();
    assert!(message(none).starts_with("error: an expectation of nothing"));
}

#[test]
fn an_expected_document_is_of_a_kind_that_is_judged_and_at_a_pointer() {
    let call = &SCENARIO[SCENARIO.find("        call:\n").unwrap()..];
    let with = |document: &str| changed(call, &format!("        document: {document}\n"));
    let good = SCENARIO.replacen(
        call,
        "        document: {kind: cda, at: /document/contenu}\n",
        1,
    );
    assert!(
        load(&good).unwrap().value.steps[1].expect[0]
            .document
            .is_some()
    );
    for (document, said) in [
        (
            "{kind: xdm, at: /x}",
            "error: a document of kind `xdm` is not judged in a scenario\n",
        ),
        (
            "{kind: cda, at: document}",
            "error: `document` is not a JSON pointer\n",
        ),
        (
            "{kind: cda, at: /x, facts: {}}",
            "error: this schema accepts everything\n",
        ),
        (
            "{kind: cda, at: /x, facts: {requird: [id]}}",
            "error: unknown JSON Schema keyword `requird`\n",
        ),
        ("{kind: cdb, at: /x}", "error: "),
        ("{kind: cda}", "error: "),
    ] {
        let text = with(document);
        assert!(text.starts_with(said), "{document}: {text}");
    }
    let without = changed(
        call,
        "        silence: {service: insi}\n  - expect:\n      - rule: X-1\n        document: {kind: cda, at: /x}\n",
    );
    assert!(
        without.starts_with("error: nothing is done in this step: there is no answer\n"),
        "{without}"
    );
}

#[test]
fn an_unknown_action_names_the_nearest() {
    let text = changed("action: usager.create", "action: usager.creer");
    assert!(
        text.starts_with("error: unknown action `usager.creer`\n"),
        "{text}"
    );
    assert!(
        text.ends_with("hint: did you mean `usager.create`?"),
        "{text}"
    );
}

#[test]
fn parameters_of_an_action_are_checked() {
    let text = changed("nom_naissance: \"${nom}\"", "nom_naisance: \"${nom}\"");
    assert!(
        text.starts_with("error: `usager.create` has no parameter `nom_naisance`\n"),
        "{text}"
    );
    assert!(
        text.ends_with("hint: did you mean `nom_naissance`?"),
        "{text}"
    );

    let text = changed(
        "        usager: \"${u.usager.id}\"\n",
        "        mode: traits\n",
    );
    assert!(
        text.starts_with("error: `ins.search` needs the parameter `usager`\n"),
        "{text}"
    );

    let text = changed("lieu_naissance: 01001", "lieu_naissance: 63220");
    assert_eq!(
        text,
        "\
error: wrong parameter of `usager.create`: 63220 is not of types \"null\", \"string\"
  --> ins/x.yaml:16:25
   |
16 |         lieu_naissance: 63220
   |                         ^^^^^
   = hint: if a text is meant, put the value between quotes"
    );
    // A placeholder stands for a value not known yet.
    let scenario = SCENARIO.replace("lieu_naissance: 01001", "prenoms: \"${nom}\"");
    assert!(load(&scenario).is_ok());
}

#[test]
fn required_below_the_root_of_an_answer_needs_an_object() {
    let with = |schema: &str| {
        load(&format!(
            "{SCENARIO}      - rule: INSI-H04\n        answer:\n          schema: {schema}\n"
        ))
    };
    let error = with("{required: [a], properties: {a: {required: [b]}}}").unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("error: a null passes here") && text.contains("type: object"),
        "{text}"
    );
    let inside = with("{properties: {a: {contains: {required: [b]}}}}").unwrap_err();
    assert!(
        inside.to_string().contains("a null passes here"),
        "{inside}"
    );
    for held in [
        "{required: [a], properties: {a: {type: object, required: [b]}}}",
        "{required: [a], properties: {a: {not: {required: [b]}}}}",
        "{properties: {a: {type: object, anyOf: [{required: [b]}, {required: [c]}]}}}",
    ] {
        with(held).unwrap_or_else(|e| panic!("{held}: {e}"));
    }
}

#[test]
fn schema_fragments_are_compiled() {
    let text = changed(
        "{properties: {persona: {const: p01-adrun}}}",
        "{propertis: {persona: {const: x}}}",
    );
    assert!(
        text.starts_with("error: unknown JSON Schema keyword `propertis`"),
        "{text}"
    );
    assert!(text.ends_with("hint: did you mean `properties`?"), "{text}");

    let text = changed("{const: p01-adrun}", "{type: texte}");
    assert!(text.starts_with("error: invalid JSON Schema: "), "{text}");
    assert!(text.contains("27 | "), "{text}");

    let text = changed("{properties: {persona: {const: p01-adrun}}}", "{}");
    assert!(
        text.starts_with("error: this schema accepts everything"),
        "{text}"
    );

    let text = changed("{const: p01-adrun}", "{pattern: '('}");
    assert!(text.starts_with("error: invalid JSON Schema: "), "{text}");

    let text = changed(
        "{properties: {persona: {const: p01-adrun}}}",
        "{$ref: 'https://example.org/s.json'}",
    );
    assert!(text.starts_with("error: invalid JSON Schema: "), "{text}");
}

#[test]
fn an_unknown_observation_or_operation_is_refused() {
    let text = changed(
        "        call:\n          service: insi\n          operation: rechercherInsAvecTraitsIdentite\n          facts: {properties: {persona: {const: p01-adrun}}}\n",
        "        observe: {what: usagr, query: {id: \"1\"}, schema: {required: [id]}}\n",
    );
    assert!(text.contains("unknown observation `usagr`"), "{text}");
    assert!(text.ends_with("hint: did you mean `usager`?"), "{text}");

    let text = changed(
        "operation: rechercherInsAvecTraitsIdentite",
        "operation: rechercherInsAvecTraits",
    );
    assert!(
        text.contains("`insi` has no operation `rechercherInsAvecTraits`"),
        "{text}"
    );
}

#[test]
fn a_placeholder_that_nothing_defines_is_refused() {
    let text = changed("${u.usager.id}", "${v.usager.id}");
    assert!(
        text.starts_with("error: ${v.usager.id}: nothing is called `v` here\n"),
        "{text}"
    );
    // Not before the step that binds it.
    let text = changed(
        "nom_naissance: \"${nom}\"",
        "nom_naissance: \"${u.usager.id}\"",
    );
    assert!(
        text.starts_with("error: ${u.usager.id}: nothing is called `u` here\n"),
        "{text}"
    );
}

#[test]
fn several_problems_are_reported_together() {
    let text = SCENARIO
        .replace("action: usager.create", "action: usager.creer")
        .replace("${u.usager.id}", "${v.usager.id}");
    assert_eq!(load(&text).unwrap_err().iter().count(), 2);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, before) in ["b", "c", "d", "e", "f", "g"]
        .iter()
        .zip(["a", "b", "c", "d", "e", "f"])
    {
        let many = vec![format!("*{before}"); 9].join(", ");
        text = format!("{text}{name}: &{name} [{many}]\n");
    }
    let error = message(&text);
    assert!(
        error.contains("aliases unfold into too many values"),
        "{error}"
    );
}

#[test]
fn nesting_without_end_broken_yaml_and_merges_are_refused() {
    assert!(message(&"[".repeat(10_000)).starts_with("error: "));
    assert!(message("a: b: c").starts_with("error: invalid YAML"));
    assert!(message("").starts_with("error: "));
    let text = changed("parameters:\n", "<<: {a: 1}\nparameters:\n");
    assert!(
        text.starts_with("error: merge keys (`<<`) are not read"),
        "{text}"
    );
    let text = changed("kind: behaviour", "kind: !mine behaviour");
    assert!(text.contains("is not read"), "{text}");
    let text = changed("kind: behaviour", "kind: atack");
    assert!(text.contains("hint: did you mean `attack`?"), "{text}");
}

const STEPS: &str = r#"parameters:
  nom: ADRUN
  ps: idec
steps:
  - arm:
      - psc_user: {persona: "${ps}"}
    do:
      action: usager.create
      with: {nom_naissance: "${nom}", premier_prenom: "$${nom} ${qui}"}
      as: u
"#;

fn including(step: &str, files: &[(&str, &str)]) -> Result<LoadedScenario, FileErrors> {
    let scenario = SCENARIO
        .replacen("parameters:\n", "parameters:\n  qui: Anne\n", 1)
        .replacen("steps:\n", &format!("steps:\n  - {step}\n"), 1);
    let mut all = vec![("ins/x.yaml", scenario.as_str())];
    all.extend_from_slice(files);
    ScenarioFiles::from_texts("scenarios", all).load_one("ins/x.yaml")
}

#[test]
fn an_inclusion_puts_the_steps_in_place_and_sets_their_parameters() {
    let files = [("_commun/usager.yaml", STEPS)];
    let step = "{include: _commun/usager.yaml, with: {nom: \"${qui}\", ps: medco}}";
    let scenario = including(step, &files).unwrap().value;
    assert_eq!(scenario.steps.len(), 3);
    let json = serde_json::to_value(&scenario.steps[0]).unwrap();
    assert_eq!(json["arm"][0]["psc_user"]["persona"], "medco");
    // What is not a parameter of the step file is left for the run, escapes too.
    assert_eq!(json["do"]["with"]["nom_naissance"], "${qui}");
    assert_eq!(json["do"]["with"]["premier_prenom"], "$${nom} ${qui}");
}

#[test]
fn a_problem_in_an_included_file_is_shown_in_that_file() {
    let broken = STEPS.replace("usager.create", "usager.cree");
    let error = including(
        "include: _commun/usager.yaml",
        &[("_commun/usager.yaml", &broken)],
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("--> scenarios/_commun/usager.yaml:8:15"),
        "{error}"
    );
}

#[test]
fn bad_inclusions_are_refused() {
    let files = [("_commun/usager.yaml", STEPS)];
    let check = |step: &str, wanted: &str| {
        let error = including(step, &files).unwrap_err().to_string();
        assert!(error.contains(wanted), "{step}: {error}");
    };
    check(
        "include: ../../etc/passwd",
        "is not a path inside the scenarios folder",
    );
    check(
        "include: /etc/passwd",
        "is not a path inside the scenarios folder",
    );
    check(
        "include: _commun/usagr.yaml",
        "did you mean `_commun/usager.yaml`?",
    );
    check("include: ins/x.yaml", "includes itself");
    check(
        "{include: _commun/usager.yaml, with: {non: A}}",
        "did you mean `nom`?",
    );
    check(
        "{include: _commun/usager.yaml, proofs: []}",
        "`proofs` beside an `include`",
    );
    check(
        "{with: {a: 1}, text: {fr: a, en: a}}",
        "`with` beside no `include`",
    );

    let circle = [
        ("_a.yaml", "steps: [{include: _b.yaml}]"),
        ("_b.yaml", "steps: [{include: _a.yaml}]"),
    ];
    let error = including("include: _a.yaml", &circle)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`_a.yaml` includes itself"), "{error}");
    assert!(
        error.contains("ins/x.yaml -> _a.yaml -> _b.yaml -> _a.yaml"),
        "{error}"
    );

    let deep: Vec<(String, String)> = (0..12)
        .map(|i| {
            (
                format!("_{i}.yaml"),
                format!("steps: [{{include: _{}.yaml}}]", i + 1),
            )
        })
        .collect();
    let deep: Vec<(&str, &str)> = deep.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let error = including("include: _0.yaml", &deep)
        .unwrap_err()
        .to_string();
    assert!(error.contains("nest more than 8 deep"), "{error}");
}

#[test]
fn what_is_armed_is_typed_once_the_parameters_are_in() {
    let with = |value: &str| {
        SCENARIO
            .replacen("parameters:\n", "parameters:\n  duree: 1801\n", 1)
            .replacen(
                "steps:\n",
                &format!("steps:\n  - arm: [{{advance: {value}}}]\n"),
                1,
            )
    };
    let scenario = load(&with("\"${duree}\"")).unwrap().value;
    assert_eq!(
        scenario.steps[0].arm,
        [diapason_core::scenario::Arm::Advance(1801)]
    );
    let text = message(&with("\"${nom}\""));
    assert!(text.contains("got the text \"ADRUN\""), "{text}");
    // Where any value may stand, the rest is resolved when the step runs.
    let patch = "persona: {id: p01-adrun, patch: {a: \"${PLACE}\"}}";
    let with_patch = |place: &str| with("1").replace("advance: 1", &patch.replace("PLACE", place));
    assert!(load(&with_patch("persona.tire-0.traits")).is_ok());
    let text = message(&with_patch("u.usager"));
    assert!(text.contains("nothing is called `u` here"), "{text}");
}

#[test]
fn a_set_has_unique_ids_and_files_named_after_them() {
    let files = ScenarioFiles::from_texts(
        "scenarios",
        [
            ("ins/ins-essai-01.yaml", SCENARIO),
            ("ins/autre.yaml", SCENARIO),
        ],
    );
    let error = files.load().unwrap_err().to_string();
    assert!(error.contains("`INS/essai.01` is already taken"), "{error}");
    assert!(
        error.contains("this scenario in `ins/ins-essai-01.yaml`, got `ins/autre.yaml`"),
        "{error}"
    );
    let files = ScenarioFiles::from_texts("scenarios", [("ins/ins-essai-01.yaml", SCENARIO)]);
    assert_eq!(files.load().unwrap().len(), 1);
}

#[test]
fn a_folder_is_read_and_what_would_be_passed_over_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("ins")).unwrap();
    std::fs::write(folder.path().join("ins/ins-essai-01.yaml"), SCENARIO).unwrap();
    std::fs::write(folder.path().join("README.md"), "x").unwrap();
    let files = ScenarioFiles::from_dir(folder.path()).unwrap();
    assert_eq!(files.load().unwrap().len(), 1);
    std::fs::write(folder.path().join("ins/a.yml"), SCENARIO).unwrap();
    let error = ScenarioFiles::from_dir(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("hint: name it .yaml"), "{error}");
    std::fs::remove_file(folder.path().join("ins/a.yml")).unwrap();
    std::fs::write(folder.path().join("ins/b.yaml"), b"\xff\xfe").unwrap();
    let error = ScenarioFiles::from_dir(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("not UTF-8"), "{error}");
    assert!(ScenarioFiles::from_dir(&folder.path().join("absent")).is_err());
}

#[test]
fn names_that_lead_elsewhere_are_checked() {
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let references = References {
        rules: set(&["INSI-H05"]),
        personas: set(&["p01-adrun"]),
        ..References::default()
    };
    let scenario = SCENARIO.replace(
        "\"${nom}\"",
        "\"${persona.p02-adrun.traits.nom_naissance}\"",
    );
    let scenario = [load(&scenario).unwrap()];
    let error = references
        .check_scenarios(&scenario)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no rule is called `INSI-H04`"), "{error}");
    assert!(error.contains("did you mean `INSI-H05`?"), "{error}");
    assert!(
        error.contains("no persona is called `p02-adrun`"),
        "{error}"
    );
    assert!(References::default().check_scenarios(&scenario).is_ok());
}

#[test]
fn parameters_of_faults_are_checked() {
    let arm = "  - arm: [{fault: {id: INSI-F-TIMEOUT, with: {secondes: 2}}}]\n";
    let scenario = [load(&SCENARIO.replacen("steps:\n", &format!("steps:\n{arm}"), 1)).unwrap()];
    let known = |name: &str| [("INSI-F-TIMEOUT".to_owned(), [name.to_owned()].into())].into();
    assert!(References::check_fault_parameters(&scenario, &known("secondes")).is_ok());
    let error = References::check_fault_parameters(&scenario, &known("seconds"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`INSI-F-TIMEOUT` has no parameter `secondes`"),
        "{error}"
    );
    assert!(error.contains("did you mean `seconds`?"), "{error}");
}

const PACK: &str = r#"pack: insi
version: "1"
rules:
  - id: INSI-H04
    level: error
    confidence: sure
    source: {document: Notes}
    text: {fr: a, en: a}
    hint: {fr: b, en: b}
    check:
      schema:
        on: {service: insi}
        facts: {required: [http]}
    bad:
      - base: insi-traits
        replace: [{from: a, to: b}]
"#;

#[test]
fn rule_packs_are_checked() {
    assert_eq!(
        rule_pack_from_str("p.yaml", PACK)
            .unwrap()
            .value
            .rules
            .len(),
        1
    );
    let bad = |from: &str, to: &str, wanted: &str| {
        assert!(PACK.contains(from));
        let error = rule_pack_from_str("p.yaml", &PACK.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{error}");
    };
    bad(
        "confidence: sure",
        "confidence: likely",
        "the level is above",
    );
    bad(
        "facts: {required: [http]}",
        "facts: {requird: [http]}",
        "did you mean `required`?",
    );
    bad(
        "on: {service: insi}",
        "on: {service: insi, when: {}}",
        "accepts everything",
    );
    bad(
        "on: {service: insi}",
        "on: {service: inis}",
        "did you mean `insi`?",
    );
    bad(
        "      schema:\n        on: {service: insi}\n        facts: {required: [http]}\n",
        "      scenario:\n",
        "judges no sample",
    );
    bad(
        "    bad:\n      - base: insi-traits\n        replace: [{from: a, to: b}]\n",
        "",
        "can fail",
    );
    let twice = format!("{PACK}{}", PACK.split("rules:\n").nth(1).unwrap());
    let error = rule_pack_from_str("p.yaml", &twice)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`INSI-H04` is already taken"), "{error}");
}

const FICHE: &str = r#"[produit]
nom = "Exemple"
editeur = "Éditeur"
version = "1.0"

[profil]
referentiel_identites = true
"#;

#[test]
fn a_product_statement_is_read_as_strictly() {
    assert!(product_from_str("fiche-produit.toml", FICHE).is_ok());
    let bad = |text: String| {
        product_from_str("fiche-produit.toml", &text)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        bad(format!("{FICHE}pcs_seul = true\n"))
            .lines()
            .take(5)
            .collect::<Vec<_>>()
            .join("\n"),
        "\
error: unknown key `pcs_seul`
 --> fiche-produit.toml:8:1
  |
8 | pcs_seul = true
  | ^^^^^^^^"
    );
    assert!(bad(format!("{FICHE}pcs_seul = true\n")).ends_with("hint: did you mean `psc_seul`?"));
    assert_eq!(
        bad(FICHE.replace("= true", "= \"oui\"")),
        "\
error: wrong type
 --> fiche-produit.toml:7:25
  |
7 | referentiel_identites = \"oui\"
  |                         ^^^^^
  = expected: true or false, got the text \"oui\""
    );
    assert_eq!(
        bad(format!("{FICHE}referentiel_identites = false\n")),
        "\
error: duplicate key
 --> fiche-produit.toml:8:1
  |
8 | referentiel_identites = false
  | ^^^^^^^^^^^^^^^^^^^^^
  = hint: a key may be given once; remove one of the two"
    );
    let missing = bad(FICHE.replace("editeur = \"Éditeur\"\n", ""));
    assert!(
        missing.starts_with("error: missing key `editeur`\n --> fiche-produit.toml:1:1"),
        "{missing}"
    );
    assert!(bad("[produit\n".to_owned()).starts_with("error: invalid TOML"));
    assert!(bad(format!("{FICHE}[insi]\nidam = \"12\"\n")).contains("12 letters and digits"));
    assert!(
        bad(format!("{FICHE}[psc]\nredirect_uris = [\"/retour\"]\n"))
            .contains("is not an absolute address")
    );
}

const CONFIG: &str = r#"[driver]
kind = "http"
url = "http://127.0.0.1:8790"
"#;
