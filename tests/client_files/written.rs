//! Entries put into files of every format: what stands there afterwards, to the byte.

use waiaas_mcp::cli::clients::{CLIENTS, Client, Edit, Entry, Target, edit, find};

fn small(key: &str) -> Entry {
    let target = Target { command: "/bin/waiaas-mcp".into(), data_dir: "/data".into(), ..Target::default() };
    Entry::new(key, &target).expect("Unicode")
}

fn client(name: &str) -> &'static Client {
    find(name).unwrap_or_else(|| panic!("{name} is not in the table"))
}

fn edited(name: &str, old: &str) -> String {
    match edit(client(name), old, &small("waiaas")) {
        Ok(Edit::Edited(new)) => new,
        other => panic!("{name}: {old:?}: {other:?}"),
    }
}

#[test]
fn an_entry_is_there_after_it_was_added_to_nothing() {
    for client in &CLIENTS {
        for old in ["", "\n", "\u{feff}"] {
            let new = edited(client.name, old);
            assert_eq!(edit(client, &new, &small("waiaas")), Ok(Edit::Unchanged), "{}: {new}", client.name);
        }
    }
}
