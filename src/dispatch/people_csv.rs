//! Reads people from CSV as a stream: every fault with its row and column, nothing half done.

use crate::line_ends::LineEnds;
use oyez_domain::Refusal;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::id::SubscriberId;
use oyez_domain::subscriber::NewSubscriber;
use serde::{Deserialize, Serialize};
use std::io::Read;

/// Faults and warnings listed at most; the rest is counted by the caller's total of rows.
const LISTED: usize = 200;
/// Bytes of one cell at most.
const CELL: usize = 2000;

/// One fault or warning in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvFault {
    /// Row, as a spreadsheet counts: the header is row 1.
    pub row: u64,
    /// Column name; empty when the whole row is meant.
    pub column: String,
    /// What is wrong, and what would be right. Never the cell itself: it is somebody's address.
    pub why: String,
}

impl CsvFault {
    fn new(row: u64, column: &str, why: impl Into<String>) -> Self {
        Self {
            row,
            column: column.to_owned(),
            why: why.into(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Email,
    Telephone,
    Topics,
    Language,
    /// Kept by the organisation for itself; not read.
    Other,
}

/// People in a file, slice by slice.
pub struct People<R: Read> {
    reader: csv::Reader<LineEnds<R>>,
    header: Vec<(Column, String)>,
    /// What is wrong so far. Nothing may be imported unless this stays empty.
    pub faults: Vec<CsvFault>,
    /// What a person should know: landlines are kept for the call sheet.
    pub warnings: Vec<CsvFault>,
    row: u64,
    ended: bool,
}

impl<R: Read> People<R> {
    /// Opens a file and reads its header. Columns: `email`, `telephone` (or phone, mobile), `topics`, `language`.
    pub fn open(file: R) -> Result<Self, Vec<CsvFault>> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .from_reader(LineEnds::new(file));
        let mut first = csv::ByteRecord::new();
        match reader.read_byte_record(&mut first) {
            Ok(true) => {}
            Ok(false) => {
                return Err(vec![CsvFault::new(
                    1,
                    "",
                    "the file is empty; the first row names the columns",
                )]);
            }
            Err(error) => return Err(vec![CsvFault::new(1, "", error.to_string())]),
        }
        let header = header(&first)?;
        Ok(Self {
            reader,
            header,
            faults: Vec::new(),
            warnings: Vec::new(),
            row: 1,
            ended: false,
        })
    }

    /// The next people, at most `many`; none at the end.
    pub fn slice(
        &mut self,
        many: usize,
        mut new_id: impl FnMut() -> SubscriberId,
    ) -> Vec<NewSubscriber> {
        let mut people = Vec::new();
        let mut record = csv::ByteRecord::new();
        while people.len() < many && !self.ended {
            match self.reader.read_byte_record(&mut record) {
                Ok(false) => {
                    self.ended = true;
                    self.broken_quote(&record);
                }
                Ok(true) => {
                    self.row = self.row_of(&record);
                    people.extend(self.person(&record, &mut new_id));
                }
                Err(error) => {
                    self.ended = true;
                    self.fault(self.row, "", error.to_string());
                }
            }
        }
        people
    }

    /// The row a record began on, counted from its end: blank lines before it are part of the reading.
    fn row_of(&self, record: &csv::ByteRecord) -> u64 {
        let text = record.as_slice();
        let inside = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        // A quote that is open at the end of the file took the last line end into its cell.
        let unfinished = text.ends_with(b"\n");
        let ended = self.reader.position().line();
        ended.saturating_sub(inside + u64::from(!unfinished))
    }

    /// A quote that is never closed swallows the rest of the file into one cell.
    fn broken_quote(&mut self, last: &csv::ByteRecord) {
        if last.iter().any(|cell| cell.len() > CELL) {
            self.fault(
                self.row,
                "",
                "a quotation mark is opened here and never closed",
            );
        }
    }

    fn fault(&mut self, row: u64, column: &str, why: impl Into<String>) {
        if self.faults.len() < LISTED {
            self.faults.push(CsvFault::new(row, column, why));
        }
    }

    fn person(
        &mut self,
        record: &csv::ByteRecord,
        new_id: &mut impl FnMut() -> SubscriberId,
    ) -> Option<NewSubscriber> {
        let row = self.row;
        if record.iter().all(<[u8]>::is_empty) {
            return None;
        }
        if record.len() > self.header.len() {
            let why = format!(
                "{} cells, but the header names {} columns",
                record.len(),
                self.header.len()
            );
            self.fault(row, "", why);
            return None;
        }
        let mut person = NewSubscriber {
            id: new_id(),
            addresses: Vec::new(),
            topics: Vec::new(),
            language: "en".to_owned(),
        };
        let before = self.faults.len();
        for (at, bytes) in record.iter().enumerate() {
            let Some((column, name)) = self.header.get(at).cloned() else {
                continue;
            };
            match cell(bytes) {
                Ok("") => {}
                Ok(text) => self.read_cell(&mut person, column, &name, text),
                Err(why) => self.fault(row, &name, why),
            }
        }
        if person.addresses.is_empty() && self.faults.len() == before {
            self.fault(row, "", "neither an email address nor a telephone number");
        }
        (!person.addresses.is_empty()).then_some(person)
    }

    fn read_cell(&mut self, person: &mut NewSubscriber, column: Column, name: &str, text: &str) {
        let row = self.row;
        match column {
            Column::Email => match Address::email(text) {
                Ok(address) => person.addresses.push(address),
                Err(fault) => self.fault(row, name, fault.why),
            },
            Column::Telephone => match Address::uk_telephone(text) {
                Ok(address) => {
                    if address.kind() == AddressKind::Landline && self.warnings.len() < LISTED {
                        let why = "a landline: kept for the call sheet, it gets no texts";
                        self.warnings.push(CsvFault::new(row, name, why));
                    }
                    person.addresses.push(address);
                }
                Err(fault) => self.fault(row, name, fault.why),
            },
            Column::Topics => {
                person.topics = text
                    .split([';', '|'])
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            Column::Language => match language(text) {
                Ok(tag) => person.language = tag,
                Err(fault) => self.fault(row, name, fault.why),
            },
            Column::Other => {}
        }
    }
}

fn language(text: &str) -> Result<String, Refusal> {
    let tag = text.to_ascii_lowercase();
    let fits = (2..=12).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fits.then_some(tag).ok_or_else(|| {
        Refusal::new(
            "language",
            "malformed_language",
            "a language is a tag such as en or cy",
        )
    })
}

fn cell(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.len() > CELL {
        return Err("far too long; is a quotation mark opened here and never closed?");
    }
    if bytes.contains(&b'\n') || bytes.contains(&b'\r') {
        return Err(
            "a line break inside the cell; is a quotation mark opened here and never closed?",
        );
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| "not UTF-8; save the file as \"CSV UTF-8\" and import it again")?
        .trim();
    match text.chars().next() {
        // +44 is how numbers begin; the rest is how spreadsheets begin formulas.
        Some('=' | '@' | '\t') => {
            Err("looks like a spreadsheet formula; put the value itself in the cell")
        }
        Some(_) | None => Ok(text),
    }
}

fn header(first: &csv::ByteRecord) -> Result<Vec<(Column, String)>, Vec<CsvFault>> {
    let mut header: Vec<(Column, String)> = Vec::new();
    let mut faults = Vec::new();
    for bytes in first {
        let Ok(text) = std::str::from_utf8(bytes) else {
            faults.push(CsvFault::new(
                1,
                "",
                "the header is not UTF-8; save the file as \"CSV UTF-8\"",
            ));
            continue;
        };
        let name = text.trim_start_matches('\u{feff}').trim();
        let folded: String = name
            .to_lowercase()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let column = match folded.as_str() {
            "email" | "emailaddress" | "mail" => Column::Email,
            "telephone" | "phone" | "phonenumber" | "mobile" | "mobilenumber"
            | "telephonenumber" => Column::Telephone,
            "topics" | "topic" => Column::Topics,
            "language" | "lang" => Column::Language,
            _ => Column::Other,
        };
        let twice = header.iter().find(|(known, known_name)| {
            (column != Column::Other && *known == column)
                || (column == Column::Other && known_name == name)
        });
        if let Some((_, known)) = twice {
            faults.push(CsvFault::new(
                1,
                name,
                format!("the columns {known:?} and {name:?} say the same thing; keep one"),
            ));
        }
        header.push((column, name.to_owned()));
    }
    if !header
        .iter()
        .any(|(column, _)| matches!(column, Column::Email | Column::Telephone))
    {
        faults.push(CsvFault::new(1, "", "no column named email or telephone"));
    }
    if faults.is_empty() {
        Ok(header)
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People, faults, warnings.
    type Read = (Vec<NewSubscriber>, Vec<CsvFault>, Vec<CsvFault>);

    fn read(csv: &[u8]) -> Result<Read, Vec<CsvFault>> {
        let mut people = People::open(csv)?;
        let new_id = || SubscriberId::from_bytes([0; 16]);
        let all = people.slice(1000, new_id);
        Ok((all, people.faults, people.warnings))
    }

    #[test]
    fn spellings_of_a_header_are_one_and_a_byte_order_mark_is_no_harm() {
        let (people, faults, _) =
            read("\u{feff}Email Address, PHONE_NUMBER \na@x.uk,07700900123\n\n".as_bytes())
                .unwrap();
        assert_eq!(
            (people.len(), people[0].addresses.len(), faults.len()),
            (1, 2, 0)
        );
    }

    #[test]
    fn a_duplicate_header_names_both_columns() {
        let faults = read(b"phone,Mobile Number\n07700900123,07700900124\n").unwrap_err();
        assert!(
            faults[0].why.contains("phone") && faults[0].why.contains("Mobile Number"),
            "{faults:?}"
        );
    }

    #[test]
    fn each_fault_says_its_row_and_column_and_never_the_address() {
        let (_, faults, _) = read(
            b"email,telephone\nok@x.uk,\nbad address,12\n=cmd(),\n\"a@x.uk\r\nBcc: v@y.uk\",\n,\n",
        )
        .unwrap();
        let places: Vec<_> = faults.iter().map(|f| (f.row, f.column.as_str())).collect();
        assert_eq!(
            places,
            [(3, "email"), (3, "telephone"), (4, "email"), (5, "email")]
        );
        assert!(
            faults
                .iter()
                .all(|f| !f.why.contains("bad address") && !f.why.contains("Bcc"))
        );
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_counts_them_whatever_ends_a_line() {
        for end in ["\n", "\r\n", "\r"] {
            let csv = ["email", "a@x.uk", "", "", "bad", "b@x.uk", "worse"].join(end);
            let (people, faults, _) = read(csv.as_bytes()).unwrap();
            let rows: Vec<_> = faults.iter().map(|fault| fault.row).collect();
            assert_eq!((people.len(), rows), (2, vec![5, 7]), "{end:?}");
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_refused_and_never_guessed() {
        let (_, faults, _) = read(b"email,topics\na@x.uk,caf\xe9\n").unwrap();
        assert_eq!((faults[0].row, faults[0].column.as_str()), (2, "topics"));
        assert!(faults[0].why.contains("UTF-8"));
    }

    #[test]
    fn a_quote_that_is_never_closed_is_a_fault() {
        let mut csv = b"email\na@x.uk\n\"b@x.uk\n".to_vec();
        csv.extend((0..500).flat_map(|n| format!("c{n}@x.uk\n").into_bytes()));
        let (_, faults, _) = read(&csv).unwrap();
        assert!(
            !faults.is_empty() && faults[0].why.contains("quotation mark"),
            "{faults:?}"
        );
        let (_, faults, _) = read(b"email\na@x.uk\n\"b@x.uk\n").unwrap();
        assert_eq!(faults[0].row, 3, "a short one too");
    }

    #[test]
    fn a_landline_is_kept_with_a_warning() {
        let (people, faults, warnings) = read(b"telephone\n020 7641 6000\n").unwrap();
        assert_eq!((people.len(), faults.len(), warnings.len()), (1, 0, 1));
        assert_eq!(people[0].addresses[0].kind(), AddressKind::Landline);
    }
}
