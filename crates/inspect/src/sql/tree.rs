//! The parser's tree as plain named nodes.
//!
//! The generated types number in the hundreds and each holds others in fields of its own. They all serialise, so a
//! serialiser that keeps names reaches every one of them, whatever a later grammar adds. It must not know what any
//! node means.

use super::DEPTH_MAX;
use serde::ser::{self, Serialize};
use std::fmt;

/// A value in a field.
#[derive(Debug, Default)]
pub(super) enum Value {
    #[default]
    Nothing,
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Node(Node),
}

/// A node of the grammar, by the name of its generated type.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: &'static str,
    fields: Vec<(&'static str, Value)>,
}

/// The tree is deeper than [`DEPTH_MAX`].
#[derive(Debug)]
pub(super) struct TooDeep;

/// The whole tree of `parsed`.
pub(super) fn of(parsed: &pg_query::protobuf::ParseResult) -> Result<Value, TooDeep> {
    let mut builder = Builder { depth: 0, made: Value::Nothing };
    parsed.serialize(&mut builder)?;
    Ok(builder.made)
}

impl Value {
    pub(super) fn node(&self) -> Option<&Node> {
        if let Value::Node(node) = self { Some(node) } else { None }
    }

    pub(super) fn items(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            Value::Node(node) if node.name == "List" => node.list("items"),
            _ => &[],
        }
    }

    /// The text of a `String` node.
    pub(super) fn word(&self) -> Option<&str> {
        self.node().filter(|n| n.name == "String").map(|n| n.text("sval"))
    }

    fn is_default(&self) -> bool {
        match self {
            Value::Nothing | Value::Flag(false) | Value::Number(0) => true,
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            _ => false,
        }
    }
}

impl Node {
    /// Every field with its value; fields with nothing in them may be missing.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.fields.iter().map(|(name, value)| (*name, value))
    }

    pub(super) fn field(&self, name: &str) -> &Value {
        let found = self.fields.iter().find(|(field, _)| *field == name);
        debug_assert!(found.is_some(), "`{}` has a field `{name}`", self.name);
        found.map_or(&Value::Nothing, |(_, value)| value)
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.field(name).node()
    }

    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.field(name).items()
    }

    pub(super) fn text(&self, name: &str) -> &str {
        if let Value::Text(text) = self.field(name) { text } else { "" }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.field(name), Value::Flag(true))
    }

    /// The number in a field, which is also how enumerations stand in the tree.
    pub(super) fn number(&self, name: &str) -> i64 {
        if let Value::Number(number) = self.field(name) { *number } else { 0 }
    }
}

/// Builds one value at a time; what was last built is in `made`. Results carry no value, which keeps the frames of
/// the generated code small.
struct Builder {
    depth: usize,
    made: Value,
}

struct Fields<'b> {
    builder: &'b mut Builder,
    node: Node,
}

struct Items<'b> {
    builder: &'b mut Builder,
    items: Vec<Value>,
}

impl Builder {
    fn make(&mut self, value: Value) -> Result<(), TooDeep> {
        self.made = value;
        Ok(())
    }

    fn number(&mut self, number: impl TryInto<i64>) -> Result<(), TooDeep> {
        self.make(Value::Number(number.try_into().unwrap_or(i64::MAX)))
    }

    fn items(&mut self) -> Result<Items<'_>, TooDeep> {
        Ok(Items { builder: self, items: Vec::new() })
    }
}

impl ser::SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = TooDeep;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), TooDeep> {
        value.serialize(&mut *self.builder)?;
        let made = std::mem::take(&mut self.builder.made);
        // Empty fields are kept where assertions are, so that a field asked for by a wrong name is found.
        if cfg!(debug_assertions) || !made.is_default() {
            self.node.fields.push((name, made));
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), TooDeep> {
        self.builder.depth -= 1;
        // `Node` is the wrapper around one of the others.
        let made = match self.node.fields.pop() {
            Some((_, inner)) if self.node.name == "Node" => inner,
            None if self.node.name == "Node" => Value::Nothing,
            last => {
                self.node.fields.extend(last);
                Value::Node(self.node)
            }
        };
        self.builder.make(made)
    }
}

