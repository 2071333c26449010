//! What one client does costs what it sends: nothing here grows with the square of it.

use sealmq_broker::{ClientId, GroupTable, Member, Presence, ShardId};
use sealmq_mqtt::QoS;
use std::{fs, time::Duration};

/// Ten times as many may not cost more than forty times the time: quadratic would be a hundred times.
fn assert_linear(run: impl Fn(usize), few: usize) {
    let time = |count: usize| {
        let one = || {
            let start = processor_time();
            run(count);
            processor_time() - start
        };
        (0..5).map(|_| one()).min().unwrap_or(Duration::MAX)
    };
    let (short, long) = (time(few), time(few * 10));
    assert!(long <= short * 40 + CLOCK_ROUGH, "{few}: {short:?}, {}: {long:?}", few * 10);
}

/// The kernel looks at its clock only now and then.
const CLOCK_ROUGH: Duration = Duration::from_millis(100);

/// What this thread has used, whatever else the machine does: sched-stats of the kernel; zero where it keeps none.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

#[test]
fn thousands_of_groups_of_one_filter_are_joined_marked_and_left_in_linear_time() {
    let member = Member {
        shard: ShardId::new(0).unwrap(),
        client: ClientId::parse("c").unwrap(),
        qos: QoS::AtMostOnce,
        presence: Presence::Online,
    };
    let joined_and_left = |count: usize| {
        let mut table = GroupTable::new(count);
        let names: Vec<String> = (0..count).map(|number| format!("group{number}")).collect();
        for name in &names {
            table.join(name, "t", member.clone()).unwrap();
        }
        for name in &names {
            table.presence(name, "t", &member.client, Presence::Offline);
        }
        let mut picks = Vec::new();
        table.pick("t", QoS::AtLeastOnce, &mut picks);
        table.pick("t", QoS::AtMostOnce, &mut picks);
        assert!(picks.is_empty(), "at QoS 0 who is away is passed by");
        for name in &names {
            table.leave(name, "t", &member.client);
        }
        assert_eq!(table.members(), 0);
    };
    assert_linear(joined_and_left, 1_000);
}
