//! Lists the migration files, so that a new one is noticed and its undo is embedded beside it.
//!
//! Refinery reads `V0001__name.sql` and ignores `V0001__name.down.sql`; the table written here pairs them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let migrations = Path::new(&root).join("../migrations");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", migrations.display());

    let mut table = String::new();
    for (folder, name) in [("sqlite", "PEER_FILES"), ("nexus", "OWN_FILES")] {
        write_table(&mut table, &migrations.join(folder), name)?;
    }
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("migration_files.rs"), table)
}

/// One `static` that lists the folder's files by version: version, stem, text, text of the undo.
fn write_table(table: &mut String, folder: &Path, name: &str) -> io::Result<()> {
    let folder = folder.canonicalize()?;
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if let Some(stem) = file.strip_suffix(".sql")
            && !file.ends_with(".down.sql")
            && let Some((number, _)) = stem.strip_prefix('V').and_then(|rest| rest.split_once("__"))
            && let Ok(version) = number.parse::<i32>()
        {
            files.push((
                version,
                stem.to_owned(),
                folder.join(file),
                folder.join(format!("{stem}.down.sql")),
            ));
        }
    }
    files.sort();
    let written = writeln!(table, "pub(super) static {name}: &[MigrationFile] = &[");
    written.map_err(io::Error::other)?;
    for (version, stem, up, down) in files {
        println!("cargo:rerun-if-changed={}", up.display());
        let undo = if down.exists() {
            println!("cargo:rerun-if-changed={}", down.display());
            format!("Some(include_str!({:?}))", down.display().to_string())
        } else {
            "None".to_owned()
        };
        writeln!(
            table,
            "    MigrationFile {{ version: {version}, stem: {stem:?}, up: include_str!({:?}), down: {undo} }},",
            up.display().to_string(),
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    Ok(())
}
