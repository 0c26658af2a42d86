//! The feed as `feedparser` reads it.

use super::Judge;
use super::feeds::{HOSTILE, Site, told};
use serde_json::json;

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn the_feed_reads_as_it_was_written_and_markup_stays_text() {
    let site: Site = tokio::task::spawn_blocking(told).await.unwrap();
    let feed = site.folder.path().join("site/feed.atom");
    let judge = Judge::script("judge_feedparser.py", &[feed.to_str().unwrap()]);
    let read = judge.report("entries").await;
    assert_eq!(
        (&read["version"], &read["fault"]),
        (&json!("atom10"), &json!(null))
    );
    assert_eq!(read["id"], "tag:localhost,2025:feed");
    let entries = read["entries"].as_array().unwrap();
    assert_eq!(entries.len(), site.references.len());
    assert_eq!(
        read["updated"], entries[0]["updated"],
        "the newest comes first"
    );
    for (entry, reference) in entries.iter().zip(site.references.iter().rev()) {
        let page = format!("http://localhost:8080/u/{reference}");
        assert_eq!(entry["id"], format!("tag:localhost,2025:upd/{reference}"));
        assert_eq!(entry["page"], json!([page]));
        assert_eq!(entry["alert"], json!([format!("{page}.cap")]));
    }
    let content = entries.last().unwrap()["content"].as_str().unwrap();
    assert!(
        content.contains("&lt;script&gt;") && !content.contains("<script"),
        "{content}"
    );
    assert!(HOSTILE.contains("<script>"));
}
