//! Each text once.

use std::collections::HashMap;
use std::sync::Arc;

/// A text's number.
pub type Symbol = u32;

/// Texts by number, and numbers by text.
#[derive(Debug, Default)]
pub struct Symbols {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Symbol>,
}

impl Symbols {
    /// The number of a text, a new one if it is new.
    pub fn add(&mut self, text: &Arc<str>) -> Symbol {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number =
            Symbol::try_from(self.texts.len()).expect("texts fill memory long before 2^32");
        self.texts.push(text.clone());
        self.numbers.insert(text.clone(), number);
        number
    }

    /// The number of a text that is known.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.numbers.get(text).copied()
    }

    /// The text of a number that [`Self::add`] gave.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &Arc<str> {
        &self.texts[symbol as usize]
    }
}
