//! The shape of a JSON text: names and order of members, kinds of values. Null stands for anything, an empty array
//! too.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

#[derive(Debug)]
enum Shape {
    Null,
    Bool,
    Number,
    Text,
    Array(Vec<Shape>),
    Object(Vec<(String, Shape)>),
}

/// Objects whose member names are data: ids of wallets, rules of a policy, names of servers.
const MAPS: [&str; 3] = ["policies", "rules", "claudeDesktopConfig"];

/// Panics where the answer differs from what was recorded.
pub(crate) fn assert_alike(name: &str, recorded: &str, answered: &str) {
    let recorded: Shape = serde_json::from_str(recorded).expect("recorded JSON");
    let answered: Shape = serde_json::from_str(answered).expect("answered JSON");
    alike(name, &recorded, &answered);
}

fn alike(path: &str, recorded: &Shape, answered: &Shape) {
    match (recorded, answered) {
        (Shape::Null, _) | (_, Shape::Null) => {}
        (Shape::Bool, Shape::Bool) | (Shape::Number, Shape::Number) | (Shape::Text, Shape::Text) => {}
        (Shape::Array(recorded), Shape::Array(answered)) => {
            if let Some(first) = recorded.first() {
                for (at, item) in answered.iter().enumerate() {
                    alike(&format!("{path}[{at}]"), first, item);
                }
            }
        }
        (Shape::Object(recorded), Shape::Object(answered)) => {
            if MAPS.iter().any(|map| path.ends_with(map)) {
                return;
            }
            let names = |members: &[(String, Shape)]| -> Vec<String> {
                members.iter().map(|(name, _)| name.clone()).collect()
            };
            assert_eq!(names(answered), names(recorded), "members of {path}");
            for ((name, recorded), (_, answered)) in recorded.iter().zip(answered) {
                alike(&format!("{path}.{name}"), recorded, answered);
            }
        }
        _ => panic!("{path}: recorded {recorded:?}, answered {answered:?}"),
    }
}

struct ShapeVisitor;

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut shapes = Vec::new();
        while let Some(shape) = items.next_element()? {
            shapes.push(shape);
        }
        Ok(Shape::Array(shapes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        let mut shapes = Vec::new();
        while let Some(member) = members.next_entry()? {
            shapes.push(member);
        }
        Ok(Shape::Object(shapes))
    }
}
