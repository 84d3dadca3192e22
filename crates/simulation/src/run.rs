//! One seed, from beginning to end.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use everwire_hub::presence::Presence as _;
use everwire_proto::{Members, Name};
use tokio::time::{sleep, timeout};

use crate::fault::{self, Hubs};
use crate::history::History;
use crate::node::Node;
use crate::payload;
use crate::program::Program;
use crate::raw;
use crate::scenario::Scenario;
use crate::system;
use crate::trace;
use crate::world::{Phase, World};

/// How long it may take until everybody is up to date once nothing goes wrong any more. A program that takes little
/// at a time, over a link that is slow, is sent the rest of the log each time that it goes on.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a seed in a thread of its own, so that nothing is left of what was drawn before. Traces of its
/// clients' sessions are written into this directory, if there is one.
pub(crate) fn run(seed: u64, is_shown: bool, traces: Option<&Path>) -> History {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            system::begin_chance(seed);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let simulated = async {
                system::begin_time();
                simulate(World::new(Scenario::draw(seed), is_shown), traces).await
            };
            let history = runtime.block_on(simulated);
            drop(runtime);
            history
        });
        thread.join().expect("the simulation itself does not panic")
    })
}

async fn simulate(world: Arc<World>, traces: Option<&Path>) -> History {
    let chaos = world.scenario.chaos;
    world.history.note("world", format_args!("{:?}", world.scenario));
    let mut hubs = Hubs::start(&world);
    let plans = world.scenario.clients.clone();
    let programs: Vec<Program> =
        plans.into_iter().map(|plan| Program::start(&world, plan)).collect();
    let raws = raw::start(&world);
    let _ = timeout(chaos, fault::go_wrong(&world, &mut hubs)).await;
    let node = fault::heal(&world, hubs).await;
    world.set_phase(Phase::Calm);
    converge(&world, &node, &programs).await;
    let recorded: Vec<_> = programs.iter().map(|program| program.trace.clone()).collect();
    let kept: Vec<Name> = programs.iter().filter_map(Program::session).collect();
    world.set_phase(Phase::Over);
    for program in programs {
        program.finish().await;
    }
    raws.finish().await;
    finish(&world, &node).await;
    world.history.verdict(world.messages.lock().unwrap().check(&kept));
    if let Some(dir) = traces {
        let recorded: Vec<_> = recorded.iter().map(|trace| trace.lock().unwrap()).collect();
        trace::write(dir, world.scenario.seed, recorded.iter().map(|trace| &**trace))
            .expect("the directory is there");
    }
    world.history.clone()
}

/// Everybody hears a last publication in each topic, and sees who is there.
async fn converge(world: &Arc<World>, node: &Node, programs: &[Program]) {
    // Until whoever was away is back, and whoever is gone has left.
    sleep(Duration::from_secs(15)).await;
    let mut last = Vec::new();
    for plan in &world.scenario.topics {
        let id = world.draw_id();
        while node.hub.publish(&plan.topic, payload::numbered(id, 0)).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
        last.push(id);
    }
    for program in programs {
        for ear in program.ears() {
            let id = last[ear.hearing.topic];
            let hearing = async {
                while !ear.has_heard(id) {
                    sleep(Duration::from_millis(100)).await;
                }
            };
            if timeout(PATIENCE, hearing).await.is_err() {
                let (who, topic) = (program.who(), ear.hearing.topic);
                world.history.wrong(format_args!("{who} never hears #{id} in t{topic}"));
            }
        }
    }
    sleep(Duration::from_secs(12)).await;
    see_who_is_there(world, node, programs).await;
}

/// Compares what programs see of who is there with the store, and the store with who is there.
async fn see_who_is_there(world: &World, node: &Node, programs: &[Program]) {
    for (number, plan) in world.scenario.topics.iter().enumerate() {
        if !plan.presence {
            continue;
        }
        let hears =
            |program: &&Program| program.ears().iter().any(|ear| ear.hearing.topic == number);
        let expected = programs.iter().filter(hears).filter_map(Program::session);
        let expected: BTreeSet<Name> = expected.collect();
        let listed = node.presence.list(&plan.topic).await.expect("it is in memory").members;
        let Members::List(members) = listed else { unreachable!("a list was asked for") };
        let there: BTreeSet<Name> = members.into_iter().map(|member| member.session).collect();
        if there != expected {
            let topic = &plan.topic;
            world.history.wrong(format_args!("{topic}: {there:?} listed, {expected:?} are there"));
        }
        for program in programs {
            for ear in program.ears().iter().filter(|ear| ear.hearing.topic == number) {
                let seen = ear.view.lock().unwrap().check(&there);
                let seen = seen.map_err(|what| format!("{}: {what}", program.who()));
                world.history.verdict(seen);
            }
        }
    }
}

/// Everybody has gone: what is left?
async fn finish(world: &World, node: &Node) {
    world.history.verdict(node.empty(PATIENCE).await);
    sleep(Duration::from_secs(3)).await;
    world.history.verdict(world.sessions.lock().unwrap().check());
    for plan in &world.scenario.topics {
        if node.hub.counters(&plan.topic).is_some() {
            world.history.wrong(format_args!("the room of {} is never closed", plan.topic));
        }
        let listed = node.presence.list(&plan.topic).await.expect("it is in memory");
        if !matches!(&listed.members, Members::List(members) if members.is_empty()) {
            world.history.wrong(format_args!("{} is never left: {listed:?}", plan.topic));
        }
    }
    let truth = world.truth.lock().unwrap();
    world.history.verdict(world.fates.lock().unwrap().check(&truth));
    truth.wrong.iter().for_each(|what| world.history.wrong(what));
}
