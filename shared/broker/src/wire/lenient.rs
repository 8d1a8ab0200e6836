//! Fields that the broker leaves null, or fills with something else, where one odd value must not spoil the answer.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A field of which an odd value is as one that is left out.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(field: D) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(field)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// The texts of a list; what is none of them is left out, and anything but a list holds none.
pub(crate) fn texts<'de, D: Deserializer<'de>>(field: D) -> Result<Vec<String>, D::Error> {
    let items: Vec<Box<RawValue>> = lenient(field)?;
    Ok(items.iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect())
}
