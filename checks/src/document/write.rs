//! The half that writes.

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, Serializer,
};
use toml::{Table, Value};

use super::Error;

/// Where a value grows; none is what `None` gives.
pub(super) struct Node;

type Written = Result<Option<Value>, Error>;

#[cold]
fn impossible<T>(what: &str) -> Result<T, Error> {
    Err(Error::new(format!("TOML holds no {what}")))
}

macro_rules! numbers {
    ($($method:ident $type:ty)*) => {$(
        fn $method(self, number: $type) -> Written {
            Ok(Some(Value::Integer(number.into())))
        }
    )*};
}

impl Serializer for Node {
    type Ok = Option<Value>;
    type Error = Error;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = Impossible<Option<Value>, Error>;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    numbers! {
        serialize_i8 i8 serialize_i16 i16 serialize_i32 i32 serialize_i64 i64
        serialize_u8 u8 serialize_u16 u16 serialize_u32 u32
    }
    fn serialize_bool(self, yes: bool) -> Written {
        Ok(Some(Value::Boolean(yes)))
    }
    fn serialize_u64(self, number: u64) -> Written {
        match i64::try_from(number) {
            Ok(number) => Ok(Some(Value::Integer(number))),
            Err(_) => impossible("number as large as this"),
        }
    }
    fn serialize_f32(self, number: f32) -> Written {
        Ok(Some(Value::Float(number.into())))
    }
    fn serialize_f64(self, number: f64) -> Written {
        Ok(Some(Value::Float(number)))
    }
    fn serialize_char(self, letter: char) -> Written {
        Ok(Some(Value::String(letter.into())))
    }
    fn serialize_str(self, text: &str) -> Written {
        Ok(Some(Value::String(text.to_owned())))
    }
    fn serialize_bytes(self, _: &[u8]) -> Written {
        impossible("bytes")
    }
    fn serialize_none(self) -> Written {
        Ok(None)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Written {
        impossible("unit")
    }
    fn serialize_unit_struct(self, _: &'static str) -> Written {
        impossible("unit")
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        let mut fields = Fields::default();
        fields.field(variant, value)?;
        fields.done()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<List, Error> {
        Ok(List::default())
    }
    fn serialize_tuple(self, _: usize) -> Result<List, Error> {
        Ok(List::default())
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List, Error> {
        Ok(List::default())
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<Option<Value>, Error>, Error> {
        impossible("variant with several values")
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Fields, Error> {
        Ok(Fields::default())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Error> {
        Ok(Fields::default())
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, Error> {
        Ok(Fields { variant: Some(variant), ..Fields::default() })
    }
}

#[derive(Default)]
pub(super) struct List(Vec<Value>);

impl List {
    #[inline(never)]
    fn put(&mut self, item: Option<Value>) -> Result<(), Error> {
        match item {
            Some(item) => self.0.push(item),
            None => return impossible("list with an item that is nothing"),
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct Fields {
    fields: Table,
    /// The variant that the whole belongs to.
    variant: Option<&'static str>,
    /// The key whose value comes next.
    key: String,
}

impl Fields {
    #[inline(never)]
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        let value = value.serialize(Node)?;
        self.put(key, value);
        Ok(())
    }
    #[inline(never)]
    fn put(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.fields.insert(key.to_owned(), value);
        }
    }
    #[inline(never)]
    fn done(self) -> Written {
        let fields = Value::Table(self.fields);
        Ok(Some(match self.variant {
            Some(variant) => Value::Table(Table::from_iter([(variant.to_owned(), fields)])),
            None => fields,
        }))
    }
}

macro_rules! list {
    ($($trait:ident $method:ident)*) => {$(
        impl $trait for List {
            type Ok = Option<Value>;
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
                self.put(item.serialize(Node)?)
            }
            fn end(self) -> Written {
                Ok(Some(Value::Array(self.0)))
            }
        }
    )*};
}
list! { SerializeSeq serialize_element SerializeTuple serialize_element SerializeTupleStruct serialize_field }

macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl $trait for Fields {
            type Ok = Option<Value>;
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.field(key, value)
            }
            fn end(self) -> Written {
                self.done()
            }
        }
    )*};
}
fields! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Fields {
    type Ok = Option<Value>;
    type Error = Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        match key.serialize(Node)? {
            Some(Value::String(key)) => self.key = key,
            _ => return impossible("key that is no text"),
        }
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let value = value.serialize(Node)?;
        let key = std::mem::take(&mut self.key);
        self.put(&key, value);
        Ok(())
    }
    fn end(self) -> Written {
        self.done()
    }
}
