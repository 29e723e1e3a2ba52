//! Our reader and writer of plain data against toml's own, on every snapshot and example, whole and damaged.

use checks::document;
use checks::facts::Facts;
use checks::registry::CHECKS;
use toml::{Table, Value};

fn snapshots() -> Vec<&'static str> {
    let whole = [
        include_str!("../../tests/snapshots/filtered.toml"),
        include_str!("../../tests/snapshots/mac-mini-careless.toml"),
        include_str!("../../tests/snapshots/mac-mini-m2.toml"),
    ];
    let examples = CHECKS.iter().flat_map(|check| [check.examples.kept, check.examples.broken]);
    whole.into_iter().chain(examples).collect()
}

#[test]
fn what_is_whole_reads_and_writes_as_toml_has_it() {
    for text in snapshots() {
        let facts: Facts = toml::from_str(text).unwrap();
        assert!(document::parse::<Facts>(text).unwrap() == facts, "read otherwise: {text:.300}");
        assert!(
            document::write(&facts).unwrap() == Value::try_from(&facts).unwrap(),
            "written otherwise: {text:.300}"
        );
    }
}

#[test]
fn what_is_damaged_is_refused_where_toml_refuses_it() {
    let (mut refused, mut taken) = (0, 0);
    for text in snapshots() {
        let whole: Table = toml::from_str(text).unwrap();
        for place in 0..places(&whole) {
            for damage in [rename, number, words, list, table] {
                let mut value = Value::Table(whole.clone());
                let mut left = place;
                damaged(&mut value, &mut left, damage);
                let theirs = value.clone().try_into::<Facts>();
                let ours = document::read::<Facts>(value.clone());
                match (theirs, ours) {
                    (Ok(theirs), Ok(ours)) => {
                        assert!(theirs == ours, "read otherwise: place {place} of {text:.300}");
                        taken += 1;
                    }
                    (Err(_), Err(_)) => refused += 1,
                    // Theirs takes the fields of a struct as a list, in the order in which they stand in the source.
                    (Ok(_), Err(ours)) => {
                        assert!(
                            ours.to_string().starts_with("a table belongs"),
                            "{ours}: place {place} of {text:.300}"
                        );
                    }
                    (Err(theirs), Ok(_)) => {
                        panic!("taken in spite of {theirs}: place {place} of {text:.300}")
                    }
                }
            }
        }
    }
    assert!(refused > 1000 && taken > 1000, "{refused} refused, {taken} taken");
}

/// How many fields and items there are in all.
fn places(table: &Table) -> usize {
    fn within(value: &Value) -> usize {
        match value {
            Value::Table(table) => places(table),
            Value::Array(items) => items.iter().map(|item| 1 + within(item)).sum(),
            _ => 0,
        }
    }
    table.values().map(|value| 1 + within(value)).sum()
}

/// Damages the field or item that comes after `left` others; whether it was among these.
fn damaged(value: &mut Value, left: &mut usize, damage: fn(&mut Table, &str)) -> bool {
    match value {
        Value::Table(table) => {
            let names: Vec<String> = table.keys().cloned().collect();
            names.iter().any(|name| {
                if *left == 0 {
                    damage(table, name);
                    return true;
                }
                *left -= 1;
                damaged(&mut table[name], left, damage)
            })
        }
        Value::Array(items) => items.iter_mut().any(|item| {
            if *left == 0 {
                let mut alone = Table::from_iter([(String::new(), item.clone())]);
                damage(&mut alone, "");
                if let Some((_, changed)) = alone.into_iter().next() {
                    *item = changed;
                }
                return true;
            }
            *left -= 1;
            damaged(item, left, damage)
        }),
        _ => false,
    }
}

fn rename(table: &mut Table, name: &str) {
    if let Some(value) = table.remove(name) {
        table.insert(format!("{name}x"), value);
    }
}

fn number(table: &mut Table, name: &str) {
    table.insert(name.to_owned(), Value::Integer(-1));
}

fn words(table: &mut Table, name: &str) {
    table.insert(name.to_owned(), Value::String("words".to_owned()));
}

fn list(table: &mut Table, name: &str) {
    table.insert(name.to_owned(), Value::Array(vec![Value::Boolean(true)]));
}

fn table(table: &mut Table, name: &str) {
    table.insert(name.to_owned(), Value::Table(Table::from_iter([("x".to_owned(), Value::Boolean(true))])));
}
