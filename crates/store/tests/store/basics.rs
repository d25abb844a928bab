use vigie_store::{
    AppendError, Hints, MatchOp, Matcher, Metadata, OpenError, ReadError, STALE_BITS, Storage,
    Store, StoreOptions, Stretch, TimeRange, Value, Windows,
};

use crate::support::*;

#[test]
fn what_is_written_is_read_at_once_after_a_start_and_from_a_block() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0);
    let odd = [
        1.0,
        0.1 + 0.2,
        -0.0,
        f64::from_bits(0x7ff8_0000_dead_beef),
        f64::from_bits(STALE_BITS),
        f64::INFINITY,
    ];
    let samples: Vec<(i64, f64)> =
        (0..).zip(odd).map(|(n, value)| (T0 + n * 10 * SECOND, value)).collect();
    assert_eq!(write(&store, "up", &samples).accepted, 6);
    let handle = series(&store, "latency");
    let of_histograms = (0..5).map(|n| vigie_store::Sample {
        series: handle,
        time: T0 + i64::from(n) * MINUTE,
        value: Value::Histogram(histogram(n + 5)),
    });
    store.append_wait(of_histograms.collect()).unwrap();
    let check = |store: &Store| {
        let bits =
            |all: &[(i64, f64)]| all.iter().map(|one| (one.0, one.1.to_bits())).collect::<Vec<_>>();
        assert_eq!(bits(&floats(&read(store, "up"))), bits(&samples));
        let found = read(store, "latency");
        assert_eq!(found.histogram_times.len(), 5);
        assert_eq!(found.histograms[2], histogram(7));
    };
    check(&store);
    drop(store);
    let (store, recovery) = open(dir.path(), T0);
    assert_eq!((recovery.replayed, recovery.series), (11, 2));
    assert!(recovery.damaged.is_empty() && recovery.torn_bytes == 0, "{recovery:?}");
    check(&store);
    settle(&store, T0 + HOUR);
    let status = store.status();
    assert_eq!((status.blocks, status.head_samples, status.block_samples), (1, 0, 11));
    check(&store);
    store.close();
    let (store, recovery) = open(dir.path(), T0 + HOUR);
    assert_eq!((recovery.replayed, recovery.blocks), (0, 1));
    check(&store);
}

#[test]
fn the_newest_sample_alone_is_the_last_of_all() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0 + HOUR);
    let check = |store: &Store| {
        for name in ["steady", "late", "changed", "ended"] {
            for end in [20, 40, 55, 85, 90].map(|minutes| T0 + minutes * MINUTE) {
                let range = TimeRange { start: end - 30 * MINUTE, end };
                let all = floats(&read_in(store, name, range, 0));
                let hints = Hints { newest: true, ..Hints::default() };
                let found = store.select_for(&named(name), range, hints).unwrap();
                let newest = found.first().map(|one| one.reader.read().unwrap());
                let newest = newest.map(|one| floats(&one)).unwrap_or_default();
                assert_eq!(newest.last(), all.last(), "{name} until {end}");
            }
        }
    };
    let steady = |from: i64, to: i64| -> Vec<(i64, f64)> {
        (from..to).map(|minute| (T0 + minute * MINUTE, minute as f64)).collect()
    };
    for name in ["steady", "late", "changed", "ended"] {
        write(&store, name, &steady(30, 50));
    }
    check(&store);
    settle(&store, T0 + HOUR + 30 * MINUTE);
    check(&store);
    let newest = |store: &Store, name: &str| {
        let range = TimeRange { start: T0, end: T0 + 90 * MINUTE };
        let hints = Hints { newest: true, ..Hints::default() };
        floats(&store.select_for(&named(name), range, hints).unwrap()[0].reader.read().unwrap())
    };
    assert_eq!(newest(&store, "ended"), [(T0 + 49 * MINUTE, 49.0)], "the block is not read");
    for name in ["steady", "late", "changed"] {
        write(&store, name, &steady(70, 80));
    }
    write(&store, "late", &[(T0 + 52 * MINUTE, 1.5), (T0 + 45 * MINUTE + 1, 2.5)]);
    let sample = vigie_store::Sample {
        series: series(&store, "changed"),
        time: T0 + 81 * MINUTE,
        value: Value::Histogram(histogram(7)),
    };
    store.append_wait(vec![sample]).unwrap();
    check(&store);
    assert_eq!(
        newest(&store, "steady"),
        [(T0 + 79 * MINUTE, 79.0)],
        "known without what is before"
    );
    drop(store);
    let (store, _) = open(dir.path(), T0 + 90 * MINUTE);
    check(&store);
    // A head that has forgotten the newest one takes what is older for something new.
    settle(&store, T0 + 3 * HOUR);
    settle(&store, T0 + 5 * HOUR);
    write(&store, "ended", &[(T0 + 48 * MINUTE + 1, 48.5)]);
    check(&store);
    settle(&store, T0 + 5 * HOUR + 30 * MINUTE);
    check(&store);
    drop(store);
    let (store, _) = open(dir.path(), T0 + 5 * HOUR + 30 * MINUTE);
    write(&store, "steady", &[(T0 + 60 * MINUTE, 60.0)]);
    check(&store);
}

