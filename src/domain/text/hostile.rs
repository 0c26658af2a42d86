//! Texts made up from a seed, for tests: plain words beside everything that texts have broken on.

/// A source of texts; the same seed gives the same ones.
pub(crate) struct Hostile(u64);

const PIECES: [&str; 34] = [
    "a",
    "Call ",
    "020 7641 6000",
    ". ",
    "Mr. Smith ",
    "€",
    "{~}",
    "ŵ",
    "’",
    "– ",
    "…",
    "\u{a0}",
    "😀",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "👍🏽",
    "🇬🇧",
    "1\u{20e3}",
    "e\u{301}",
    "x\u{336}\u{337}\u{338}",
    "اتصل ",
    "\u{200f}",
    "\u{200e}",
    "\u{2066}",
    "\u{200d}",
    "https://status.example.gov.uk/u/7QX-4HM",
    "status.example.gov.uk ",
    "www.a.co.uk/b?c=d.",
    "@who@m.example",
    "字",
    "ﬁ",
    "\n",
    "- ",
    "! ",
    "What to do:\n",
];

impl Hostile {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end` (xorshift64*).
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % end
    }

    /// At most so many characters, or a few more. Every second text draws from a few pieces only.
    pub(crate) fn text(&mut self, characters: usize) -> String {
        let characters = self.below(characters) + 1;
        let few = self.below(2) == 0;
        let palette: Vec<_> = (0..3).map(|_| PIECES[self.below(PIECES.len())]).collect();
        let mut text = String::new();
        while text.chars().count() < characters {
            let piece = if few {
                palette[self.below(3)]
            } else {
                PIECES[self.below(PIECES.len())]
            };
            text.push_str(piece);
        }
        text
    }
}
