//! The exported site outlives the program: killed at any moment, what stands there is whole, and the next start makes it right.

use crate::support::{Serve, Town};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const PATIENCE: Duration = Duration::from_secs(60);
/// Updates on one incident: each new one changes every page before it.
const EARLIER: usize = 30;
const KILLS: usize = 6;

/// Looks until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    while !is_so() {
        let waited = SystemTime::UNIX_EPOCH.elapsed().unwrap() - begun;
        assert!(waited < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn release(serve: &Serve, incident: &str, headline: &str) -> String {
    let draft = json!({ "incident": incident, "headline": headline, "what_to_do": ["Wait <here> & listen."],
        "next_update_by": "none", "audience": { "channels": ["residents_email"] } });
    let path = format!("/api/v1/updates?{headline}").replace(' ', "_");
    let draft = serve.ask("POST", &path, &draft.to_string());
    assert_eq!(draft.status, 201, "{}", draft.body);
    let draft: Value = serde_json::from_str(&draft.body).unwrap();
    let reference = draft["reference"].as_str().unwrap();
    let sent = serve.ask("POST", &format!("/api/v1/updates/{reference}/send"), "{}");
    assert_eq!(sent.status, 202, "{}", sent.body);
    reference.to_owned()
}

/// A town that exports its site, and an incident in it.
fn town() -> (Town, String) {
    let town = Town::new();
    let folder = town.path("public");
    let export =
        format!("[public]\nexport_dir = {folder:?}\n[engine]\nmost_an_hour = 0\nmost_a_day = 0\n");
    town.write("oyez.toml", town.configuration(&export));
    town.people(1);
    let incident = town
        .oyez(&["incident", "new", "--title", "Cyber security incident"])
        .exits(0);
    (town, incident)
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The file that a web server shows at an address of the site.
fn file_of(address: &str) -> String {
    let path = address.trim_matches('/');
    match path {
        "" => "index.html".to_owned(),
        _ if path.rsplit('/').next().unwrap().contains('.') => path.to_owned(),
        _ => format!("{path}/index.html"),
    }
}

/// Every element is closed in the right order, to the end of the document.
fn is_well_formed(markup: &str) -> bool {
    const VOID: [&str; 5] = ["meta", "link", "br", "input", "img"];
    let mut open = Vec::new();
    let mut parts = markup.split('<');
    parts.next();
    for part in parts {
        let Some((tag, _)) = part.split_once('>') else {
            return false;
        };
        let name = tag
            .trim_start_matches('/')
            .split([' ', '\n'])
            .next()
            .unwrap();
        match tag {
            _ if tag.starts_with(['!', '?']) || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => {
                if open.pop() != Some(name) {
                    return false;
                }
            }
            _ if VOID.contains(&name) && !markup.starts_with("<?xml") => {}
            _ => open.push(name),
        }
    }
    open.is_empty()
}

/// Every file can be read to its end, and none links to one that is not there.
fn is_whole(folder: &Path) -> BTreeMap<String, String> {
    let files = files(folder);
    for (name, text) in &files {
        let good = match name.rsplit_once('.').unwrap().1 {
            "json" => serde_json::from_str::<Value>(text).is_ok(),
            _ => is_well_formed(text),
        };
        assert!(good, "{name} is broken: {text}");
        let local = text.split("href=\"/").skip(1);
        let whole = text.split("http://localhost:8080/").skip(1);
        for link in local.chain(whole) {
            let end = link.find(['"', '<', ' ']).unwrap();
            let target = file_of(&link[..end]);
            // An alert comes just before its page, and nothing leads to it until then.
            let is_own = name
                .strip_suffix(".cap")
                .is_some_and(|name| target == file_of(name));
            assert!(
                is_own || files.contains_key(&target),
                "{name} links to {target}, which is not there"
            );
        }
    }
    files
}

/// The files say what the running program says.
fn is_right(serve: &Serve, folder: &Path) {
    for address in ["/", "/feed.atom", "/updates.json"] {
        let file = folder.join(file_of(address));
        until(address, || {
            std::fs::read_to_string(&file).is_ok_and(|there| there == serve.page(address).1)
        });
    }
    for (name, text) in is_whole(folder) {
        let address = name.trim_end_matches("index.html").trim_end_matches('/');
        let answer = serve.page(&format!("/{address}"));
        assert_eq!(answer, (200, text), "{name}");
    }
}

#[test]
fn killed_in_the_middle_of_exports_it_leaves_a_whole_site_and_makes_it_right_at_the_next_start() {
    let (town, incident) = town();
    let folder = town.path("public");
    let serve = town.serve();
    for number in 0..EARLIER {
        release(&serve, &incident, &format!("Number {number}"));
    }
    is_right(&serve, &folder);
    let mut serve = Some(serve);
    let mut in_the_middle = 0;
    for kill in 0..KILLS {
        let running = serve.take().unwrap();
        let headline = format!("After kill {kill}");
        let newest = release(&running, &incident, &headline);
        let alert = folder.join(format!("u/{newest}.cap"));
        until("the new alert", || alert.exists());
        running.kill();
        let files = is_whole(&folder);
        let pages = files
            .iter()
            .filter(|(name, _)| name.starts_with("u/") && name.ends_with(".html"));
        let old = pages.filter(|(_, text)| !text.contains(&headline)).count();
        in_the_middle += usize::from(old > 0);
        let again = town.serve();
        is_right(&again, &folder);
        serve = Some(again);
    }
    assert!(in_the_middle > 0, "no kill came in the middle of an export");
    // Nothing half written stands about.
    serve.unwrap().kill();
    let left = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let hidden = left.filter(|name| name.to_str().unwrap().starts_with('.'));
    assert_eq!(hidden.count(), 0);
}

#[test]
fn the_first_export_appears_whole_and_by_hand_it_is_the_same() {
    let (town, incident) = town();
    let serve = town.serve();
    release(&serve, &incident, "Pay as usual");
    is_right(&serve, &town.path("public"));
    let by_hand = town.path("by-hand");
    let place = by_hand.to_str().unwrap();
    let first = town.json(&["public", "export", place]);
    assert_eq!(
        (&first["files"], &first["written"]),
        (&json!(12), &json!(12))
    );
    assert_eq!(is_whole(&by_hand), is_whole(&town.path("public")));
    assert_eq!(
        town.json(&["public", "export", place])["written"],
        0,
        "nothing has changed"
    );
    assert_eq!(serve.end(), 0);
    // Without a running program, too; and what it is told now is in the files at once.
    let services = json!([{ "id": "debits", "name": "Direct Debits", "state": "down" }]);
    let services = town.write("services.json", services.to_string());
    town.oyez(&["service", "put", services.to_str().unwrap()])
        .exits(0);
    town.oyez(&["public", "export", place]).exits(0);
    let page = std::fs::read_to_string(by_hand.join("index.html")).unwrap();
    assert!(page.contains("1 service not available"));
}

#[test]
fn a_folder_that_cannot_be_written_is_a_trouble_and_stops_nothing() {
    let (town, incident) = town();
    // A file stands where the folder was.
    std::fs::remove_dir_all(town.path("public")).unwrap();
    town.write("public", "in the way");
    let serve = town.serve();
    until("the trouble", || {
        serve.page("/readyz").1.contains("export_failed: ")
    });
    assert_eq!(serve.page("/readyz").0, 200, "pages and sending go on");
    release(&serve, &incident, "Pay as usual");
    assert!(serve.page("/").1.contains("Pay as usual"));
    std::fs::remove_file(town.path("public")).unwrap();
    until("the end of the trouble", || {
        serve.page("/readyz").1 == "ready\n"
    });
    is_right(&serve, &town.path("public"));
}

#[test]
fn the_data_directory_is_never_published() {
    let town = Town::new();
    let store = town.path("store");
    let inside = store.join("public");
    town.oyez(&["public", "export", inside.to_str().unwrap()])
        .fails(2, &["store.data_dir"]);
    let export = format!("[public]\nexport_dir = {store:?}\n");
    town.write("bad.toml", town.configuration(&export));
    town.oyez_with("bad.toml", &["incident", "list"])
        .fails(78, &["public.export_dir"]);
}