#[test]
fn out_of_order_samples_are_read_in_order_from_head_and_block() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0 + HOUR);
    let told = write(
        &store,
        "a",
        &[
            (T0 + 50 * MINUTE, 5.0),
            (T0 + 30 * MINUTE, 3.0),
            (T0 + 40 * MINUTE, 4.0),
            (T0 - 11 * MINUTE, 1.0),
        ],
    );
    assert_eq!((told.accepted, told.out_of_order, told.too_old), (3, 2, 1));
    let expected = [(T0 + 30 * MINUTE, 3.0), (T0 + 40 * MINUTE, 4.0), (T0 + 50 * MINUTE, 5.0)];
    assert_eq!(floats(&read(&store, "a")), expected);
    settle(&store, T0 + HOUR + 30 * MINUTE);
    assert_eq!(store.status().head_samples, 0);
    // Late, between and beside what is in a block; the value that was first at its time stays.
    let told = write(
        &store,
        "a",
        &[(T0 + 45 * MINUTE, 4.5), (T0 + 40 * MINUTE, 9.0), (T0 + 70 * MINUTE, 7.0)],
    );
    assert_eq!((told.accepted, told.out_of_order), (3, 2));
    let expected =
        [&expected[..2], &[(T0 + 45 * MINUTE, 4.5)], &expected[2..], &[(T0 + 70 * MINUTE, 7.0)]]
            .concat();
    assert_eq!(floats(&read(&store, "a")), expected);
    drop(store);
    let (store, _) = open(dir.path(), T0 + 2 * HOUR);
    assert_eq!(floats(&read(&store, "a")), expected);
    settle(&store, T0 + 2 * HOUR);
    settle(&store, T0 + 8 * HOUR);
    let status = store.status();
    assert_eq!((status.blocks, status.head_samples), (1, 0), "merged");
    assert_eq!(floats(&read(&store, "a")), expected);
    assert_eq!(store.status().refused.too_old, 0, "counts are of this start");
}

#[test]
fn repetitions_are_accepted_and_conflicts_refused() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0);
    write(&store, "a", &[(T0, 1.0), (T0 + 1, 2.0)]);
    let told = write(&store, "a", &[(T0, 1.0), (T0 + 1, 2.0), (T0, 3.0), (T0 + 1, 4.0)]);
    assert_eq!((told.accepted, told.repeated, told.duplicates), (2, 2, 2));
    assert_eq!(floats(&read(&store, "a")), [(T0, 1.0), (T0 + 1, 2.0)]);
    let told = write(&store, "a", &[(T0 + HOUR, 1.0), (T0 - 31 * DAY, 1.0)]);
    assert_eq!((told.too_new, told.too_old, told.accepted), (1, 1, 0));
    let refused = store.status().refused;
    assert_eq!((refused.duplicates, refused.too_new, refused.too_old), (2, 1, 1));
}