impl ser::SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = TooDeep;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TooDeep> {
        value.serialize(&mut *self.builder)?;
        self.items.push(std::mem::take(&mut self.builder.made));
        Ok(())
    }

    fn end(self) -> Result<(), TooDeep> {
        self.builder.make(Value::List(self.items))
    }
}

impl ser::SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = TooDeep;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TooDeep> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), TooDeep> {
        ser::SerializeSeq::end(self)
    }
}

impl<'b> ser::Serializer for &'b mut Builder {
    type Ok = ();
    type Error = TooDeep;
    type SerializeSeq = Items<'b>;
    type SerializeTuple = Items<'b>;
    type SerializeStruct = Fields<'b>;
    // The generated types have none of these shapes.
    type SerializeTupleStruct = ser::Impossible<(), TooDeep>;
    type SerializeTupleVariant = ser::Impossible<(), TooDeep>;
    type SerializeMap = ser::Impossible<(), TooDeep>;
    type SerializeStructVariant = ser::Impossible<(), TooDeep>;

    fn serialize_bool(self, v: bool) -> Result<(), TooDeep> {
        self.make(Value::Flag(v))
    }
    fn serialize_i8(self, v: i8) -> Result<(), TooDeep> {
        self.number(v)
    }
    fn serialize_i16(self, v: i16) -> Result<(), TooDeep> {
        self.number(v)
    }
    fn serialize_i32(self, v: i32) -> Result<(), TooDeep> {
        self.number(v)
    }
    fn serialize_i64(self, v: i64) -> Result<(), TooDeep> {
        self.number(v)
    }
    fn serialize_u8(self, v: u8) -> Result<(), TooDeep> {
        self.number(v)
    }
    fn serialize_u16(self, v: u16) -> Result<(), TooDeep> {
        self.number(v)
    }
    fn serialize_u32(self, v: u32) -> Result<(), TooDeep> {
        self.number(v)
    }
    fn serialize_u64(self, v: u64) -> Result<(), TooDeep> {
        self.number(v)
    }
    fn serialize_f32(self, v: f32) -> Result<(), TooDeep> {
        self.make(Value::Text(v.to_string()))
    }
    fn serialize_f64(self, v: f64) -> Result<(), TooDeep> {
        self.make(Value::Text(v.to_string()))
    }
    fn serialize_char(self, v: char) -> Result<(), TooDeep> {
        self.make(Value::Text(v.to_string()))
    }
    fn serialize_str(self, v: &str) -> Result<(), TooDeep> {
        self.make(Value::Text(v.to_owned()))
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), TooDeep> {
        self.make(Value::Text(String::from_utf8_lossy(v).into_owned()))
    }
    fn serialize_none(self) -> Result<(), TooDeep> {
        self.make(Value::Nothing)
    }
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), TooDeep> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), TooDeep> {
        self.make(Value::Nothing)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), TooDeep> {
        self.make(Value::Nothing)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), TooDeep> {
        self.make(Value::Text(variant.to_owned()))
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<(), TooDeep> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), TooDeep> {
        value.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'b>, TooDeep> {
        self.items()
    }
    fn serialize_tuple(self, _: usize) -> Result<Items<'b>, TooDeep> {
        self.items()
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'b>, TooDeep> {
        if self.depth == DEPTH_MAX {
            return Err(TooDeep);
        }
        self.depth += 1;
        Ok(Fields { builder: self, node: Node { name, fields: Vec::new() } })
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, TooDeep> {
        Err(TooDeep)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, TooDeep> {
        Err(TooDeep)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, TooDeep> {
        Err(TooDeep)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, TooDeep> {
        Err(TooDeep)
    }
}

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nests too deeply to be understood")
    }
}

impl std::error::Error for TooDeep {}

impl ser::Error for TooDeep {
    fn custom<T: fmt::Display>(_: T) -> TooDeep {
        TooDeep
    }
}
