//! The half that reads.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;
use toml::{Table, Value};

use super::Error;

/// A value that is taken apart.
pub(super) struct Node(pub(super) Value);

impl Node {
    #[inline(never)]
    fn table(self) -> Result<Fields, Error> {
        match self.0 {
            Value::Table(fields) => Ok(Fields::of(fields)),
            other => Err(belongs("a table", &other)),
        }
    }
    #[inline(never)]
    fn list(self) -> Result<Items, Error> {
        match self.0 {
            Value::Array(items) => Ok(Items(items.into_iter())),
            other => Err(belongs("a list", &other)),
        }
    }
    #[inline(never)]
    fn number(self) -> Result<i64, Error> {
        match self.0 {
            Value::Integer(number) => Ok(number),
            other => Err(belongs("a whole number", &other)),
        }
    }
    #[inline(never)]
    fn text(self) -> Result<String, Error> {
        match self.0 {
            Value::String(text) => Ok(text),
            other => Err(belongs("a text", &other)),
        }
    }
    #[inline(never)]
    fn variant(self) -> Result<Variant, Error> {
        match self.0 {
            Value::String(name) => Ok(Variant { name, content: None }),
            Value::Table(fields) if fields.len() == 1 => {
                let mut fields = Fields::of(fields);
                let name = fields.next()?.unwrap_or_default();
                Ok(Variant { name, content: fields.value })
            }
            other => Err(belongs("a name, or a table with one field", &other)),
        }
    }
}

#[cold]
fn belongs(here: &str, value: &Value) -> Error {
    Error::new(format!("{here} belongs where there is a value of type {}", value.type_str()))
}

/// Methods that take the number as it is: each visitor says itself which numbers it has room for.
macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_i64(self.number()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Integer(number) => visitor.visit_i64(number),
            Value::Float(number) => visitor.visit_f64(number),
            Value::Boolean(yes) => visitor.visit_bool(yes),
            Value::Datetime(moment) => visitor.visit_string(moment.to_string()),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            Value::Table(fields) => visitor.visit_map(Fields::of(fields)),
        }
    }
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Boolean(yes) => visitor.visit_bool(yes),
            other => Err(belongs("true or false", &other)),
        }
    }
    numbers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }
    // What is not there is not written: a value is always some.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.list()?)
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.list()?)
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(self.list()?)
    }
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self.table()?)
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(self.table()?)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.variant()?)
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
    forward_to_deserialize_any! { i128 u128 f32 f64 char bytes byte_buf unit unit_struct identifier }
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Error;
    #[inline(never)]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|value| seed.deserialize(Node(value))).transpose()
    }
}

struct Fields {
    rest: <Table as IntoIterator>::IntoIter,
    /// The value of the key that was last handed out.
    value: Option<Value>,
}

impl Fields {
    fn of(fields: Table) -> Self {
        Self { rest: fields.into_iter(), value: None }
    }
    #[inline(never)]
    fn next(&mut self) -> Result<Option<String>, Error> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        Ok(Some(key))
    }
    #[inline(never)]
    fn value(&mut self) -> Result<Node, Error> {
        self.value.take().map(Node).ok_or_else(|| Error::new("a value without a key".to_owned()))
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Error;
    #[inline(never)]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next()?.map(|key| seed.deserialize(StrDeserializer::new(&key))).transpose()
    }
    #[inline(never)]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.value()?)
    }
}

/// One of an enum: a text names one that holds nothing, a table with one field one that holds something.
struct Variant {
    name: String,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Content;
    #[inline(never)]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), Error> {
        Ok((seed.deserialize(StrDeserializer::new(&self.name))?, Content(self.content)))
    }
}

struct Content(Option<Value>);

impl Content {
    #[inline(never)]
    fn node(self) -> Result<Node, Error> {
        self.0.map(Node).ok_or_else(|| Error::new("a name alone where it has to hold something".to_owned()))
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Error;
    #[inline(never)]
    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            Some(value) => Err(belongs("nothing", &value)),
            None => Ok(()),
        }
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.node()?)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.node()?.list()?)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(self.node()?.table()?)
    }
}