#[test]
fn limits_are_named_and_counted() {
    let dir = folder();
    let options = StoreOptions { max_series: 2, max_labels: 3, ..StoreOptions::new(dir.path()) };
    let (store, _) = Store::open(options, T0).unwrap();
    series(&store, "a");
    series(&store, "b");
    assert_eq!(store.series(&labels("c", &[])), Err(AppendError::TooManySeries { limit: 2 }));
    assert!(store.series(&labels("a", &[])).is_ok(), "a known one is no new one");
    let many = labels("a", &[("b", "1"), ("c", "1"), ("d", "1")]);
    assert_eq!(store.series(&many), Err(AppendError::TooManyLabels { found: 4, limit: 3 }));
    let long = "x".repeat(70_000);
    let error = store.series(&labels("a", &[("b", &long)])).unwrap_err().to_string();
    assert!(error.contains("the limit is 4096") && error.len() < 200, "{error}");
    assert!(store.series(&labels("a", &[(&long, "b")])).unwrap_err().to_string().len() < 300);
    let refused = store.status().refused;
    assert_eq!((refused.series_limit, refused.label_limit), (1, 3));
}

#[test]
fn a_selection_stays_as_it_was() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0);
    write(&store, "a", &[(T0 + 2, 1.0)]);
    let found = store.select(&named("a"), ALL, 0).unwrap();
    write(&store, "a", &[(T0 + 3, 2.0), (T0 + 1, 0.0)]);
    assert_eq!(floats(&found[0].reader.read().unwrap()), [(T0 + 2, 1.0)]);
    settle(&store, T0 + HOUR);
    assert_eq!(floats(&found[0].reader.read().unwrap()), [(T0 + 2, 1.0)]);
    assert_eq!(read(&store, "a").len(), 3);
}

#[test]
fn series_and_labels_within_a_range() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0 + HOUR);
    for (name, queue, time) in [("b", "x", T0), ("a", "y", T0), ("a", "x", T0 + HOUR)] {
        let series = store.series(&labels(name, &[("queue", queue)])).unwrap();
        store.append_wait(vec![float(series, time, 1.0)]).unwrap();
    }
    let range = |start, end| TimeRange { start, end };
    let all = Storage::series(&store, &[], ALL).unwrap();
    let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [r#"a{queue="x"}"#, r#"a{queue="y"}"#, r#"b{queue="x"}"#]);
    assert_eq!(store.label_names(&[], ALL).unwrap(), ["__name__", "queue"]);
    assert_eq!(store.label_values("queue", &named("a"), ALL).unwrap(), ["x", "y"]);
    assert_eq!(store.label_values("queue", &[], range(T0 + 1, T0 + HOUR)).unwrap(), ["x"]);
}

#[test]
fn a_second_process_and_a_newer_format_are_refused() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0);
    let again = Store::open(StoreOptions::new(dir.path()), T0).err().unwrap();
    assert!(matches!(again, OpenError::Locked(_)), "{again}");
    store.close();
    std::fs::write(dir.path().join("format"), "vigie-store 5\n").unwrap();
    let newer = Store::open(StoreOptions::new(dir.path()), T0).err().unwrap();
    assert!(
        newer.to_string().contains("has format 5, this Vigie knows formats up to 4"),
        "{newer}"
    );
    std::fs::write(dir.path().join("format"), "something\n").unwrap();
    let refused =
        || matches!(Store::open(StoreOptions::new(dir.path()), T0), Err(OpenError::Format(_)));
    assert!(refused());
    // What is left of a copy, without the files that say what it is.
    std::fs::write(dir.path().join("wal/00000001.log"), "").unwrap();
    for file in ["format", "registry"] {
        std::fs::remove_file(dir.path().join(file)).unwrap();
        assert!(refused(), "without {file}");
    }
}

