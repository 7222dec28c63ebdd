//! The list of namespaces in debugfs, read and taken apart.

pub const PATH: &str = "/sys/kernel/debug/pidns/namespaces";
const HEADER: [&str; 10] = [
    "inode", "level", "parent", "owner", "init", "tasks", "numbers", "dropped", "acted", "name",
];

/// One line; what is a dash there is `None`.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub inode: u64,
    pub level: u32,
    pub parent: Option<u64>,
    pub owner: u64,
    pub init: Option<i32>,
    pub tasks: u32,
    pub numbers: u32,
    pub dropped: u32,
    pub acted: u32,
    pub name: String,
}

impl Line {
    #[track_caller]
    fn parse(line: &str) -> Line {
        let mut rest = line;
        let fields = [(); 9].map(|_| {
            rest = rest.trim_start();
            let (field, behind) = rest.split_once(' ').expect("nine fields and a name");
            rest = behind;
            field
        });
        let number = |at: usize| -> u64 {
            let field: &str = fields[at];
            field
                .parse()
                .unwrap_or_else(|_| panic!("{}={field} in '{line}'", HEADER[at]))
        };
        let option = |at: usize| (fields[at] != "-").then(|| number(at));
        Line {
            inode: number(0),
            level: number(1) as u32,
            parent: option(2),
            owner: number(3),
            init: option(4).map(|n| n as i32),
            tasks: number(5) as u32,
            numbers: number(6) as u32,
            dropped: number(7) as u32,
            acted: number(8) as u32,
            name: rest.to_string(),
        }
    }
}

/// Takes the list apart.
#[track_caller]
pub fn parse(text: &str) -> Vec<Line> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split_whitespace().collect();
    check!(header, HEADER, "the header");
    check!(text.ends_with('\n'), true, "the end of the last line");
    lines.map(Line::parse).collect()
}

/// All namespaces.
#[track_caller]
pub fn all() -> Vec<Line> {
    parse(&std::fs::read_to_string(PATH).unwrap_or_else(|e| panic!("{PATH}: {e}")))
}

/// The line of a namespace.
#[track_caller]
pub fn of(inode: u64) -> Line {
    let line = all().into_iter().find(|line| line.inode == inode);
    line.unwrap_or_else(|| panic!("no line for the namespace {inode}"))
}
