//! A document of the API: decoded for the program, and as it came for whoever asks for JSON.

use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::failure::Failure;

/// A view with the JSON that it was decoded from, so that no field of a newer coordinator is lost in the output.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<T> {
    /// What it means.
    pub view: T,
    /// What is printed as JSON.
    pub json: Value,
}

impl<T: Serialize> Document<T> {
    /// Makes a document of a view that was made here.
    pub fn of(view: T) -> Result<Self, Failure> {
        let json = json_of(&view)?;
        Ok(Self { view, json })
    }

    /// Makes a document of each view.
    pub fn of_all(views: impl IntoIterator<Item = T>) -> Result<Vec<Self>, Failure> {
        views.into_iter().map(Self::of).collect()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Document<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let view = T::deserialize(&json).map_err(Error::custom)?;
        Ok(Self { view, json })
    }
}

/// One line of a stream, which is decoded only where its fields are wanted: millions of rows are printed as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<T> {
    json: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<T> Line<T> {
    /// Takes a line without its end.
    pub fn new(json: Vec<u8>) -> Self {
        Self { json, of: PhantomData }
    }

    /// Returns the line as it came.
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

impl<T: DeserializeOwned> Line<T> {
    /// Decodes the line.
    pub fn view(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.json)
    }
}

/// Returns a view as JSON.
pub fn json_of(view: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(view).map_err(|error| Failure::bug("cannot write a document", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_not_known_is_kept() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct View {
            id: String,
        }
        let text = r#"{"id":"a","newer":[1]}"#;
        let document: Document<View> = serde_json::from_str(text).unwrap();
        assert_eq!(document.view, View { id: "a".to_owned() });
        assert_eq!(document.json.to_string(), text);
        let failed = serde_json::from_str::<Document<View>>("{}").unwrap_err();
        assert!(failed.is_data(), "{failed}");
    }
}
