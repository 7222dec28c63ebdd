//! What the rule says about a signal to an init, and whether it is so.

use super::rule::{self, Disposition, Effect, Sender};
use super::world::World;

/// What the rule says about a signal to an agent that is an init; nothing where it does not say.
pub fn expected(
    world: &mut World,
    two_sided: bool,
    from: Option<usize>,
    to: usize,
    signal: i32,
) -> Option<Effect> {
    let agent = world.agent(to);
    if !agent.is_init() || agent.gone || agent.busy || signal == 0 {
        return None;
    }
    world.look_at_one(to);
    let to = world.agent(to);
    let task = world.now.0.get(to.numbers.first()?)?;
    if task.state != 'S' || task.tracer != 0 || task.threads != 1 {
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
