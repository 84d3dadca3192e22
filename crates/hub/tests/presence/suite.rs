//! What every store of presence promises: the same tests for each implementor.
//!
//! `presence_suite!(make)` writes them all into a module; `make` is an expression that gives a new,
//! empty store with the default limits.

/// The suite.
#[macro_export]
macro_rules! presence_suite {
    ($make:expr) => {
        use $crate::stage::{Stage, named, who};

        #[tokio::test]
        async fn who_comes_and_says_farewell_is_told_of_once_each() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            assert_eq!(stage.told(), ["ada online since 0", "red + ada/desk"]);
            stage.come("red", "ada/desk").await;
            assert_eq!(stage.told(), [""; 0]);
            stage.wait(3).await;
            stage.farewell("ada/desk").await;
            assert_eq!(stage.told(), ["ada offline seen 3000", "red - ada/desk seen 3000"]);
            stage.farewell("ada/desk").await;
            stage.wait(200).await;
            assert_eq!(stage.told(), [""; 0]);
        }

        #[tokio::test]
        async fn a_session_that_returns_within_the_grace_was_never_away() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.come("blue", "ada/desk").await;
            let before = (stage.list("red").await, stage.list("blue").await, stage.told());
            stage.depart("ada/desk").await;
            stage.wait(9).await;
            assert_eq!(stage.members("red").await, ["ada/desk"]);
            assert_eq!(stage.status("ada").await, "online since 0");
            assert!(stage.renew("ada/desk").await);
            stage.wait(60).await;
            assert_eq!(stage.told(), [""; 0]);
            assert_eq!((stage.list("red").await, stage.list("blue").await), (before.0, before.1));
        }

        #[tokio::test]
        async fn a_session_that_flaps_for_hours_is_silent() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.told();
            for turn in 0..1_000 {
                stage.depart("ada/desk").await;
                stage.wait(turn % 10).await;
                match turn % 2 {
                    0 => assert!(stage.renew("ada/desk").await),
                    _ => stage.come("red", "ada/desk").await,
                }
                stage.wait(turn % 7).await;
            }
            assert_eq!(stage.told(), [""; 0]);
            assert_eq!(stage.members("red").await, ["ada/desk"]);
        }

        #[tokio::test]
        async fn whoever_does_not_return_leaves_once_after_the_grace() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.wait(5).await;
            stage.told();
            stage.depart("ada/desk").await;
            stage.wait(5).await;
            stage.depart("ada/desk").await;
            stage.wait(4).await;
            assert_eq!(stage.told(), [""; 0]);
            stage.wait(1).await;
            let mut told = stage.told();
            told.sort();
            assert_eq!(told, ["ada offline seen 5000", "red - ada/desk seen 5000"]);
            stage.wait(200).await;
            assert_eq!(stage.told(), [""; 0]);
            assert!(!stage.renew("ada/desk").await);
        }

        #[tokio::test]
        async fn a_farewell_within_the_grace_is_told_at_once_with_when_it_was_there() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.wait(1).await;
            stage.depart("ada/desk").await;
            stage.wait(4).await;
            stage.told();
            stage.farewell("ada/desk").await;
            assert_eq!(stage.told(), ["ada offline seen 1000", "red - ada/desk seen 1000"]);
            stage.wait(200).await;
            assert_eq!(stage.told(), [""; 0]);
        }

        #[tokio::test]
        async fn leaving_a_topic_leaves_only_that() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.come("blue", "ada/desk").await;
            stage.told();
            stage.leave("red", "ada/desk").await;
            stage.leave("red", "ada/desk").await;
            stage.leave("red", "bob/desk").await;
            assert_eq!(stage.told(), ["red - ada/desk seen 0"]);
            assert_eq!(stage.members("blue").await, ["ada/desk"]);
            assert!(stage.renew("ada/desk").await);
            stage.farewell("ada/desk").await;
            assert_eq!(stage.told(), ["ada offline seen 0", "blue - ada/desk seen 0"]);
        }

        #[tokio::test]
        async fn a_crash_leaves_no_ghost() {
            let stage = Stage::new($make).await;
            for name in ["ada/desk", "bob/desk", "eve/desk"] {
                stage.come("red", name).await;
                stage.come("blue", name).await;
            }
            stage.wait(25).await;
            assert!(stage.renew("ada/desk").await);
            assert!(stage.renew("bob/desk").await);
            assert!(stage.renew("eve/desk").await);
            stage.told();
            // The node of Ada and Bob dies; Eve's goes on.
            for _ in 0..3 {
                stage.wait(24).await;
                assert!(stage.renew("eve/desk").await);
            }
            assert_eq!(stage.told(), [""; 0]);
            stage.wait(3).await;
            let mut told = stage.told();
            told.sort();
            let left = ["ada offline seen 25000", "blue - ada/desk seen 25000"];
            let left = [left, ["blue - bob/desk seen 25000", "bob offline seen 25000"]].concat();
            let red = ["red - ada/desk seen 25000", "red - bob/desk seen 25000"];
            assert_eq!(told, [left, red.to_vec()].concat());
            assert_eq!(stage.members("red").await, ["eve/desk"]);
            assert_eq!(stage.status("ada").await, "offline seen 25000");
            stage.wait(40).await;
            assert_eq!(stage.told(), [""; 0]);
        }

        #[tokio::test]
        async fn whoever_comes_back_by_another_node_after_a_crash_is_online_throughout() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/old").await;
            stage.wait(3).await;
            stage.come("red", "ada/new").await;
            assert_eq!(stage.told(), ["ada online since 0", "red + ada/old", "red + ada/new"]);
            for _ in 0..4 {
                stage.wait(25).await;
                assert!(stage.renew("ada/new").await);
                assert_eq!(stage.status("ada").await, "online since 0");
            }
            assert_eq!(stage.told(), ["red - ada/old seen 0"]);
            assert_eq!(stage.members("red").await, ["ada/new"]);
        }

        #[tokio::test]
        async fn nobody_who_is_renewed_is_shown_offline() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.told();
            for _ in 0..500 {
                stage.wait(25).await;
                assert!(stage.renew("ada/desk").await);
            }
            assert_eq!(stage.told(), [""; 0]);
            assert_eq!(stage.status("ada").await, "online since 0");
            assert_eq!(stage.members("red").await, ["ada/desk"]);
        }

        #[tokio::test]
        async fn a_node_that_was_stopped_hears_that_its_sessions_have_to_come_again() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.wait(75).await;
            stage.told();
            assert!(!stage.renew("ada/desk").await);
            let refused = stage.join("red", "ada/desk").await.unwrap_err();
            assert_eq!(refused.to_string(), "the session is not there, or not any more");
            stage.come("red", "ada/desk").await;
            assert_eq!(stage.told(), ["ada online since 75000", "red + ada/desk"]);
            assert!(stage.renew("ada/desk").await);
        }

        #[tokio::test]
        async fn a_session_that_comes_again_after_its_lease_is_in_no_topic_yet() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.wait(75).await;
            stage.enter("ada/desk").await;
            assert!(stage.renew("ada/desk").await);
            assert_eq!(stage.members("red").await, [""; 0]);
        }

        #[tokio::test]
        async fn a_session_that_renews_before_others_expire_it_was_never_away() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.told();
            stage.now.set(1_000_000);
            assert!(stage.renew("ada/desk").await);
            stage.expire().await;
            assert_eq!(stage.told(), [""; 0]);
            assert_eq!(stage.members("red").await, ["ada/desk"]);
        }

        #[tokio::test]
        async fn a_session_that_returns_to_one_of_its_topics_has_left_the_other_one() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.come("blue", "ada/desk").await;
            stage.depart("ada/desk").await;
            stage.told();
            stage.come("red", "ada/desk").await;
            stage.wait(20).await;
            assert_eq!(stage.told(), ["blue - ada/desk seen 0"]);
            // It hears of that once.
            assert!(!stage.renew("ada/desk").await);
            stage.come("red", "ada/desk").await;
            assert!(stage.renew("ada/desk").await);
            assert_eq!(stage.told(), [""; 0]);
        }

        #[tokio::test]
        async fn what_a_member_says_about_itself_is_told_again_when_it_is_another_thing() {
            let stage = Stage::new($make).await;
            stage.enter("ada/desk").await;
            for info in ["typing", "typing", "reading"] {
                stage.join_as("red", "ada/desk", info).await;
            }
            let told = ["ada online since 0", "red + ada/desk", "red + ada/desk"];
            assert_eq!(stage.told(), told);
            assert_eq!(stage.members("red").await, ["ada/desk"]);
        }

        #[tokio::test]
        async fn a_user_is_away_when_all_sessions_are() {
            let stage = Stage::new($make).await;
            assert_eq!(stage.status("ada").await, "unknown");
            stage.enter("ada/desk").await;
            stage.enter("ada/phone").await;
            stage.wait(1).await;
            stage.away("ada/desk", true).await;
            assert_eq!(stage.status("ada").await, "online since 0");
            stage.wait(1).await;
            stage.away("ada/phone", true).await;
            stage.away("ada/phone", true).await;
            assert_eq!(stage.status("ada").await, "away since 2000");
            stage.wait(1).await;
            stage.away("ada/desk", false).await;
            let told = ["ada online since 0", "ada away since 2000", "ada online since 3000"];
            assert_eq!(stage.told(), told);
            stage.away("eve/desk", true).await;
            assert_eq!(stage.status("eve").await, "unknown");
        }

        #[tokio::test]
        async fn users_are_told_of_in_the_order_in_which_they_are_asked_for() {
            let stage = Stage::new($make).await;
            stage.enter("ada/desk").await;
            let names = ["eve", "ada"].map(|name| who(&format!("{name}/-")).user);
            let states = $crate::stage::Stage::new($make).await.presence.status(&names).await;
            assert!(states.unwrap().iter().all(|state| state.since.is_none()));
            let states = stage.presence.status(&names).await.unwrap();
            let since: Vec<_> = states.iter().map(|state| state.since).collect();
            assert_eq!(since, [None, Some(0)]);
        }

        #[tokio::test]
        async fn a_topic_that_nobody_follows_is_listed_and_not_told_of() {
            let stage = Stage::new($make).await;
            stage.presence.unfollow(&named("red"));
            stage.come("red", "ada/desk").await;
            stage.come("green", "ada/desk").await;
            stage.wait(5).await;
            assert_eq!(stage.told(), ["ada online since 0"]);
            assert_eq!(stage.members("green").await, ["ada/desk"]);
            stage.follow("green").await;
            stage.come("green", "bob/desk").await;
            assert_eq!(stage.told(), ["bob online since 5000", "green + bob/desk"]);
        }

        #[tokio::test]
        async fn versions_do_not_go_back_when_a_topic_was_empty() {
            let stage = Stage::new($make).await;
            let mut last = 0;
            for _ in 0..5 {
                stage.come("green", "ada/desk").await;
                let (version, members) = stage.list("green").await;
                assert!(version > last && members == ["ada/desk"]);
                stage.farewell("ada/desk").await;
                let (empty, members) = stage.list("green").await;
                assert!(empty > version && members.is_empty());
                last = empty;
            }
        }

        #[tokio::test]
        async fn counts_are_told_at_most_once_a_second_and_the_last_one_is_right() {
            let stage = Stage::new($make).await;
            stage.counts();
            for second in 0..10 {
                for n in 0..20 {
                    stage.come("red", &format!("user/{second}-{n}")).await;
                }
                stage.wait(1).await;
                let told = stage.counts();
                assert!(told.len() <= 2, "{told:?}");
            }
            stage.wait(1).await;
            stage.farewell("user/0-0").await;
            assert_eq!(stage.counts(), ["red: 199"]);
            stage.wait(60).await;
            assert_eq!(stage.counts().len(), 0);
        }

        #[tokio::test]
        async fn a_count_is_told_also_if_it_is_what_was_told_before() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            assert_eq!(stage.counts(), ["red: 1"]);
            stage.come("red", "bob/desk").await;
            // Whoever asks now hears of two, and has to hear that there is one again.
            stage.leave("red", "bob/desk").await;
            assert_eq!(stage.counts(), [""; 0]);
            stage.wait(1).await;
            assert_eq!(stage.counts(), ["red: 1"]);
        }

        #[tokio::test]
        async fn a_count_that_waits_is_not_told_of_a_topic_that_is_not_followed_any_more() {
            let stage = Stage::new($make).await;
            stage.come("red", "ada/desk").await;
            stage.come("red", "bob/desk").await;
            stage.presence.unfollow(&named("red"));
            assert_eq!(stage.counts(), ["red: 1"]);
            stage.wait(5).await;
            assert_eq!(stage.counts(), [""; 0]);
        }

        #[tokio::test]
        async fn whatever_happens_it_is_as_the_simplest_account_of_it() {
            for seed in 0..60 {
                $crate::model::play(seed, Stage::new($make).await).await;
            }
        }
    };
}