#[test]
fn metadata_comes_back() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0);
    let up =
        Metadata { kind: "gauge".into(), unit: String::new(), help: "Whether it is up.".into() };
    store.metadata_set("up", Metadata::default());
    store.metadata_set("up", up.clone());
    write(&store, "up", &[(T0, 1.0)]);
    assert_eq!(store.metadata()["up"], up);
    store.close();
    let (store, _) = open(dir.path(), T0);
    assert_eq!(store.metadata()["up"], up);
}

#[test]
fn a_long_series_is_read_from_any_time_and_what_is_sent_again_is_known() {
    const COUNT: i64 = 20_000;
    let dir = quick_folder();
    let (store, _) = open(dir.path(), T0 + HOUR);
    let handle = series(&store, "long");
    let value =
        |n: i64| if n % 700 < 3 { f64::from(n as i32) / 3.0 } else { (n % 1000) as f64 / 10.0 };
    let all =
        || (0..COUNT).map(|n| float(handle, T0 + n * 100 + n % 3, value(n))).collect::<Vec<_>>();
    store.append_wait(all()).unwrap();
    // Sent again in one piece: each is looked up, and none by reading all that is there.
    let again = store.append_wait(all()).unwrap();
    assert_eq!((again.repeated as i64, again.refused()), (COUNT, 0));
    let other = vec![
        float(handle, T0 + 511 * 100 + 1, -1.0),
        float(handle, T0 + 512 * 100 + 1, value(512)),
    ];
    let told = store.append_wait(other).unwrap();
    assert_eq!((told.duplicates, told.out_of_order + told.repeated), (1, 1));
    for from in [0, 1, 510, 511, 512, 513, 1023, 1024, 1025, 9_999, COUNT - 1] {
        let range = TimeRange { start: T0 + from * 100 + from % 3, end: T0 + (from + 3) * 100 };
        let found = floats(&read_in(&store, "long", range, 0));
        let expected: Vec<_> = (from..COUNT)
            .map(|n| (T0 + n * 100 + n % 3, value(n)))
            .filter(|one| one.0 <= range.end)
            .collect();
        let found: Vec<_> = found.into_iter().filter(|one| one.0 != T0 + 512 * 100 + 1).collect();
        assert_eq!(found, expected, "{from}");
    }
}

#[test]
fn a_head_with_many_samples_becomes_blocks_early() {
    let dir = quick_folder();
    let options = StoreOptions { head_samples: 1_000, ..StoreOptions::new(dir.path()) };
    let (store, _) = Store::open(options, T0 + DAY).unwrap();
    for hour in 0..24 {
        let samples: Vec<_> =
            (0..300).map(|n| (T0 + hour * HOUR + n * 12 * SECOND, n as f64)).collect();
        write(&store, "pushed", &samples);
        settle(&store, T0 + DAY);
        assert!(store.status().head_samples < 1_300, "{:?}", store.status());
    }
    assert!(store.status().blocks > 0);
    assert_eq!(read(&store, "pushed").len(), 24 * 300);
}

#[test]
fn series_with_the_same_values_take_the_bytes_of_one() {
    let value = |n: i64| (n * n * 7919 % 10_007) as f64;
    let bytes = |count: usize| {
        let dir = folder();
        let (store, _) = open(dir.path(), T0);
        let names: Vec<String> = (0..count).map(|one| format!("series_{one}")).collect();
        let samples: Vec<(i64, f64)> = (0..400).map(|n| (T0 + n * SECOND, value(n))).collect();
        for name in &names {
            write(&store, name, &samples);
        }
        settle(&store, T0 + HOUR);
        names.iter().for_each(|name| assert_eq!(floats(&read(&store, name)), samples, "{name}"));
        store.status().block_bytes
    };
    let (one, many) = (bytes(1), bytes(20));
    assert!(one > 600 && many < one + 20 * 16, "{one} of one, {many} of 20");
}

