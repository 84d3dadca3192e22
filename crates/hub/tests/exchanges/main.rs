//! The golden exchanges of `everwire-proto`, run by a hub: what the client says is said to it, and what it
//! says has to be what is written.

mod matching;
mod run;
mod store;
mod world;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run::Run;

#[tokio::test(start_paused = true)]
async fn the_hub_does_its_part_of_every_exchange() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/vectors/exchanges");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut run = 0;
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let exchange: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        if exchange["runs"].as_array().unwrap().iter().any(|who| who == "hub") {
            Run::new(&name, &exchange).steps(exchange["steps"].as_array().unwrap()).await;
            run += 1;
        } else {
            assert!(exchange["only"].is_string(), "{name}: say in `only` why no hub runs it");
        }
    }
    assert!(run >= 35, "only {run} are for hubs");
}
