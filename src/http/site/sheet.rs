//! One address of the public site as the bytes that are sent, with what tells readers whether they have them already.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use hyper::{HeaderMap, StatusCode};
use oyez_domain::time::Wall;
use std::sync::Arc;

const SECOND_MICROSECONDS: i64 = 1_000_000;
/// For so long a page may be shown again without asking.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=15");

/// What sort of thing stands at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A page.
    Page,
    /// A list for programs.
    Json,
    /// A feed (RFC 4287).
    Atom,
    /// An alert (OASIS CAP 1.2).
    Cap,
}

impl Sort {
    fn media_type(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Cap => "application/cap+xml; charset=utf-8",
        }
    }

    /// The file, relative to the site's folder, that web servers show at `path`.
    pub(super) fn file(self, path: &str) -> String {
        let path = path.trim_matches('/');
        match self {
            Self::Page if path.is_empty() => "index.html".to_owned(),
            Self::Page => format!("{path}/index.html"),
            Self::Json | Self::Atom | Self::Cap => path.to_owned(),
        }
    }
}

/// One address.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) bytes: Bytes,
    pub(super) sort: Sort,
    tag: String,
    /// Since when it has read like this.
    changed_at: Wall,
}

impl Sheet {
    /// The sheet with this text; the `last` one when that reads the same.
    pub(crate) fn new(sort: Sort, text: String, now: Wall, last: Option<&Arc<Self>>) -> Arc<Self> {
        if let Some(last) = last
            && last.bytes == text.as_bytes()
        {
            return Arc::clone(last);
        }
        let hash = digest(&SHA256, text.as_bytes());
        let hash = hash.as_ref().get(..16).unwrap_or_default();
        Arc::new(Self {
            tag: format!("\"{}\"", data_encoding::BASE32_DNSSEC.encode(hash)),
            bytes: text.into(),
            sort,
            changed_at: now,
        })
    }

    /// The answer to somebody who may have it already (RFC 9110 §13.1).
    pub(crate) fn answer(&self, headers: &HeaderMap, now: Wall) -> Response {
        let mut response = if self.is_known(headers) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let kind = HeaderValue::from_static(self.sort.media_type());
            ([(CONTENT_TYPE, kind)], Body::from(self.bytes.clone())).into_response()
        };
        let told = response.headers_mut();
        told.insert(CACHE_CONTROL, CACHE);
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            told.insert(ETAG, tag);
        }
        // Only when the second is over: until then another text may come with the same date.
        if second(self.changed_at) < second(now)
            && let Ok(date) = HeaderValue::from_str(&http_date(self.changed_at))
        {
            told.insert(LAST_MODIFIED, date);
        }
        response
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        match (text(IF_NONE_MATCH), text(IF_MODIFIED_SINCE)) {
            (Some(known), _) => known
                .split(',')
                .map(|one| one.trim().trim_start_matches("W/"))
                .any(|one| one == self.tag || one == "*"),
            (None, Some(date)) => date == http_date(self.changed_at),
            (None, None) => false,
        }
    }
}

fn second(at: Wall) -> i64 {
    at.0.div_euclid(SECOND_MICROSECONDS)
}

/// A date as HTTP writes it (RFC 9110 §5.6.7).
fn http_date(at: Wall) -> String {
    let date = at.timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT");
    date.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall(1_764_239_400_500_000);

    fn sheet(text: &str, last: Option<&Arc<Sheet>>) -> Arc<Sheet> {
        Sheet::new(Sort::Page, text.to_owned(), NOW, last)
    }

    fn asked(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn vector_rfc9110_date() {
        assert_eq!(
            http_date(Wall(784_111_777_000_000)),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
    }

    #[test]
    fn the_same_text_stays_the_same_sheet_and_another_text_does_not() {
        let first = sheet("a", None);
        assert!(Arc::ptr_eq(&first, &sheet("a", Some(&first))));
        assert_ne!(sheet("b", Some(&first)).tag, first.tag);
    }

    #[test]
    fn a_date_is_told_only_when_no_other_text_can_bear_it() {
        let (sheet, none) = (sheet("a", None), HeaderMap::new());
        let at = |now| {
            sheet
                .answer(&none, now)
                .headers()
                .get(LAST_MODIFIED)
                .cloned()
        };
        assert_eq!(at(Wall(NOW.0 + 400_000)), None);
        let date = at(Wall(NOW.0 + 500_000)).unwrap();
        assert_eq!(date, "Thu, 27 Nov 2025 10:30:00 GMT");
        let status = |headers| sheet.answer(&headers, NOW).status();
        assert_eq!(
            status(asked(IF_MODIFIED_SINCE, date.to_str().unwrap())),
            304
        );
        assert_eq!(
            status(asked(IF_MODIFIED_SINCE, "Thu, 27 Nov 2025 10:29:59 GMT")),
            200
        );
        // The tag is the stronger word (RFC 9110 §13.1.3).
        let mut both = asked(IF_MODIFIED_SINCE, date.to_str().unwrap());
        both.insert(IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        assert_eq!(status(both), 200);
    }
}
