//! What the rule says about a signal to an init, and whether it is so.

use super::rule::{self, Disposition, Effect, Sender};
use super::world::{Agent, World};

/// What the rule says about a signal to an agent that is an init; nothing where it does not say.
pub fn expected(
    world: &World,
    two_sided: bool,
    from: Option<usize>,
    to: &Agent,
    signal: i32,
) -> Option<Effect> {
    let task = world.now.0.get(to.numbers.first()?)?;
    let plain = to.is_init() && !to.gone && !to.busy && task.state == 'S' && task.tracer == 0;
    if !plain || task.threads != 1 || signal == 0 {
        return None;
    }
    let bit = crate::signal_state::bit(signal);
    let disposition = if task.ignored & bit != 0 {
        Disposition::Ignored
    } else if task.caught & bit != 0 {
        Disposition::Handler
    } else {
        Disposition::Default
    };
    let from = from.map(|from| world.agent(from));
    let sender = match from {
        Some(from) if from.leader == to.leader => Sender::Itself,
        Some(from) if from.chain.starts_with(&to.chain) => Sender::Inside,
        _ => Sender::Ancestor,
    };
    rule::effect(
        two_sided,
        sender,
        signal,
        disposition,
        task.blocked & bit != 0,
    )
}

/// Compares what became of an init with what the rule says.
pub fn judge(world: &World, target: usize, wanted: Option<Effect>, changes: &mut Vec<String>) {
    let Some(wanted) = wanted else { return };
    let agent = world.agent(target);
    let seen = match world.state_of(agent) {
        'T' => Effect::Stops,
        _ if agent.gone => Effect::Ends,
        _ => Effect::Lives,
    };
    if seen != wanted {
        changes.push(format!(
            "  FINDING: a{target}: the rule says {wanted:?}, it {seen:?}"
        ));
    }
}
