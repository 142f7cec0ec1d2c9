//! No file uses what uses it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::modules::{Modules, Uses};

#[test]
fn no_circle_exists_between_files() {
    let mut found = Vec::new();
    for (lib, least) in [("src/lib.rs", 20), ("actors/src/lib.rs", 20), ("dsp/src/lib.rs", 1)] {
        let uses = Modules::of_crate(lib).uses();
        assert!(uses.len() > least, "{lib}: only {} files use others", uses.len());
        found.extend(circles(&uses).iter().map(|files| chain(files, &uses)));
    }
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_circle_is_found_and_a_chain_is_none() {
    let uses = |pairs: &[(&str, &str)]| {
        let mut uses = Uses::new();
        for (from, to) in pairs {
            uses.entry((*from).to_owned()).or_default().insert((*to).to_owned(), "Item".to_owned());
        }
        uses
    };
    let chained = uses(&[("a", "b"), ("b", "c"), ("a", "c")]);
    assert!(circles(&chained).is_empty());
    let circular = uses(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]);
    let found = circles(&circular);
    let found: Vec<_> = found.iter().map(|files| chain(files, &circular)).collect();
    assert_eq!(found, ["a -(Item)-> b -(Item)-> c -(Item)-> a"]);
}

/// For each use that is part of a circle the shortest one, with the first of its files by name in front.
fn circles(uses: &Uses) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for (from, used) in uses {
        for to in used.keys() {
            let Some(mut circle) = shortest_way(uses, to, from) else { continue };
            let first = circle.iter().enumerate().min_by_key(|(_, file)| *file).map_or(0, |(at, _)| at);
            circle.rotate_left(first);
            found.insert(circle);
        }
    }
    found
}

/// The files on the shortest way, both ends among them.
fn shortest_way(uses: &Uses, from: &str, to: &str) -> Option<Vec<String>> {
    let mut came_from = BTreeMap::from([(from, from)]);
    let mut queue = VecDeque::from([from]);
    while let Some(file) = queue.pop_front() {
        if file == to {
            let mut way = vec![file.to_owned()];
            let mut at = file;
            while at != from {
                at = came_from[at];
                way.push(at.to_owned());
            }
            way.reverse();
            return Some(way);
        }
        for next in uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}

/// `a.rs -(Item)-> b.rs -(Other)-> a.rs`: each arrow names an item that is used.
fn chain(circle: &[String], uses: &Uses) -> String {
    let mut text = circle[0].clone();
    for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
        text.push_str(&format!(" -({})-> {to}", uses[from][to]));
    }
    text
}