#[test]
fn times_at_the_ends_of_the_world_are_refused_and_counted() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0);
    write(&store, "a", &[(T0, 1.0)]);
    let told = write(&store, "a", &[(i64::MIN, 2.0), (i64::MAX, 3.0), (-1, 4.0), (0, 5.0)]);
    assert_eq!((told.accepted, told.too_old, told.too_new), (0, 3, 1));
    settle(&store, T0 + HOUR);
    assert_eq!(floats(&read(&store, "a")), [(T0, 1.0)]);
}

#[test]
fn at_once_is_answered_what_is_little_and_in_memory() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0 + 3 * HOUR);
    let at = |minute: i64| (T0 + minute * MINUTE, minute as f64);
    // Half of it in a block.
    write(&store, "a", &(0..90).map(at).collect::<Vec<_>>());
    settle(&store, T0 + 3 * HOUR);
    write(&store, "a", &(150..180).map(at).collect::<Vec<_>>());
    for n in 0..100 {
        write(&store, &format!("other_{n}"), &[at(179)]);
    }
    let ask = |matchers: &[Matcher], at_once| {
        let hints = Hints { at_once: Some(at_once), ..Hints::default() };
        let found = store.select_for(matchers, ALL, hints)?;
        found.iter().map(|one| one.reader.read()).collect::<Result<Vec<_>, _>>()
    };
    let found = ask(&named("a"), Hints::SERIES + 120).unwrap();
    assert_eq!(floats(&found[0]), floats(&read(&store, "a")));
    let any = |op, value| vec![Matcher::new("__name__", op, value).unwrap()];
    for (matchers, at_once) in [
        (named("a"), Hints::SERIES - 1),
        // A part of the samples is too much already.
        (named("a"), Hints::SERIES + 80),
        (any(MatchOp::NotEqual, ""), 100 * Hints::SERIES),
        // All values must be looked at.
        (any(MatchOp::Regex, "a"), 1 << 40),
    ] {
        let asked = ask(&matchers, at_once);
        assert_eq!(asked.err(), Some(ReadError::NotAtOnce), "{matchers:?}, {at_once}");
    }
    assert_eq!(ask(&any(MatchOp::NotEqual, ""), 1 << 20).unwrap().len(), 101);
}

#[test]
fn between_windows_nothing_is_read() {
    let dir = quick_folder();
    let (store, _) = open(dir.path(), T0);
    // A sample each 5 s for a day and a half: twelve chunks in the block of the first day, others in several, and a head.
    let all: Vec<(i64, f64)> =
        (0..36 * HOUR / (5 * SECOND)).map(|n| (T0 + n * 5 * SECOND, n as f64)).collect();
    for part in all.chunks(360) {
        settle(&store, part[part.len() - 1].0);
        assert_eq!(write(&store, "often", part).accepted, part.len());
    }
    assert!(store.status().blocks > 3 && store.status().head_samples > 0, "{:?}", store.status());
    let (start, end) = (T0 + 90 * MINUTE, T0 + 36 * HOUR);
    let (step, width) = (11 * HOUR, 5 * MINUTE);
    let range = TimeRange { start: start - width + 1, end };
    for stretch in [Stretch::Standing, Stretch::Last, Stretch::Line, Stretch::Max, Stretch::Sum] {
        let windows = Some(Windows { end: start, step, width });
        let hints = Hints { step: width, stretch, windows, ..Hints::default() };
        let found = store.select_for(&named("often"), range, hints).unwrap();
        let found = floats(&found[0].reader.read().unwrap());
        assert!(found.len() * 2 < all.len(), "{stretch:?} reads {}", found.len());
        for end in (start..=end).step_by(step as usize) {
            let within = |one: &&(i64, f64)| one.0 > end - width && one.0 <= end;
            let (found, all) = (found.iter().filter(within), all.iter().filter(within));
            assert!(found.eq(all), "{stretch:?} at {end}");
        }
    }
}
