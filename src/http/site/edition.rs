//! One edition of the public site: every page as it reads from one change to the next.

use super::pages::{self, Scene};
use super::sheet::{Sheet, Sort};
use super::{atom, cap, listing, past, status_api};
use crate::problem::Problem;
use axum::response::Response;
use hyper::HeaderMap;
use oyez_dispatch::Desk;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::Statement;
use oyez_domain::opening::Opening;
use oyez_domain::reference::UpdateReference;
use oyez_domain::time::Wall;
use oyez_domain::update::{NextUpdate, Update};
use std::collections::HashMap;
use std::sync::Arc;

/// Updates whose pages are kept, the newest ones. Older ones are made when somebody asks.
const KEPT: u32 = 200;

/// All pages, and when they are right.
#[derive(Debug)]
pub(crate) struct Edition {
    /// Public changes that it knows of.
    changes: u64,
    made_at: Wall,
    /// From then on, something else has to be said although nothing happened.
    good_until: Option<Wall>,
    /// What was put out, the newest first.
    statements: Vec<Arc<Statement>>,
    /// There are no older updates than these.
    is_whole: bool,
    sheets: HashMap<String, Arc<Sheet>>,
    /// The addresses in an order in which each may link to those before it: what others link to comes first.
    paths: Vec<String>,
}

impl Edition {
    /// Reads what there is to say and makes every page of it. What has not changed is taken from the `last` edition.
    pub(super) async fn make(desk: &Desk, last: Option<&Self>) -> Result<Self, Problem> {
        // Counted first: what changes while we read makes this edition outdated, never wrong for good.
        let (changes, now) = (desk.public.count(), desk.clock.wall());
        let updates = desk.ledger.released_updates(KEPT).await?;
        let is_whole = u32::try_from(updates.len()).is_ok_and(|many| many < KEPT);
        let mut statements = Vec::with_capacity(updates.len());
        for update in updates {
            statements.push(statement(desk, update, last).await?);
        }
        let scene = Scene {
            organisation: &desk.organisation,
            statements: &statements,
            services: desk.ledger.services().await?,
            now,
        };
        let (mut sheets, mut paths) = (HashMap::new(), Vec::new());
        let mut put = |path: String, sort: Sort, text: String| {
            let before = last.and_then(|last| last.sheets.get(&path));
            sheets.insert(path.clone(), Sheet::new(sort, text, now, before));
            paths.push(path);
        };
        for told in &statements {
            put(
                cap::path(&told.update.reference),
                Sort::Cap,
                cap::alert(&scene, told)?,
            );
            // A newer update comes before the older one that links to it.
            put(
                pages::path(&told.update.reference),
                Sort::Page,
                scene.update(told)?,
            );
            // Two hundred pages in one go would hold up others.
            tokio::task::yield_now().await;
        }
        for incident in past::incidents(&scene) {
            put(
                past::path(incident.id),
                Sort::Page,
                past::incident(&scene, incident)?,
            );
        }
        put("/history".to_owned(), Sort::Page, past::history(&scene)?);
        put(
            "/updates.json".to_owned(),
            Sort::Json,
            listing::json(&scene)?,
        );
        for (path, document) in status_api::documents(&scene)? {
            put(path.to_owned(), Sort::Json, document);
        }
        put("/feed.atom".to_owned(), Sort::Atom, atom::feed(&scene)?);
        put("/".to_owned(), Sort::Page, scene.status()?);
        let good_until = promises(&statements)
            .chain(openings(&scene))
            .filter(|until| *until >= now)
            .min();
        Ok(Self {
            changes,
            made_at: now,
            good_until,
            is_whole,
            sheets,
            paths,
            statements,
        })
    }

    /// Whether it says what has to be said now.
    pub(super) fn is_right(&self, desk: &Desk) -> bool {
        let now = desk.clock.wall();
        self.changes == desk.public.count()
            && self.made_at <= now
            && self.good_until.is_none_or(|until| now <= until)
    }

    /// When it has to be looked at again although nothing happened.
    pub(super) fn good_until(&self) -> Option<Wall> {
        self.good_until
    }

    /// The answer to somebody who asks for this path, if it is one of the site's.
    pub(crate) fn answer(&self, path: &str, headers: &HeaderMap, now: Wall) -> Option<Response> {
        self.sheets
            .get(path)
            .map(|sheet| sheet.answer(headers, now))
    }

    /// The answer to somebody who asks for an update, as a page or as an alert. One that is too old to be kept is looked up.
    pub(crate) async fn update(
        &self,
        desk: &Desk,
        (reference, sort): (&UpdateReference, Sort),
        headers: &HeaderMap,
    ) -> Result<Option<Response>, Problem> {
        let now = desk.clock.wall();
        let path = match sort {
            Sort::Cap => cap::path(reference),
            Sort::Page | Sort::Json | Sort::Atom => pages::path(reference),
        };
        let kept = self.answer(&path, headers, now);
        if kept.is_some() || self.is_whole {
            return Ok(kept);
        }
        let update = match desk.ledger.update_by_reference(reference).await {
            Ok(update) => update,
            Err(oyez_domain::LedgerError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if update.released_at.is_none() {
            return Ok(None);
        }
        let scene = Scene {
            organisation: &desk.organisation,
            statements: &self.statements,
            services: Vec::new(),
            now,
        };
        let told = desk.ledger.statement(update.id).await?;
        let text = match sort {
            Sort::Cap => cap::alert(&scene, &told)?,
            Sort::Page | Sort::Json | Sort::Atom => scene.update(&told)?,
        };
        let sheet = Sheet::new(sort, text, now, None);
        Ok(Some(sheet.answer(headers, now)))
    }

    /// Every file of the site and its content, in an order in which each may link to those before it.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        let sheet = |path: &String| Some((path.clone(), self.sheets.get(path)?));
        let sheets = self.paths.iter().filter_map(sheet);
        sheets.map(|(path, sheet)| (sheet.sort.file(&path), sheet.bytes.as_ref()))
    }

    fn statement(&self, id: UpdateId) -> Option<&Arc<Statement>> {
        self.statements.iter().find(|known| known.update.id == id)
    }
}

/// What surrounds an update does not change once it is out, so it is read once.
async fn statement(
    desk: &Desk,
    update: Update,
    last: Option<&Edition>,
) -> Result<Arc<Statement>, Problem> {
    let known = last.and_then(|last| last.statement(update.id));
    match known {
        Some(known) if known.update == update => Ok(Arc::clone(known)),
        Some(_) | None => Ok(Arc::new(desk.ledger.statement(update.id).await?)),
    }
}

/// The last moments before a telephone begins to be answered, or is no longer.
fn openings(scene: &Scene<'_>) -> impl Iterator<Item = Wall> {
    let until = |service| Opening::of(service, scene.organisation, scene.now)?.until();
    let moments = scene.services.iter().filter_map(until);
    moments.map(|Wall(microseconds)| Wall(microseconds - 1))
}

fn promises(statements: &[Arc<Statement>]) -> impl Iterator<Item = Wall> {
    statements
        .iter()
        .filter_map(|told| match told.update.next_update_by {
            NextUpdate::By(by) => Some(by),
            NextUpdate::None => None,
        })
}
