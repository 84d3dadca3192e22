//! Every row of `bad-inputs.toml` has a test.
//!
//! A test that covers rows has `// row: F3` or `// row: H9, H18` above its attribute, with nothing
//! but other comments and attributes in between, anywhere under `crates/*/src` and `crates/*/tests`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Rows whose tests are still to be written: none. It stays so.
const PENDING: &[&str] = &[];

/// The rows that there have to be: a letter and the number of its last one.
const ROWS: &[(char, usize)] =
    &[('H', 21), ('F', 9), ('G', 7), ('U', 4), ('C', 8), ('D', 7), ('R', 12)];

type Row = BTreeMap<String, String>;

fn rows() -> Vec<Row> {
    let table = include_str!("../bad-inputs.toml");
    let mut rows = Vec::new();
    for (n, line) in table.lines().enumerate() {
        match line.split_once(" = ") {
            _ if line.is_empty() || line.starts_with('#') => {}
            None if line == "[[row]]" => rows.push(Row::new()),
            Some((key, value)) => {
                let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                let value = value.unwrap_or_else(|| panic!("line {}: no string", n + 1));
                let row: &mut Row = rows.last_mut().expect("a row was begun");
                assert!(row.insert(key.to_owned(), value.to_owned()).is_none(), "line {}", n + 1);
            }
            None => panic!("line {}: `{line}`", n + 1),
        }
    }
    rows
}

/// The rows that tests say they cover, and in which file.
fn covered() -> BTreeMap<String, Vec<String>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/");
    let mut covered = BTreeMap::new();
    for package in fs::read_dir(crates).expect("crates/") {
        let package = package.expect("a package").path();
        for folder in ["src", "tests"] {
            search(&package.join(folder), &mut covered);
        }
    }
    covered
}

fn search(path: &Path, covered: &mut BTreeMap<String, Vec<String>>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            search(&entry.expect("an entry").path(), covered);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        let text = fs::read_to_string(path).expect("a source file");
        for id in marked(&text) {
            covered.entry(id).or_default().push(path.display().to_string());
        }
    }
}

/// The rows that tests in this file are marked with.
fn marked(text: &str) -> Vec<String> {
    let (mut marked, mut pending) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(ids) = line.strip_prefix("// row: ") {
            pending.extend(ids.split(", ").map(str::to_owned));
        } else if line == "#[test]" || line.starts_with("#[tokio::test") {
            marked.append(&mut pending);
        } else if !line.starts_with("//") && !line.starts_with("#[") {
            assert!(
                pending.is_empty(),
                "rows {pending:?} are marked on `{line}`, which is no test"
            );
        }
    }
    marked
}

#[test]
fn the_table_has_every_row_and_every_row_every_column() {
    let rows = rows();
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str()).collect();
    let expected =
        ROWS.iter().flat_map(|(group, last)| (1..=*last).map(move |n| format!("{group}{n}")));
    assert_eq!(ids, expected.collect::<Vec<_>>());
    for row in &rows {
        let columns: Vec<&str> = row.keys().map(String::as_str).collect();
        assert_eq!(columns, ["answer", "id", "input", "layer", "title"]);
        assert!(["wire", "handshake", "socket", "server"].contains(&row["layer"].as_str()));
        assert!(row.values().all(|value| !value.is_empty()), "{row:?}");
    }
}

#[test]
fn every_row_has_a_test() {
    let covered = covered();
    let rows = rows();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row["id"].as_str()).collect();
    for id in &ids {
        let pending = PENDING.contains(id);
        match covered.get(*id) {
            None => assert!(pending, "row {id} has no test"),
            Some(files) => assert!(!pending, "row {id} has a test, strike it off: {files:?}"),
        }
    }
    for (id, files) in &covered {
        assert!(ids.contains(id.as_str()), "{files:?} cover a row `{id}` that is not in the table");
    }
}

#[test]
fn a_mark_counts_only_on_a_test() {
    let text = "// row: X1, X2\n// Why.\n#[should_panic]\n#[test]\nfn f() {}\n// row: X3\n#[tokio::test]\n";
    assert_eq!(marked(text), ["X1", "X2", "X3"]);
    assert!(std::panic::catch_unwind(|| marked("// row: X1\nfn f() {}\n")).is_err());
}
