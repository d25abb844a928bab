//! The OpenAPI document in the repository is the one that the code makes.

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

#[test]
fn the_committed_document_is_that_of_the_code() {
    let made = vigie_server::openapi_json() + "\n";
    if std::env::var_os("VIGIE_WRITE_OPENAPI").is_some() {
        std::fs::write(PATH, &made).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi.json is not what the code makes; write it anew: \
         VIGIE_WRITE_OPENAPI=1 cargo test -p vigie-server --test openapi && (cd web && npm run schema)"
    );
}
