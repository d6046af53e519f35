//! The judge of documents, and what the user plugs into it: an official kit, XML Schemas.

use std::path::PathBuf;
use std::sync::Arc;

use diapason_core::rule::Rule;
use diapason_rules::cda::Kit;
use diapason_rules::document::DocumentJudge;
use diapason_rules::files::Files;
use diapason_rules::xsd::{CdaSchema, Schemas};

use crate::profile_files::{self, FolderFiles};
use crate::scenario_file::nearest;

/// A kit or schemas given on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct PluggedPaths {
    /// Folder of the official kit.
    pub(crate) kit: Option<PathBuf>,
    /// Model schematron to use.
    pub(crate) schematron: Option<String>,
    /// Folder of XML Schemas.
    pub(crate) schemas: Option<PathBuf>,
}

/// What the user gave, opened.
#[derive(Default)]
pub(crate) struct Plugged {
    kit: Option<Arc<Kit>>,
    cda_schema: Option<Arc<CdaSchema>>,
    schemas: Option<Arc<Schemas>>,
}

impl Plugged {
    /// Opens the folders given; says which is wrong.
    pub(crate) fn open(paths: &PluggedPaths) -> Result<Self, String> {
        let mut plugged = Self::default();
        if let Some(folder) = &paths.kit {
            let files: Arc<dyn Files> =
                Arc::new(FolderFiles::open(folder).map_err(|e| format!("--cda-kit: {e}"))?);
            let mut kit = Kit::open(Arc::clone(&files))
                .map_err(|e| format!("--cda-kit {}: {e}", folder.display()))?;
            if let Some(name) = &paths.schematron {
                let near = nearest_model(&kit, name);
                kit = kit.with_schema(name).map_err(|e| {
                    format!("--cda-schematron {name}: {}", near.unwrap_or(e.to_string()))
                })?;
            }
            plugged.kit = Some(Arc::new(kit));
            // A kit without its schema still brings its schematrons.
            plugged.cda_schema = CdaSchema::from_kit(&*files).ok().map(Arc::new);
        }
        if let Some(folder) = &paths.schemas {
            let files = FolderFiles::open(folder).map_err(|e| format!("--schemas: {e}"))?;
            let cda = CdaSchema::from_kit(&files).ok().map(Arc::new);
            match Schemas::from_dir(&files) {
                Ok(schemas) => plugged.schemas = Some(Arc::new(schemas)),
                Err(_) if cda.is_some() => {}
                Err(e) => return Err(format!("--schemas {}: {e}", folder.display())),
            }
            plugged.cda_schema = cda.or(plugged.cda_schema);
        }
        Ok(plugged)
    }

    /// Were XML Schemas of messages given?
    pub(crate) fn has_schemas(&self) -> bool {
        self.schemas.is_some()
    }
}

/// The model's schema that was meant, when one is near; its official prefix may be left out.
fn nearest_model(kit: &Kit, name: &str) -> Option<String> {
    let short = |model: &str| model.strip_prefix("CI-SIS_").unwrap_or(model).to_owned();
    let models: Vec<String> = kit.models().map(short).collect();
    let wanted = name.strip_suffix(".sch").unwrap_or(name);
    nearest(&short(wanted), models.iter().map(String::as_str))
        .map(|model| format!("the kit has no schema of that name; did you mean {model}?"))
}

/// The judge of documents: our rules, and what is plugged in. The only place where it is made.
pub(crate) fn judge(rules: &[Rule], plugged: &Plugged) -> Result<DocumentJudge, String> {
    let files = profile_files::profiles().map_err(|e| e.to_string())?;
    let mut judge = judge_with(rules, files)?;
    if let Some(kit) = &plugged.kit {
        judge = judge.with_kit(Arc::clone(kit));
    }
    if let Some(schema) = &plugged.cda_schema {
        judge = judge.with_cda_schema(Arc::clone(schema));
    }
    if let Some(schemas) = &plugged.schemas {
        judge = judge.with_schemas(Arc::clone(schemas));
    }
    Ok(judge)
}

/// Rules over files of their own.
pub(crate) fn judge_with(rules: &[Rule], files: Arc<dyn Files>) -> Result<DocumentJudge, String> {
    DocumentJudge::new(rules, files).map_err(|e| e.to_string())
}

/// An official kit without any rule of ours.
pub(crate) fn kit_alone(paths: &PluggedPaths) -> Result<DocumentJudge, String> {
    let plugged = Plugged::open(paths)?;
    judge(&[], &plugged)
}
