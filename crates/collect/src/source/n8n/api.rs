//! The public API of n8n: workflows and executions, page by page.

use serde::Deserialize;

use super::decode::{self, Execution, Page, Workflow};
use super::routes;
use crate::http::{HttpClient, HttpFault, HttpUrl};

/// The API of one n8n.
pub(super) struct Api {
    client: HttpClient,
    main: HttpUrl,
    /// Questions since [`Self::take_cost`].
    requests: u32,
    bytes: u64,
}

/// Workflows that are being read, over several looks where there are many.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub workflows: Vec<Workflow>,
    next: Option<String>,
    pages: usize,
}

impl Api {
    pub fn new(client: HttpClient, main: HttpUrl) -> Self {
        Self { client, main, requests: 0, bytes: 0 }
    }

    /// Questions and bytes since this was asked last.
    pub fn take_cost(&mut self) -> (u32, u64) {
        (std::mem::take(&mut self.requests), std::mem::take(&mut self.bytes))
    }

    /// The next pages of workflows; true once `reading` has all of them, or as many pages as are read.
    pub async fn workflows(&mut self, reading: &mut Reading) -> Result<bool, HttpFault> {
        for _ in 0..routes::PAGES_A_LOOK {
            let path = match &reading.next {
                None => routes::WORKFLOWS.to_owned(),
                Some(next) => format!("{}&cursor={}", routes::WORKFLOWS, in_query(next)),
            };
            let page: Page<Workflow> = self.page(&path).await?;
            let some = !page.data.is_empty();
            reading.workflows.extend(page.data);
            reading.pages += 1;
            reading.next = page.next.filter(|next| some && !next.is_empty());
            if reading.next.is_none() || reading.pages >= routes::WORKFLOW_PAGES {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A page of executions, newest first.
    pub async fn executions(&mut self, path: &str) -> Result<Vec<Execution>, HttpFault> {
        let page: Page<Execution> = self.page(path).await?;
        Ok(page.data)
    }

    /// One execution, with the data that went through it or without; `None` when it is not there.
    pub async fn execution(&mut self, id: &str, data: bool) -> Result<Option<Vec<u8>>, HttpFault> {
        let data = if data { "?includeData=true" } else { "" };
        match self.ask(&format!("{}{}{data}", routes::EXECUTION, in_query(id))).await {
            Ok(body) if body.len() > routes::EXECUTION_BYTES => Ok(None),
            Ok(body) => Ok(Some(body)),
            Err(HttpFault::Status { status: 404, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn page<T: for<'de> Deserialize<'de>>(
        &mut self,
        path: &str,
    ) -> Result<Page<T>, HttpFault> {
        let body = self.ask(path).await?;
        let wrong = |why| HttpFault::Undecodable(format!("{}{}", self.main, plain(path)), why);
        decode::list(&body).map_err(wrong)
    }

    async fn ask(&mut self, path: &str) -> Result<Vec<u8>, HttpFault> {
        let place = self.main.to_string();
        let url = self.main.with_path(path).ok_or(HttpFault::Closed(place))?;
        self.requests += 1;
        let answer =
            self.client.fetch(&url, routes::JSON_ACCEPT, &routes::JSON_TYPES, "JSON").await?;
        self.bytes += answer.body.len() as u64;
        Ok(answer.body)
    }
}

/// A path without its query.
fn plain(path: &str) -> &str {
    path.split('?').next().unwrap_or_default().trim_start_matches('/')
}

/// A text as the value of a query; it comes from the server.
pub(super) fn in_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
