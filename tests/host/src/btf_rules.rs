//! Prototypes against a kernel's own types: small sets of types, and garbage.

use crate::btf::{Btf, Sections};

/// A set of types, while it is made.
struct Maker {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

const INT: u32 = 1;
const PTR: u32 = 2;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FWD: u32 = 7;
const TYPEDEF: u32 = 8;
const CONST: u32 = 10;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const TYPE_TAG: u32 = 18;

impl Maker {
    fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            count: 0,
        }
    }

    /// One more type, and its number.
    fn add(&mut self, name: &str, kind: u32, parts: u32, other: u32, tail: &[u32]) -> u32 {
        let at = if name.is_empty() {
            0
        } else {
            self.strings.len() as u32
        };
        if at != 0 {
            self.strings.extend(name.bytes().chain([0]));
        }
        for word in [at, kind << 24 | parts, other].iter().chain(tail) {
            self.types.extend(word.to_ne_bytes());
        }
        self.count += 1;
        self.count
    }

    fn function(&mut self, name: &str, result: u32, parameters: &[u32]) {
        let tail: Vec<u32> = parameters.iter().flat_map(|&it| [0, it]).collect();
        let own = self.add("", FUNC_PROTO, parameters.len() as u32, result, &tail);
        self.add(name, FUNC, 0, own, &[]);
    }

    fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for word in [24, 0, types, types, strings] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}

/// A set with some of everything, and its functions' prototypes.
fn sample() -> (Vec<u8>, Vec<(&'static str, &'static str)>) {
    let mut it = Maker::new();
    let int = it.add("int", INT, 0, 4, &[0]);
    let long = it.add("long unsigned int", INT, 0, 8, &[0]);
    let character = it.add("char", INT, 0, 1, &[0]);
    let task = it.add("task_struct", STRUCT, 2, 16, &[0, int, 0, 0, long, 64]);
    let to_task = it.add("", PTR, 0, task, &[]);
    let to_to_task = it.add("", PTR, 0, to_task, &[]);
    let constant = it.add("", CONST, 0, character, &[]);
    let to_constant = it.add("", PTR, 0, constant, &[]);
    let user = it.add("user", TYPE_TAG, 0, character, &[]);
    let to_user = it.add("", PTR, 0, user, &[]);
    let to_void = it.add("", PTR, 0, 0, &[]);
    let const_void = it.add("", CONST, 0, 0, &[]);
    let to_const_void = it.add("", PTR, 0, const_void, &[]);
    let size = it.add("size_t", TYPEDEF, 0, long, &[]);
    let kind = it.add("pid_type", ENUM, 1, 4, &[0, 0]);
    let either = it.add("sigval", UNION, 0, 8, &[]);
    let file = it.add("file", FWD, 0, 0, &[]);
    let to_file = it.add("", PTR, 0, file, &[]);
    it.function("none", 0, &[]);
    it.function("some", int, &[to_task, long, to_constant]);
    it.function("more", size, &[to_to_task, to_user, to_void, to_const_void]);
    it.function("rest", to_task, &[kind, either, to_file]);
    let prototypes = vec![
        ("none", "void()"),
        (
            "some",
            "int(struct task_struct*,long unsigned int,const char*)",
        ),
        (
            "more",
            "size_t(struct task_struct**,char*,void*,const void*)",
        ),
        (
            "rest",
            "struct task_struct*(enum pid_type,union sigval,struct file*)",
        ),
    ];
    (it.bytes(), prototypes)
}

/// What is said of a function, if anything.
fn ask(bytes: &[u8], name: &str, prototype: &str) -> Option<bool> {
    let sections = Sections::of(bytes)?;
    let places: Vec<u32> = sections.places().collect();
    let btf = Btf {
        sections,
        places: &places,
    };
    let own = btf.functions().find(|it| it.0 == name.as_bytes())?.1;
    btf.is(own, prototype)
}

#[test]
fn each_is_itself_and_no_other() {
    let (bytes, prototypes) = sample();
    for (name, own) in &prototypes {
        for (_, prototype) in &prototypes {
            assert_eq!(
                ask(&bytes, name, prototype),
                Some(own == prototype),
                "{name} {prototype}"
            );
        }
        // Whatever is left out or put in makes another one.
        for at in 0..own.len() {
            let shorter = format!("{}{}", &own[..at], &own[at + 1..]);
            let longer = format!("{}x{}", &own[..at], &own[at..]);
            assert_eq!(ask(&bytes, name, &shorter), Some(false), "{shorter}");
            assert_eq!(ask(&bytes, name, &longer), Some(false), "{longer}");
        }
        assert_eq!(ask(&bytes, name, &format!("{own}x")), Some(false));
    }
    assert_eq!(ask(&bytes, "other", "void()"), None);
}

#[test]
fn a_kind_that_is_not_known_ends_it() {
    let mut it = Maker::new();
    it.function("first", 0, &[]);
    it.add("", 99, 0, 0, &[]);
    it.function("second", 0, &[]);
    assert_eq!(ask(&it.bytes(), "first", "void()"), Some(true));
    assert_eq!(ask(&it.bytes(), "second", "void()"), None);
}

#[test]
fn types_in_a_circle() {
    let mut it = Maker::new();
    let circle = it.add("", PTR, 0, 1, &[]);
    it.function("round", circle, &[]);
    assert_eq!(ask(&it.bytes(), "round", "void()"), Some(false));
}

/// No answer is promised, but that there is one.
#[test]
fn garbage() {
    let (bytes, prototypes) = sample();
    let ask_all = |bytes: &[u8]| {
        for (name, prototype) in &prototypes {
            let _ = ask(bytes, name, prototype);
        }
    };
    for end in 0..bytes.len() {
        ask_all(&bytes[..end]);
    }
    for at in 0..bytes.len() {
        for value in [0, 1, 2, 12, 13, 0x7f, 0x80, 0xff] {
            let mut wrong = bytes.clone();
            wrong[at] = value;
            ask_all(&wrong);
        }
    }
}
