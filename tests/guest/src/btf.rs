//! The kernel's description of its own types (BTF), as far as a BPF program here needs it.

const FUNCTION: u32 = 12;
const STRUCTURE: u32 = 4;

/// The types of the running kernel.
pub struct Btf(Vec<u8>);

impl Btf {
    /// Skips the test where the kernel does not describe itself.
    #[track_caller]
    pub fn of_the_kernel() -> Btf {
        match std::fs::read("/sys/kernel/btf/vmlinux") {
            Ok(bytes) => Btf(bytes),
            Err(_) => crate::report::skip("there is no /sys/kernel/btf/vmlinux"),
        }
    }

    /// The number of a function.
    #[track_caller]
    pub fn function(&self, name: &str) -> u32 {
        self.find(FUNCTION, name).0
    }

    /// Where a field lies in a structure, in bytes.
    #[track_caller]
    pub fn field(&self, structure: &str, name: &str) -> i32 {
        let (_, at) = self.find(STRUCTURE, structure);
        let count = self.word(at + 4) as usize & 0xff_ffff;
        let mut fields = (0..count).map(|n| at + 12 + 12 * n);
        let field = fields.find(|at| self.is_named(*at, name));
        let field = field.unwrap_or_else(|| panic!("no {name} in {structure}"));
        (self.word(field + 8) & 0xff_ffff) as i32 / 8
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }

    /// The places where the types begin and where the names do.
    fn parts(&self) -> (usize, usize) {
        let header = self.word(4) as usize;
        (
            header + self.word(8) as usize,
            header + self.word(16) as usize,
        )
    }

    fn is_named(&self, at: usize, name: &str) -> bool {
        let rest = &self.0[self.parts().1 + self.word(at) as usize..];
        rest.starts_with(name.as_bytes()) && rest[name.len()] == 0
    }

    /// A type's number and place.
    #[track_caller]
    fn find(&self, kind: u32, name: &str) -> (u32, usize) {
        let (mut at, names) = self.parts();
        let mut number = 1;
        while at < names {
            let info = self.word(at + 4);
            let this = info >> 24 & 0x7f;
            if this == kind && self.is_named(at, name) {
                return (number, at);
            }
            at += 12 + size_behind(this, info as usize & 0xff_ffff);
            number += 1;
        }
        panic!("the kernel's types have no {name}");
    }
}

/// How many bytes follow what every type has.
fn size_behind(kind: u32, count: usize) -> usize {
    match kind {
        1 | 14 | 17 => 4,              // integer, variable, tag of a declaration
        3 => 12,                       // array
        4 | 5 | 15 | 19 => 12 * count, // structure, union, section, enumeration of 64 bits
        6 | 13 => 8 * count,           // enumeration, parameters
        _ => 0,
    }
}
