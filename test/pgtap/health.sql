-- pql.health: one look at refresh, marks, schedule and sources.
--
--   pg_prove -d DB test/pgtap/health.sql

BEGIN;
\ir lib/transaction.sql

CREATE SCHEMA app;

CREATE FUNCTION t.health(of_check text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT h.status || ' ' || h.found FROM pql.health() h WHERE h.check_name = of_check $$;

SELECT is(t.health('refresh'), 'none there was none', 'before the first refresh');
SELECT is(t.health('marks'), 'ok none', 'nothing waits');
SELECT is(t.health('source pql.event'), 'ok trigger', 'the own table is watched');
SELECT matches(t.health('schedule'), '^none not by pg_cron$', 'nothing is scheduled');
SELECT is((SELECT count(*) FROM pql.health() h WHERE h.status IN ('none', 'error', 'warn') AND h.hint IS NULL), 0::bigint, 'what is not ok says what to do');

INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('a', '2026-03-02', 'x');
SELECT matches(t.health('marks'), '^ok 1, the oldest of 00:00:0\d ago$', 'an event waits');
UPDATE pql.change SET logged_at = logged_at - interval '20 minutes';
SELECT matches(t.health('marks'), '^warn 1, the oldest of 00:20:0\d ago$', 'for too long');
SELECT users FROM pql.refresh_batch('2026-03-03') \g /dev/null
SELECT is(t.health('refresh'), 'ok as of 2026-03-03 00:00:00+00', 'a refresh');
SELECT is(t.health('marks'), 'ok none', 'judged it');
UPDATE pql.run SET error = 'something';
SELECT is(t.health('refresh'), 'error as of 2026-03-03 00:00:00+00: something', 'what went wrong is told');

-- the sales motion
SELECT is(t.health('routing'), 'none no model routes leads', 'routing is off');
SELECT pql.start_routing('trial') \g /dev/null
SELECT is(t.health('routing'), 'warn trial to 0 active reps', 'without reps it leads nowhere');
INSERT INTO pql.rep (email) VALUES ('ann@sales.example');
SELECT is(t.health('routing'), 'ok trial to 1 active reps', 'with one it does');
SELECT pql.pause('enough') \g /dev/null
SELECT is(t.health('routing'), 'warn trial to 1 active reps; paused: enough', 'a pause is told');
SELECT pql.resume() \g /dev/null
SELECT is(t.health('alerts'), 'ok 0 wait', 'nothing is to be delivered');
SELECT pql.post_alert('note', 'k', NULL, '{"text": "x"}', clock_timestamp() - interval '20 minutes') \g /dev/null
SELECT matches(t.health('alerts'), '^warn 1 wait, the oldest for 00:20:0\d$', 'nobody delivers');
UPDATE pql.alert SET failed_at = clock_timestamp();
SELECT is(t.health('alerts'), 'error 0 wait, 1 were given up', 'or it could not be');
SELECT is(t.health('activities'), NULL, 'nothing comes from a CRM');
INSERT INTO pql.pilot (pilot, model, started_at) VALUES ('now', 'trial', now() - interval '1 day'), ('then', 'trial', now() - interval '60 days');
SELECT matches(t.health('pilot now'), '^ok until \d{4}-\d\d-\d\d$', 'a pilot that runs');
SELECT is(t.health('pilot then'), NULL, 'and none that is over');
INSERT INTO pql.pilot_breach (pilot, metric, since, noted_at, rule, done) VALUES ('now', 'demand_per_rep', now(), now(), 'too many', 'told');
SELECT matches(t.health('pilot now'), '^warn until \S+; in breach: demand_per_rep$', 'one that is in breach');
INSERT INTO pql.activity (activity_id, refused) VALUES ('1', 'no');
SELECT is(t.health('activities'), 'warn 0 applied, 1 refused', 'what cannot be applied is counted');

CREATE TABLE app.events (user_id text, occurred_at timestamptz, event text);
CREATE VIEW app.seen AS SELECT * FROM app.events;
SELECT count(*) FROM pql.connect('events', 'app.events') \g /dev/null
SELECT count(*) FROM pql.connect('events', 'app.seen') \g /dev/null
SELECT is(t.health('source app.events'), 'ok trigger', 'a table that is watched');
SELECT is(t.health('source app.seen'), 'none manual', 'a view that is not');
ALTER TABLE app.events DISABLE TRIGGER pql_events_update;
SELECT is(t.health('source app.events'), 'error changes of app.events are not noticed', 'a trigger that is disabled');
DROP VIEW app.seen;
SELECT is(t.health('source app.seen'), 'error source app.seen is not there', 'a view that is gone');
INSERT INTO pql.change (user_id, since, waits_for) VALUES ('a', 'infinity', 'app.seen');
SELECT matches(t.health('marks'), '^error .* 1 wait for a source that cannot be read$', 'and who waits for it');

SELECT pql.disconnect('events', s.relation) FROM pql.sources s WHERE s.relation <> 'app.seen' \g /dev/null
SELECT is(t.health('source app.seen'), 'error source app.seen is not there', 'of one source alone, too');

SELECT * FROM finish();
ROLLBACK;
