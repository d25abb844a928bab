//! Log entries to a fake of Elasticsearch that fails as it is told, and to a real OpenSearch.

#![cfg(test)]

mod elastic;
mod faults;
mod opensearch;
mod support;
