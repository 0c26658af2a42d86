//! Parcels into a folder, one file each: for drills, and for handing over by hand.

use crate::letter::Letter;
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::{Fit, Personal, Rendered};
use oyez_domain::{BoxFuture, Channel, Refusal};
use serde::Deserialize;
use std::path::PathBuf;
use tokio::fs;
use tokio::io::AsyncWriteExt;

/// Settings of `[channels.NAME.via.file]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder; it must exist.
    pub folder: PathBuf,
    /// Whose addresses the files are for.
    #[serde(default)]
    pub carries: Carries,
}

/// Whose addresses the files are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carries {
    /// Email addresses.
    #[default]
    Email,
    /// Mobile numbers.
    Mobile,
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        if self.folder.is_dir() {
            return Vec::new();
        }
        let why = format!("{} is not a folder; make it first", self.folder.display());
        vec![Refusal::new("folder", "not_a_folder", why)]
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "file",
    family: Family::File,
    carries: AddressKind::Email,
    unit: LengthUnit::Byte,
    limit: None,
    receipts: false,
    receipts_by_provider_id: false,
    // The same parcel has the same name, so writing it again changes nothing.
    idempotency: IdempotencyClass::NativeKey,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Retry,
    needs: &["folder"],
};

const ADDRESS: &str = "zq7-address-q7z";
const REFERENCE: &str = "zq7-reference-q7z";
const STOP: &str = "zq7-stop-q7z";

/// The adapter.
pub(crate) struct Folder {
    name: ChannelName,
    capabilities: Capabilities,
    folder: PathBuf,
}

impl Folder {
    /// An adapter with these settings.
    pub(crate) fn build(name: &ChannelName, settings: &Settings) -> Self {
        Self {
            name: name.clone(),
            capabilities: Capabilities {
                carries: match settings.carries {
                    Carries::Email => AddressKind::Email,
                    Carries::Mobile => AddressKind::Mobile,
                },
                ..CAPABILITIES
            },
            folder: settings.folder.clone(),
        }
    }

    /// A file is there whole or not at all: it is written beside its place and then moved there.
    async fn write(&self, parcel: &Parcel) -> std::io::Result<()> {
        let text = parcel.rendered.splice(|part| match part {
            Personal::Address => parcel.address.reveal().into(),
            Personal::Reference => parcel.reference.as_str().into(),
            Personal::StopToken => parcel.stop_token.as_str().into(),
            Personal::Time => parcel.now.rfc3339().into(),
        });
        let unfinished = self.folder.join(format!(".{}", parcel.reference));
        // A letter names a person: it is nobody else's to read.
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .await?;
        file.write_all(&text).await?;
        file.sync_all().await?;
        fs::rename(
            &unfinished,
            self.folder.join(format!("{}.txt", parcel.reference)),
        )
        .await
    }
}

impl Channel for Folder {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let own = notice.update.versions.get(&self.name);
        let letter = Letter {
            notice,
            detail: own.or(notice.update.detail.as_ref()),
            stop: Some(format!("{}/x/{STOP}", notice.organisation.public_url)),
        };
        let text = format!("To: {ADDRESS}\nReference: {REFERENCE}\n\n{}", letter.text());
        let marks = [
            (ADDRESS, Personal::Address),
            (REFERENCE, Personal::Reference),
            (STOP, Personal::StopToken),
        ];
        Ok(Rendered {
            pieces: Rendered::cut(&text, &marks),
            preview: letter.text().replace(STOP, "…"),
            fit: Fit::bytes(text.as_bytes(), None, "the letter")?,
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            match self.write(parcel).await {
                Ok(()) => Verdict::new(Outcome::Accepted { reference: None }, "written"),
                Err(error) => {
                    let outcome = Outcome::ChannelDown {
                        reason: Reason::ProviderDown,
                        scope: Scope::Channel,
                    };
                    Verdict::new(outcome, error.kind().to_string())
                }
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let probe = self.folder.join(".oyez-check");
            let written = fs::write(&probe, b"").await;
            let removed = fs::remove_file(&probe).await;
            match written.and(removed) {
                Ok(()) => Ok(format!(
                    "Files can be written to {}.",
                    self.folder.display()
                )),
                Err(error) => Err(format!(
                    "{} cannot be written to: {error}",
                    self.folder.display()
                )),
            }
        })
    }
}
