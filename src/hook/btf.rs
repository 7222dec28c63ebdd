// SPDX-License-Identifier: GPL-2.0

//! What a kernel says of its own functions: BTF (`include/uapi/linux/btf.h`). Whatever it cannot make out it says nothing of.

/// The beginning of a `struct btf_type`: name, kind and number of parts, size or another type.
const TYPE: usize = 12;

const PTR: u32 = 2;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FWD: u32 = 7;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// How many bytes follow the beginning of a type of this `kind` with so many `parts`; `None` for one that is not known.
fn tail_of(kind: u32, parts: usize) -> Option<usize> {
    Some(match kind {
        1 | 14 | 17 => 4,
        3 => 12,
        STRUCT | UNION | 15 | ENUM64 => parts.checked_mul(12)?,
        ENUM | FUNC_PROTO => parts.checked_mul(8)?,
        PTR | FWD | 8 | VOLATILE | CONST | RESTRICT | FUNC | 16 | TYPE_TAG => 0,
        _ => return None,
    })
}

fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

/// Types and names, as they stand in a kernel.
#[derive(Clone, Copy)]
pub(super) struct Sections<'a> {
    types: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Sections<'a> {
    /// `None` if it is no BTF.
    pub(super) fn of(btf: &'a [u8]) -> Option<Self> {
        let magic = btf.get(..2)?;
        if magic != 0xeb9f_u16.to_ne_bytes() {
            return None;
        }
        let header = word_at(btf, 4)? as usize;
        let section = |at| {
            let start = header.checked_add(word_at(btf, at)? as usize)?;
            let end = start.checked_add(word_at(btf, at + 4)? as usize)?;
            btf.get(start..end)
        };
        Some(Self {
            types: section(8)?,
            strings: section(16)?,
        })
    }

    /// Where each type begins, in the order of their numbers, from 1. Ends early at one whose kind is not known.
    pub(super) fn places(self) -> impl Iterator<Item = u32> + 'a {
        let mut at = 0;
        core::iter::from_fn(move || {
            let info = word_at(self.types, at + 4)?;
            let here = u32::try_from(at).ok()?;
            at += TYPE + tail_of(kind_of(info), parts_of(info))?;
            Some(here)
        })
    }
}

fn kind_of(info: u32) -> u32 {
    info >> 24 & 0x7f
}

fn parts_of(info: u32) -> usize {
    (info & 0x00ff_ffff) as usize
}

/// The types of a kernel, and where each begins.
pub(super) struct Btf<'a> {
    pub(super) sections: Sections<'a>,
    pub(super) places: &'a [u32],
}

impl<'a> Btf<'a> {
    /// The names of functions, each with the number of its type.
    pub(super) fn functions(&self) -> impl Iterator<Item = (&'a [u8], u32)> + use<'a, '_> {
        let places = self.places.iter().map(|&place| place as usize);
        let functions = places.filter(|&place| {
            let info = word_at(self.sections.types, place + 4);
            info.is_some_and(|info| kind_of(info) == FUNC)
        });
        functions.filter_map(|place| self.at(place).map(|(name, _, own)| (name, own)))
    }

    /// Whether the function's type with this number is `prototype`: `result(type,type)`, spelled as BTF does.
    pub(super) fn is(&self, function: u32, prototype: &str) -> Option<bool> {
        let place = self.place(function)?;
        let (_, info, result) = self.at(place)?;
        if kind_of(info) != FUNC_PROTO {
            return None;
        }
        let mut rest = Rest(prototype.as_bytes());
        self.compare(result, &mut rest)?;
        rest.skip(b"(");
        for nr in 0..parts_of(info) {
            if nr > 0 {
                rest.skip(b",");
            }
            let parameter = word_at(self.sections.types, place + TYPE + nr * 8 + 4)?;
            self.compare(parameter, &mut rest)?;
        }
        rest.skip(b")");
        Some(rest.0 == b"")
    }

    /// Goes on behind the name of a type.
    fn compare(&self, mut nr: u32, rest: &mut Rest<'_>) -> Option<()> {
        let (mut stars, mut is_const) = (0, false);
        // A type has no more than a few of these.
        for _ in 0..8 {
            if nr == 0 {
                break;
            }
            let (_, info, other) = self.at(self.place(nr)?)?;
            match kind_of(info) {
                PTR => stars += 1,
                CONST => is_const = true,
                VOLATILE | RESTRICT | TYPE_TAG => {}
                _ => break,
            }
            nr = other;
        }
        if is_const {
            rest.skip(b"const ");
        }
        if nr == 0 {
            rest.skip(b"void");
        } else {
            let (name, info, _) = self.at(self.place(nr)?)?;
            rest.skip(match kind_of(info) {
                UNION => b"union ",
                ENUM | ENUM64 => b"enum ",
                FWD if info >> 31 != 0 => b"union ",
                STRUCT | FWD => b"struct ",
                _ => b"",
            });
            rest.skip(name);
        }
        (0..stars).for_each(|_| rest.skip(b"*"));
        Some(())
    }

    /// Where a type begins.
    fn place(&self, nr: u32) -> Option<usize> {
        let index = (nr as usize).checked_sub(1)?;
        Some(*self.places.get(index)? as usize)
    }

    /// Its name, its kind and parts, and its size or another type.
    fn at(&self, place: usize) -> Option<(&'a [u8], u32, u32)> {
        let word = |nr: usize| word_at(self.sections.types, place + nr * 4);
        let name = self.sections.strings.get(word(0)? as usize..)?;
        let end = name.iter().position(|&byte| byte == 0)?;
        Some((&name[..end], word(1)?, word(2)?))
    }
}

/// What of a prototype has not been met.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Goes on behind `text`, or, where something else stands there, nowhere: no type is called so.
    fn skip(&mut self, text: &[u8]) {
        self.0 = self.0.strip_prefix(text).unwrap_or(b"?");
    }
}
