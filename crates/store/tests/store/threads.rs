//! Many at once: appenders, readers, maintenance and a backup, and nothing is lost or stuck.

use std::sync::atomic::{AtomicBool, Ordering};

use vigie_store::Storage;

use crate::support::*;

#[test]
fn appenders_readers_and_maintenance_do_not_get_in_each_others_way() {
    const APPENDERS: i64 = 4;
    const EACH: i64 = 150;
    let dir = quick_folder();
    let (store, _) = open(dir.path(), T0 + 2 * HOUR);
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let (store, stop) = (&store, &stop);
        let appenders: Vec<_> = (0..APPENDERS)
            .map(|one| {
                threads.spawn(move || {
                    for n in 0..EACH {
                        let told = write(
                            store,
                            &format!("series_{one}"),
                            &[(T0 + n * MINUTE / 2, n as f64)],
                        );
                        assert_eq!(told.accepted, 1, "{told:?}");
                    }
                })
            })
            .collect();
        threads.spawn(move || {
            let mut now = T0 + 2 * HOUR;
            while !stop.load(Ordering::Relaxed) {
                // Heads are cut all the time, but nothing gets too old.
                now = (now + 10 * MINUTE).min(T0 + 20 * DAY);
                store.maintain(now).unwrap();
            }
        });
        threads.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for found in store.select(&[], ALL, 0).unwrap() {
                    let times = found.reader.read().unwrap().float_times;
                    let expected = (0..times.len() as i64).map(|n| T0 + n * MINUTE / 2);
                    assert!(times.iter().copied().eq(expected), "a gap, or out of order");
                }
                assert_eq!(store.status().refused.too_old, 0);
            }
        });
        for _ in 0..3 {
            let to = folder();
            store.backup(&to.path().join("backup")).unwrap();
        }
        appenders.into_iter().for_each(|one| one.join().unwrap());
        stop.store(true, Ordering::Relaxed);
    });
    for one in 0..APPENDERS {
        assert_eq!(read(&store, &format!("series_{one}")).len() as i64, EACH);
    }
}
