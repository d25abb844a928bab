//! Configurations as the pages in `docs/` have them, so that what they recommend is what is run.

use std::path::Path;

/// The block of code of a page whose first line this is, with other texts in place of some of its own: each must be there.
#[must_use]
pub fn documented(page: &str, first: &str, replaced: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{page}: {error}"));
    // Between the fences are text and blocks in turn; a block's first line is its language.
    let blocks = text.split("```").skip(1).step_by(2);
    let mut blocks = blocks.filter_map(|block| Some(block.split_once('\n')?.1));
    let block = blocks.find(|block| block.starts_with(first));
    let block = block.unwrap_or_else(|| panic!("no block of {page} begins with {first}"));
    replaced.iter().fold(block.to_owned(), |block, (own, other)| {
        assert!(block.contains(own), "{page} does not say {own} after {first}");
        block.replace(own, other)
    })
}
