// SPDX-License-Identifier: GPL-2.0

//! The name by which people know a namespace: of the container or the unit that its init's cgroup belongs to.

use crate::machine::{printable, Machine};
use serde_json::Value;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// An engine's container, by its ID, which is 64 hexadecimal digits, and its name if the engine's files say it.
    Container { id: String, name: Option<String> },
    /// A container, a machine or a unit that has a name alone.
    Named(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container {
                name: Some(name), ..
            }
            | Self::Named(name) => f.write_str(name),
            Self::Container { id, .. } => f.write_str(id.get(..12).unwrap_or(id)),
        }
    }
}

impl Label {
    /// Whether somebody may mean this one by `said`: its name, or the beginning of its ID.
    pub fn is_called(&self, said: &str) -> bool {
        match self {
            Self::Named(name) => name == said,
            Self::Container { id, name } => {
                name.as_deref() == Some(said) || said.len() >= 3 && id.starts_with(said)
            }
        }
    }

    /// That of a process.
    pub fn of(machine: &Machine, pid: i32) -> Option<Self> {
        Some(
            match of_cgroups(&machine.read(format!("/proc/{pid}/cgroup")).ok()?)? {
                Self::Container { id, .. } => {
                    let name =
                        name_in_docker(machine, &id).or_else(|| name_in_podman(machine, &id));
                    let name = name.as_deref().map(printable);
                    Self::Container { id, name }
                }
                Self::Named(name) => Self::Named(printable(&name)),
            },
        )
    }
}

/// The label in the text of a `/proc/PID/cgroup`.
fn of_cgroups(text: &str) -> Option<Label> {
    let paths = || text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    // The innermost: containers may be in containers, and units in both.
    paths()
        .find_map(container)
        .or_else(|| paths().find_map(unit).map(Label::Named))
}

fn container(path: &str) -> Option<Label> {
    const ENGINES: [&str; 7] = [
        "docker-",
        "libpod-payload-",
        "libpod-",
        "cri-containerd-",
        "crio-",
        "nerdctl-",
        "buildkit-",
    ];
    let parts: Vec<&str> = path.split('/').collect();
    (0..parts.len()).rev().find_map(|place| {
        let part = parts[place];
        let stem = part.strip_suffix(".scope").unwrap_or(part);
        let id = ENGINES
            .iter()
            .find_map(|engine| stem.strip_prefix(engine))
            .unwrap_or(stem);
        if is_id(id) {
            let (id, name) = (id.to_owned(), None);
            return Some(Label::Container { id, name });
        }
        let of_lxc = part.strip_prefix("lxc.payload.");
        let below_lxc = || (place > 0 && parts[place - 1] == "lxc").then_some(part);
        let machine = || stem.strip_prefix("machine-");
        let nspawn = || {
            part.strip_prefix("systemd-nspawn@")?
                .strip_suffix(".service")
        };
        let name = of_lxc.or_else(below_lxc).or_else(machine).or_else(nspawn)?;
        (!name.is_empty()).then(|| Label::Named(unescape(name)))
    })
}

/// Whether this is how engines name their containers.
fn is_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The name of a systemd unit.
fn unit(path: &str) -> Option<String> {
    let is_unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    path.rsplit('/').find(is_unit).map(unescape)
}

/// As `systemd-escape --unescape` does with `\x2d`; anything else stays.
fn unescape(name: &str) -> String {
    name.replace("\\x2d", "-")
}

fn name_in_docker(machine: &Machine, id: &str) -> Option<String> {
    let path = format!("/var/lib/docker/containers/{id}/config.v2.json");
    let config: Value = serde_json::from_str(&machine.read(path).ok()?).ok()?;
    let name = config.get("Name")?.as_str()?;
    Some(name.trim_start_matches('/').to_owned())
}

fn name_in_podman(machine: &Machine, id: &str) -> Option<String> {
    let path = "/var/lib/containers/storage/overlay-containers/containers.json";
    let containers: Value = serde_json::from_str(&machine.read(path).ok()?).ok()?;
    let is_it = |it: &&Value| it.get("id").and_then(Value::as_str) == Some(id);
    let found = containers.as_array()?.iter().find(is_it)?;
    Some(found.get("names")?.get(0)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn label_of(path: &str) -> Option<String> {
        let path = path.replace("ID", ID);
        of_cgroups(&format!("0::{path}\n")).map(|label| label.to_string())
    }

    #[test]
    fn every_engine_names_its_cgroups() {
        for (path, label) in [
            ("/system.slice/docker-ID.scope", "0123456789ab"),
            ("/docker/ID", "0123456789ab"),
            ("/docker/ID/init.scope", "0123456789ab"),
            ("/machine.slice/libpod-ID.scope/container", "0123456789ab"),
            (
                "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
                "0123456789ab",
            ),
            ("/kubepods/besteffort/pod1/ID", "0123456789ab"),
            ("/lxc.payload.web", "web"),
            ("/lxc.payload.web/init.scope", "web"),
            ("/lxc/web", "web"),
            ("/machine.slice/machine-my\\x2dweb.scope/payload", "my-web"),
            ("/machine.slice/systemd-nspawn@web.service/payload", "web"),
            ("/system.slice/nginx.service", "nginx.service"),
            ("/system.slice/nginx.service/workers", "nginx.service"),
            (
                "/user.slice/user-0.slice/session-3.scope",
                "session-3.scope",
            ),
        ] {
            assert_eq!(label_of(path).as_deref(), Some(label), "{path}");
        }
        for path in ["/", "/user.slice", "/docker-ID0.slice", ""] {
            assert_eq!(label_of(path), None, "{path}");
        }
    }

    #[test]
    fn of_several_hierarchies_one_says_it() {
        let text = format!("3:cpu:/\n1:name=systemd:/docker/{ID}\n0::/\n");
        assert!(matches!(of_cgroups(&text), Some(Label::Container { .. })));
        assert_eq!(of_cgroups("no colons\n"), None);
    }

    #[test]
    fn a_container_is_called_by_its_name_or_number() {
        let label = Label::Container {
            id: ID.to_owned(),
            name: Some("web".to_owned()),
        };
        for said in ["web", "0123456789ab", "012", ID] {
            assert!(label.is_called(said), "{said}");
        }
        for said in ["01", "", "we", "123"] {
            assert!(!label.is_called(said), "{said}");
        }
    }
}
