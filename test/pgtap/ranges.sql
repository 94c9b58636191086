-- Blocks that cannot hold what is asked for are not read, and nothing is missing for it.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT plan(13);

CREATE TABLE ranges_event (user_id text, at timestamptz, event text, properties jsonb);
INSERT INTO ranges_event
SELECT 'u' || n % 500, timestamptz '2026-01-01 00:00Z' + n * interval '2 minutes',
	(ARRAY['session_start', 'activation_complete', 'invite_sent', 'page_view'])[1 + n % 4],
	jsonb_build_object('invitee_email', 'p' || n || '@a.example', 'page_path', '/pricing', 'filler', repeat(md5(n::text), 8))
FROM generate_series(1, 60000) n;
INSERT INTO pql.trial (user_id, started_at)
SELECT 'u' || n, timestamptz '2026-01-01 00:00Z' + n * interval '4 hours' FROM generate_series(0, 499) n;
INSERT INTO pql.person (user_id, account_id) SELECT 'u' || n, 'a' || n FROM generate_series(0, 499) n;
INSERT INTO pql.account (account_id, employees) SELECT 'a' || n, n FROM generate_series(0, 499) n;
ANALYZE ranges_event;
SELECT pql.disconnect('events', 'pql.event') \g /dev/null
SELECT pql.connect('events', 'ranges_event', mapping => '{"occurred_at": "at"}') \g /dev/null

CREATE FUNCTION part() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT s::text FROM pql.score_all('trial', '2026-02-08', started_from => '2026-02-01', started_until => '2026-02-02') s
$$;
-- Blocks of a table that are looked up while the part is scored.
CREATE FUNCTION blocks_read(of_table regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint := pg_stat_get_xact_blocks_fetched(of_table);
BEGIN
	PERFORM part();
	RETURN pg_stat_get_xact_blocks_fetched(of_table) - before;
END
$$;
CREATE FUNCTION blocks_of(of_table regclass) RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_relation_size(of_table) / current_setting('block_size')::bigint
$$;

CREATE TEMP TABLE whole AS SELECT part() AS line;
SELECT isnt_empty('TABLE whole', 'there is something to compare');
SELECT isnt_empty($$SELECT FROM whole WHERE line LIKE '%invites%'$$, 'and signals are met in it');
SELECT cmp_ok(blocks_read('ranges_event'), '>=', blocks_of('ranges_event'), 'without an index everything is read');

CREATE INDEX by_range ON ranges_event USING brin (at) WITH (pages_per_range = 16);
SELECT bag_eq('SELECT part()', 'TABLE whole', 'the same with a block range index');
SELECT cmp_ok(blocks_read('ranges_event'), '<', blocks_of('ranges_event') / 2, 'which leaves most blocks out');
DROP INDEX by_range;

CREATE INDEX by_time ON ranges_event (at);
SELECT bag_eq('SELECT part()', 'TABLE whole', 'the same with a btree');
SELECT cmp_ok(blocks_read('ranges_event'), '<', blocks_of('ranges_event') / 2, 'which leaves most blocks out');
DROP INDEX by_time;

CREATE INDEX by_time ON ranges_event (at) WHERE event <> 'invite_sent';
SELECT bag_eq('SELECT part()', 'TABLE whole', 'an index over some of the rows is not asked');
DROP INDEX by_time;

-- times without a zone, far from UTC
ALTER TABLE ranges_event ADD COLUMN local timestamp;
UPDATE ranges_event SET local = at AT TIME ZONE 'Pacific/Kiritimati';
CREATE INDEX by_range ON ranges_event USING brin (local) WITH (pages_per_range = 16);
SELECT pql.connect('events', 'ranges_event', mapping => '{"occurred_at": "local", "timezone": "Pacific/Kiritimati"}') \g /dev/null
SELECT bag_eq('SELECT part()', 'TABLE whole', 'the same by local times');
SELECT cmp_ok(blocks_read('ranges_event'), '<', blocks_of('ranges_event') * 2 / 3, 'which leave blocks out, too');

-- partitions: one before, one that has what is asked for, one after
CREATE TABLE ranges_parted (user_id text, at timestamptz, event text, properties jsonb) PARTITION BY RANGE (at);
CREATE TABLE ranges_january PARTITION OF ranges_parted FOR VALUES FROM ('2026-01-01 00:00Z') TO ('2026-02-01 00:00Z');
CREATE TABLE ranges_february PARTITION OF ranges_parted FOR VALUES FROM ('2026-02-01 00:00Z') TO ('2026-03-01 00:00Z');
CREATE TABLE ranges_later PARTITION OF ranges_parted FOR VALUES FROM ('2026-03-01 00:00Z') TO ('2027-03-01 00:00Z');
INSERT INTO ranges_parted SELECT user_id, at, event, properties FROM ranges_event;
SELECT pql.disconnect('events', 'ranges_event') \g /dev/null
SELECT pql.connect('events', 'ranges_parted', mapping => '{"occurred_at": "at"}') \g /dev/null
SELECT bag_eq('SELECT part()', 'TABLE whole', 'the same from partitions');
SELECT is(blocks_read('ranges_january'), 0::bigint, 'a partition whose bounds lie before is not read');
SELECT is(blocks_read('ranges_later'), 0::bigint, 'nor one whose bounds lie after');

SELECT finish();
ROLLBACK;
