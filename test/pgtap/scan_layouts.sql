-- Event tables of random shape, read page by page, against the executor: the same verdicts, whatever
-- the order, types, ages and storage of columns, and whatever was updated, deleted, rolled back, vacuumed or partitioned.
--
--   pg_prove -d DB test/pgtap/scan_layouts.sql
--   pg_prove -d DB --set seed=7 --set datasets=500 test/pgtap/scan_layouts.sql
--   pg_prove -d DB --set only=31 --set keep=1 test/pgtap/scan_layouts.sql
--
-- The last one tries one data set and leaves it, in the database pql_scan_layouts, for a closer look.
--
-- Every data set has one to three sources. Each occasion compares five paths, over all columns of the answer: plain SQL
-- (oracle.plain_score), the scan in one process, with workers, in many passes, and the aggregate. One occasion is in the
-- middle of a transaction that has changed the tables. VACUUM runs in no transaction, so the test has a database of its own.

\if :{?seed}
\else
	\set seed 1
\endif
\if :{?datasets}
\else
	\set datasets 9
\endif
\if :{?only}
	\set first :only
	\set datasets 1
\else
	\set first 1
\endif
\if :{?keep}
\else
	\set keep 0
\endif

SET client_min_messages = warning;
\set back :DBNAME
DROP DATABASE IF EXISTS pql_scan_layouts;
CREATE DATABASE pql_scan_layouts TEMPLATE template0;
\c pql_scan_layouts
SET client_min_messages = warning;
SET statement_timeout = '60s';
SET jit = off;
SET search_path = public, pg_catalog;
CREATE EXTENSION pql;
CREATE EXTENSION pgtap;
CREATE SCHEMA oracle;
\ir ../oracle/plain_score.sql
CREATE SCHEMA layout;

-- Everything a column of properties can get wrong is counted, added up, compared and told apart by this one. As judged with
-- detail, it prints numbers up to its thresholds.
SELECT pql.put_model($${
	"model": "layout", "unit": "user",
	"events": {"any": ["activation_complete", "invite_sent", "feature_used", "page_view", "session_start"],
	           "paid": {"event": "feature_used", "where": {"premium": true}}},
	"signals": [
		{"signal": "amounts", "distinct": "amount", "of": "any", "at_least": 60, "points": 1, "says": "{value}"},
		{"signal": "total", "sum": "amount", "of": "any", "window": "trial", "at_least": 1e30, "points": 1, "says": "{value}"},
		{"signal": "largest", "max": "amount", "of": "any", "window": "trial", "at_least": 1e30, "points": 1, "says": "{value}"},
		{"signal": "latest", "latest": "amount", "of": "any", "window": "trial", "at_least": 1e30, "points": 1, "says": "{value}"},
		{"signal": "more_than_one", "count": "any", "where": {"amount": {"more_than": 1}}, "at_least": 60, "points": 1, "says": "{value}"},
		{"signal": "emails", "distinct": "invitee_email", "of": "any", "at_least": 60, "points": 1, "says": "{value}"},
		{"signal": "features", "distinct": "feature", "of": "any", "at_least": 60, "points": 1, "says": "{value}"},
		{"signal": "plans", "distinct": "context.plan", "of": "*", "at_least": 60, "points": 1, "says": "{value}"},
		{"signal": "seats", "sum": "context.seats.n", "of": "*", "window": "trial", "at_least": 1e30, "points": 1, "says": "{value}"},
		{"signal": "paths", "count": "any", "where": {"page_path": {"under": "/pricing"}}, "at_least": 60, "points": 1, "says": "{value}"},
		{"signal": "paid", "count": "paid", "at_least": 1, "points": 5, "says": "{value}"},
		{"signal": "known", "count": "any", "where": {"team": {"exists": true}}, "at_least": 2, "points": 5, "says": "{value}"}
	],
	"qualify": {"score": {"at_least": 5}},
	"tiers": [{"tier": "some", "when": {"score": {"at_least": 5}}}]
}$$) AS ignored \gset


-- Dice

CREATE FUNCTION layout.chance(p float8) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT random() < p $$;
CREATE FUNCTION layout.dice(low int, high int) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT low + floor(random() * (high - low + 1))::int $$;
CREATE FUNCTION layout.pick(VARIADIC options text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT options[layout.dice(1, cardinality(options))] $$;
CREATE FUNCTION layout.shuffle(items text[]) RETURNS text[] LANGUAGE sql VOLATILE AS $$ SELECT coalesce(array_agg(i ORDER BY random()), '{}') FROM unnest(items) i $$;

-- An expression that draws one of these at each row: literals of a type.
CREATE FUNCTION layout.draw(type text, literals text[], nulls float8) RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT format('CASE WHEN random() >= %s THEN (%L::text[])[1 + floor(random() * %s)::int]::%s END', nulls, literals, cardinality(literals), type)
$$;


-- Who

-- The id of user u in a column of that type. As text: empty, of 15, 16 and 17 bytes, with the same first 16, longer than a
-- short varlena holds, long enough to be compressed or stored out of line, in several bytes a letter, with blanks.
CREATE FUNCTION layout.key(type text, u int) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN type = 'uuid' THEN md5('u' || u)
		WHEN type = 'bigint' THEN CASE u % 4 WHEN 0 THEN u WHEN 1 THEN -u WHEN 2 THEN 9007199254740992 + u ELSE 9223372036854775807 - u END::text
		WHEN type = 'int' THEN CASE u % 3 WHEN 0 THEN u WHEN 1 THEN -2147483648 + u ELSE 2147483647 - u END::text
		WHEN type = 'smallint' THEN CASE u % 3 WHEN 0 THEN u WHEN 1 THEN -32768 + u ELSE 32767 - u END::text
		WHEN u = 1 THEN ''
		ELSE CASE u % 13
			WHEN 1 THEN lpad(u::text, 15, 'k')
			WHEN 2 THEN lpad(u::text, 16, 'k')
			WHEN 3 THEN lpad(u::text, 17, 'k')
			WHEN 4 THEN 'the_first_sixteen_are_the_same_' || u
			WHEN 5 THEN repeat('x', 130) || u
			WHEN 6 THEN 'ü ' || u || ' 🙂 é'
			WHEN 7 THEN 'user_' || u - 1 || ' '
			WHEN 8 THEN repeat('abc', 1000) || u
			WHEN 9 THEN (SELECT string_agg(md5(concat(u, i)), '') FROM generate_series(1, 70) i)
			WHEN 10 THEN 'USER_' || u + 6
			ELSE 'user_' || u
		END
	END
$$;

CREATE TABLE layout.event (
	n int GENERATED ALWAYS AS IDENTITY,
	u int,
	at timestamptz,
	event text,
	properties jsonb,
	received_at timestamptz,
	event_id text
);
COMMENT ON TABLE layout.event IS 'Events before they have a table.';

-- Users, trials and companies into pql's tables, events into layout.event.
CREATE FUNCTION layout.populate(key_type text, base timestamptz, users int, events int, by_signup boolean) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	text_type text := CASE WHEN key_type IN ('uuid', 'bigint', 'int', 'smallint') THEN key_type ELSE 'text' END;
BEGIN
	TRUNCATE layout.event RESTART IDENTITY;
	TRUNCATE pql.event, pql.trial, pql.person, pql.account, pql.fact, pql.list_entry;
	CREATE TEMP TABLE who ON COMMIT DROP AS SELECT u, CASE text_type WHEN 'uuid' THEN layout.key(text_type, u)::uuid::text ELSE layout.key(text_type, u) END AS id
		FROM generate_series(1, users) u;
	INSERT INTO pql.account (account_id, employees, kind, industry)
	SELECT 'a' || g, layout.pick('150', '200', '800', '2000', '2001', NULL)::int, layout.pick('prospect', 'partner', NULL, NULL), layout.pick('saas', 'toys')
	FROM generate_series(1, users / 3) g;
	INSERT INTO pql.list_entry VALUES ('target_industries', 'SaaS'), ('test_accounts', 'listed@acme.example');
	INSERT INTO pql.person (user_id, email, account_id, signed_up_at, paid_at, opted_out_at)
	SELECT w.id, layout.pick('ann@acme.example', ' Bob@GMail.com', 'ann+test1@acme.example', 'LISTED@acme.example', 'eve@beta.example', NULL),
		CASE WHEN layout.chance(0.85) THEN 'a' || layout.dice(1, users / 3) END,
		CASE WHEN layout.chance(0.7) THEN base + layout.dice(-40, 200) * interval '1 hour' WHEN layout.chance(0.3) THEN 'infinity' END,
		CASE WHEN layout.chance(0.06) THEN base + layout.dice(-40, 400) * interval '1 hour' END,
		CASE WHEN layout.chance(0.06) THEN base + layout.dice(-40, 400) * interval '1 hour' END
	FROM who w WHERE w.u % 9 <> 4;
	INSERT INTO pql.fact (subject, name, value, source, recorded_at)
	SELECT 'a' || g, 'account.employees', to_jsonb(layout.dice(100, 900)), 'test', CASE WHEN layout.chance(0.3) THEN '-infinity' ELSE base + layout.dice(0, 300) * interval '1 hour' END
	FROM generate_series(1, users / 3, 4) g;
	IF NOT by_signup THEN
		INSERT INTO pql.trial (user_id, started_at, ends_at, converted_at, mrr)
		SELECT w.id, base + layout.dice(0, 240) * interval '1 hour' + n * interval '1 microsecond',
			CASE WHEN layout.chance(0.2) THEN base + layout.dice(240, 500) * interval '1 hour' END,
			CASE WHEN layout.chance(0.08) THEN base + layout.dice(0, 400) * interval '1 hour' END, 49
		FROM who w, generate_series(1, CASE WHEN w.u % 7 = 3 THEN 0 WHEN w.u % 5 = 0 THEN 3 ELSE 1 END) n;
	END IF;
	-- the last tenth of those who do something are known of nothing else
	INSERT INTO layout.event (u, at, event, properties, received_at, event_id)
	SELECT x.u, x.at, x.event, x.properties, CASE layout.dice(1, 5) WHEN 1 THEN NULL WHEN 2 THEN x.at + interval '2 days' ELSE x.at + interval '1 hour' END,
		CASE WHEN layout.chance(0.4) THEN 'e' || layout.dice(1, users) END
	FROM (
		SELECT CASE WHEN layout.chance(0.02) THEN NULL ELSE e.u END AS u,
			CASE layout.dice(1, 60)
				WHEN 1 THEN NULL
				WHEN 2 THEN layout.pick('infinity', '-infinity', '20000-01-01Z', '4000-01-01Z BC', '0001-01-01Z', '9999-12-31 23:00Z')::timestamptz
				WHEN 3 THEN t.started_at
				WHEN 4 THEN t.started_at - interval '1 microsecond'
				WHEN 5 THEN date_trunc('day', base, 'UTC') + layout.dice(0, 20) * interval '1 day'
				ELSE coalesce(t.started_at, base) + layout.dice(-20, 330) * interval '1 hour' + layout.dice(0, 3600000) * interval '1 ms' END AS at,
			CASE WHEN layout.chance(0.02) THEN NULL ELSE layout.pick('activation_complete', 'activation_complete', 'invite_sent', 'invite_sent', 'integration_connected', 'session_start',
				'session_start', 'session_start', 'page_view', 'page_view', 'feature_used', 'feature_used', 'form_submitted', 'campaign_replied', 'webinar_attended', 'usage_limit_hit',
				'upgrade_started', 'upgrade_completed', 'support_contacted', 'content_shared', 'report_exported', 'signup_complete', 'nobody_asks', '', repeat('long ', 60)) END AS event,
			CASE layout.dice(1, 25)
				WHEN 1 THEN NULL
				WHEN 2 THEN layout.pick('null', '{}', '[]', '5', '"invitee_email"', '[{"invitee_email": "a"}]')::jsonb
				ELSE jsonb_strip_nulls(jsonb_build_object(
					'invitee_email', layout.pick('ann@acme.example', 'bob@acme.example', 'eve@acme.example', NULL, ''),
					'integration_type', layout.pick('segment', 'snowflake', NULL),
					'page_path', layout.pick('/pricing', '/billing?x', '/docs', '/pricing-old', NULL),
					'feature', layout.pick('f1', 'f2', 'f3', 'f4', 'f5', 'f6', NULL, repeat('a feature of a long name ', 30)),
					'premium', layout.pick('true', 'false', '"true"', NULL)::jsonb,
					'external', layout.chance(0.5), 'topic', layout.pick('billing', 'weather'), 'team', layout.pick('red', 'blue', NULL),
					'source', layout.pick('marketing', 'product', NULL),
					'amount', layout.pick('1', '1.5', '1.50', '"2"', '"NaN"', 'true', '9007199254740993', '-3', '1e400', '{"a": 1}', NULL)::jsonb,
					'context', layout.pick('{"plan": "team", "seats": {"n": 5}}', '{"plan": "pro", "seats.n": 2}', '"none"', '{"plan": null}', NULL)::jsonb,
					'email', 'someone@corp.example', 'company_size', layout.dice(100, 900),
					-- compressed; stored out of line
					'zz', CASE layout.dice(1, 40) WHEN 1 THEN repeat('nothing to see here ', 500)
						WHEN 2 THEN (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 200)) END))
				END AS properties
		FROM (SELECT layout.dice(1, users + users / 10) AS u FROM generate_series(1, events)) e
		LEFT JOIN who w ON w.u = e.u
		LEFT JOIN LATERAL (SELECT p.started_at FROM pql.trial p WHERE p.user_id = w.id ORDER BY p.started_at OFFSET layout.dice(0, 1) LIMIT 1) t ON true
	) x;
	-- trials that begin outside the years 1 to 9999 have a test of their own in scan.sql
	DELETE FROM layout.event e WHERE e.event = 'signup_complete' AND NOT e.at BETWEEN '2000-01-01' AND '2100-01-01';
	-- what a loader sends twice
	INSERT INTO layout.event (u, at, event, properties, received_at, event_id)
	SELECT e.u, e.at, e.event, e.properties, e.received_at + layout.dice(0, 100) * interval '1 hour', e.event_id
	FROM layout.event e WHERE e.event_id IS NOT NULL AND layout.chance(0.3);
END
$$;


-- Where

CREATE TYPE layout.mood AS ENUM ('red', '/pricing', 'true');
CREATE DOMAIN layout.word AS text;
CREATE DOMAIN layout.short_word AS varchar(8000) CHECK (VALUE <> 'forbidden');
CREATE DOMAIN layout.money AS numeric;
CREATE DOMAIN layout.document AS jsonb;

-- Columns of the table that is being made, and what has become of them.
CREATE TABLE layout.field (
	name text PRIMARY KEY,
	type text NOT NULL,
	role text NOT NULL,      -- what the mapping says of it; or property, or junk
	fill text NOT NULL,      -- an expression over a row e of layout.event
	old text,                -- the default with which it is added late; NULL: without
	late boolean NOT NULL,   -- not there yet
	place float8 NOT NULL DEFAULT random()
);
CREATE FUNCTION layout.name_of(of_role text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT quote_ident(f.name) FROM layout.field f WHERE f.role = of_role $$;
CREATE FUNCTION layout.names() RETURNS text LANGUAGE sql STABLE AS $$ SELECT string_agg(quote_ident(f.name), ', ' ORDER BY f.place) FROM layout.field f WHERE NOT f.late $$;
CREATE FUNCTION layout.fills() RETURNS text LANGUAGE sql STABLE AS $$ SELECT string_agg(f.fill, ', ' ORDER BY f.place) FROM layout.field f WHERE NOT f.late $$;
CREATE FUNCTION layout.definitions() RETURNS text[] LANGUAGE sql STABLE AS $$ SELECT array_agg(format('%I %s', f.name, f.type) ORDER BY f.place) FROM layout.field f WHERE NOT f.late $$;

CREATE TABLE layout.source (
	dataset int,
	k int,
	relation text,      -- as connected
	mapping jsonb,
	scanned boolean,    -- NULL: depends on the model
	about text,
	changes text[],     -- statements for the middle of a transaction
	cleared text
);

-- A column of something that pql does not look at.
CREATE FUNCTION layout.add_junk(i int) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	type text := layout.pick('int', '"char"', 'char(5)', 'bytea', 'int[]', 'text', 'float8', 'bool', 'timestamptz', 'name', 'point',
		'interval', 'numeric', 'macaddr', 'varbit', 'smallint', 'jsonb');
	literals text[] := CASE type
		WHEN 'int' THEN '{1,-1}' WHEN '"char"' THEN '{a,b}' WHEN 'char(5)' THEN '{a,abcde}' WHEN 'bytea' THEN ARRAY['\x00ff', '\x' || repeat('00', 300)]
		WHEN 'int[]' THEN ARRAY['{}', '{1,2,3}', '{' || repeat('7,', 100) || '7}'] WHEN 'text' THEN ARRAY['', 'x', repeat('y', 126), repeat('y', 127), repeat('w', 3000)]
		WHEN 'float8' THEN '{1.5,NaN}' WHEN 'bool' THEN '{t,f}' WHEN 'timestamptz' THEN '{2026-01-01}' WHEN 'name' THEN '{n,o}' WHEN 'point' THEN ARRAY['(1,2)']
		WHEN 'interval' THEN '{1 day}' WHEN 'numeric' THEN '{1,NaN,1e100}' WHEN 'macaddr' THEN '{08:00:2b:01:02:03}' WHEN 'varbit' THEN '{1,1010101}' WHEN 'smallint' THEN '{3}'
		ELSE ARRAY['{}', '{"a": "b"}'] END;
BEGIN
	INSERT INTO layout.field VALUES (format('%s %s', layout.pick('junk', 'Junk', 'weird "junk"'), i), type, 'junk',
		layout.draw(type, literals, layout.pick('0', '0.5', '1')::float8), CASE WHEN layout.chance(0.5) THEN format('%L::%s', literals[1], type) END, layout.chance(0.3));
END
$$;

-- A column that is a property.
CREATE FUNCTION layout.add_property(name text, odd boolean) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	type text := CASE WHEN odd AND layout.chance(0.3) THEN layout.pick('char(8)', 'real', 'text[]', 'date', 'timestamptz', 'layout.mood')
		WHEN name IN ('amount', 'context.seats.n') AND layout.chance(0.8) THEN layout.pick('int', 'bigint', 'smallint', 'numeric', 'numeric(30,3)', 'float8', 'layout.money')
		WHEN name = 'premium' AND layout.chance(0.7) THEN 'bool'
		WHEN name = 'context' THEN layout.pick('json', 'jsonb')
		ELSE layout.pick('text', 'text', 'varchar', 'varchar(300)', 'layout.word', 'bool', 'bigint', 'jsonb', 'json', 'uuid', 'numeric', 'float8') END;
	literals text[] := CASE
		WHEN type = 'smallint' THEN '{0,1,2,30000,-7}'
		WHEN type = 'int' THEN '{0,1,2,1234567,1234568,-7}'
		WHEN type = 'bigint' THEN '{0,1,1234567,1234568,9007199254740991,9007199254740993,-9007199254740993,9223372036854775807}'
		WHEN type IN ('numeric', 'layout.money') THEN '{0,1,1.5,1.50,-2,NaN,1234567,1234568,9007199254740993,0.000001}' || CASE WHEN type = 'numeric' THEN '{Infinity,-Infinity,1e400}' ELSE '{}'::text[] END
		WHEN type = 'numeric(30,3)' THEN '{0,1,1.5,-2,NaN,9007199254740993}'
		WHEN type IN ('float8', 'real') THEN '{0,1,1.5,0.1,-2,NaN,Infinity,-Infinity,1e22,123456789012345680,0.12345678,0.12345679}'
		WHEN type = 'bool' THEN '{true,false}'
		WHEN type = 'uuid' THEN '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'
		WHEN name = 'context' AND type LIKE 'json%' THEN ARRAY['{"plan": "team", "seats": {"n": 5}}', '{"plan": "pro", "seats.n": 2}', '"none"', '{"plan": null}', '{"seats": 5}', 'null', format('{"zz": "%s", "plan": "big"}', repeat('z', 9000))]
		WHEN type IN ('jsonb', 'json') THEN ARRAY['"red"', 'true', '"true"', '1.50', '{"a": 1}', '[]', 'null', '"/pricing"', '"marketing"', '"billing"', '"2"', '""']
		WHEN type = 'text[]' THEN ARRAY['{a,b}', '{}']
		WHEN type IN ('date', 'timestamptz') THEN '{2026-01-01,infinity}'
		WHEN type = 'layout.mood' THEN '{red,/pricing,true}'
		WHEN type = 'char(8)' THEN '{red,/pricing,true,1.5}'
		ELSE ARRAY['red', 'true', '1.5', '', '/pricing', '/billing?plan=team', 'marketing', 'billing', 'f1', 'f2', 'f3', ' f3', repeat('é', 140), repeat('v', 250)]
			|| CASE WHEN type = 'text' THEN ARRAY[repeat('out of line', 700)] ELSE '{}' END
	END;
BEGIN
	INSERT INTO layout.field VALUES (name, type, 'property', layout.draw(type, literals, 0.35),
		CASE WHEN layout.chance(0.6) THEN format('%L::%s', literals[layout.dice(1, 2)], type) END, layout.chance(0.2));
END
$$;

-- A table and everything that happens to it, as statements to be run one by one. What is to be known of it goes to layout.source.
CREATE FUNCTION layout.make(d int, k int, sources int, key_type text, base timestamptz) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	kind text := layout.pick('plain', 'plain', 'plain', 'plain', 'unlogged', 'temp', 'matview', 'range', 'hash', 'range hash', 'inherited');
	view boolean := layout.chance(CASE WHEN k > 1 THEN 0.3 ELSE 0.05 END) AND kind <> 'temp';
	zoned boolean := layout.chance(0.6);
	zone text := layout.pick('America/New_York', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'UTC', 'America/Sao_Paulo', 'Asia/Kathmandu');
	time_type text := CASE WHEN zoned THEN 'timestamptz' ELSE 'timestamp' END;
	key_of text := CASE WHEN key_type IN ('uuid', 'bigint', 'int', 'smallint') THEN key_type ELSE 'text' END;
	props text := layout.pick('jsonb', 'jsonb', 'jsonb', 'json', 'layout.document', 'columns', 'columns', 'columns', '*', 'list', 'none');
	odd boolean := props IN ('columns', '*', 'list') AND layout.chance(0.2);
	constant text := CASE WHEN layout.chance(0.1) THEN layout.pick('activation_complete', 'page_view', 'feature_used') END;
	partitioned boolean := kind IN ('range', 'hash', 'range hash');
	own boolean := layout.chance(0.3);   -- columns are called as ours are
	name text := quote_ident(layout.pick('events', 'Events', 'more "events"') || k);
	t text := CASE kind WHEN 'temp' THEN 'pg_temp.' ELSE 'app.' END || name;
	target text := CASE kind WHEN 'matview' THEN format('app.base%s', k) ELSE t END;   -- what is written to
	mid text := format('%L', CASE WHEN zoned THEN (base + interval '7 days')::text ELSE ((base + interval '7 days') AT TIME ZONE 'UTC')::text END);
	mapping jsonb := '{}';
	listed text[];
	part text;
	touched text;
	f layout.field;
	load CONSTANT text := 'INSERT INTO %s (%s) SELECT %s FROM layout.event e WHERE e.n %% %s = %s AND ';
BEGIN
	DELETE FROM layout.field;
	INSERT INTO layout.field VALUES
		(CASE WHEN own THEN 'user_id' ELSE layout.pick('uid', 'User', 'user.id') END, key_type, 'user_id',
			format('CASE WHEN e.u IS NOT NULL THEN layout.key(%L, e.u)::%s END', key_of, key_type),
			CASE WHEN layout.chance(0.5) THEN format('%L::%s', layout.key(key_of, 12), key_type) END, NOT partitioned AND layout.chance(0.08)),
		(CASE WHEN own THEN 'occurred_at' ELSE layout.pick('at', 'Timestamp') END, time_type, 'occurred_at',
			CASE WHEN zoned THEN 'e.at' ELSE format(
				-- most of them as the clocks showed it, some in the hours that clocks leave out or show twice
				'CASE WHEN random() < 0.06 THEN layout.pick(%s)::timestamp + layout.dice(0, 7200) * interval ''1 s'' '
				'WHEN NOT isfinite(e.at) OR e.at < ''0002-01-01'' THEN e.at::timestamp ELSE e.at AT TIME ZONE %L END',
				'''2026-03-08 01:30'', ''2026-03-08 02:15'', ''2026-11-01 00:45'', ''2026-11-01 01:30'', ''2026-03-29 02:15'', ''2026-10-25 02:30'', ''2026-04-05 01:45'', ''2026-10-04 02:00''', zone) END,
			CASE WHEN layout.chance(0.7) THEN format('%L::%s', base + interval '3 days', time_type) END, NOT partitioned AND layout.chance(0.08)),
		(CASE WHEN own THEN 'event_id' ELSE layout.pick('id', 'message id') END, layout.pick('text', 'varchar', 'layout.word'),
			-- which of two rows that are not alike a view gives first is not said
			CASE WHEN NOT view AND layout.chance(0.6) THEN 'event_id' ELSE 'junk' END, 'e.event_id', NULL, layout.chance(0.1)),
		(CASE WHEN own THEN 'received_at' ELSE 'loaded' END, layout.pick(time_type, time_type, 'timestamptz'),
			CASE WHEN layout.chance(0.6) THEN 'received_at' ELSE 'junk' END, 'e.received_at',
			CASE WHEN layout.chance(0.5) THEN format('%L::timestamptz', base + interval '6 days') END, layout.chance(0.15));
	IF constant IS NULL THEN
		INSERT INTO layout.field VALUES (CASE WHEN own THEN 'event' ELSE layout.pick('name', 'event type') END,
			layout.pick('text', 'text', 'varchar(400)', 'layout.short_word'), 'event', 'e.event', CASE WHEN layout.chance(0.7) THEN '''invite_sent''' END, layout.chance(0.15));
	END IF;
	IF props IN ('jsonb', 'json', 'layout.document') THEN
		INSERT INTO layout.field VALUES (CASE WHEN own THEN 'properties' ELSE 'props' END, props, 'properties',
			-- json keeps a key that is written twice: the last one counts
			CASE props WHEN 'json' THEN 'CASE WHEN e.properties @> ''{"external": true}'' THEN regexp_replace(e.properties::text, ''^{'', ''{"feature": "first", '')::json ELSE e.properties::json END'
				ELSE 'e.properties' END,
			CASE WHEN layout.chance(0.7) THEN format('''{"invitee_email": "x@y.example", "feature": "f0", "page_path": "/pricing", "amount": 2}''::%s', props) END, layout.chance(0.2));
	ELSIF props <> 'none' THEN
		PERFORM layout.add_property(p, odd)
		FROM unnest((layout.shuffle(ARRAY['invitee_email', 'integration_type', 'page_path', 'feature', 'premium', 'external', 'topic', 'team', 'source', 'amount']
			|| layout.pick('context', 'context.plan', 'context.seats.n')))[1 : layout.dice(2, 11)]) p;
	END IF;
	PERFORM layout.add_junk(i) FROM generate_series(1, layout.dice(0, 6)) i;
	IF layout.chance(0.35) THEN
		-- a row or two a page, so that there are many ranges of blocks
		INSERT INTO layout.field VALUES ('wide', format('char(%s)', layout.dice(2000, 6000)), 'junk', '''x''', NULL, false);
	END IF;
	IF NOT EXISTS (SELECT FROM layout.field x WHERE NOT x.late) THEN
		PERFORM layout.add_junk(0);
	END IF;

	-- columns of our own names need not be said
	FOR f IN SELECT * FROM layout.field x ORDER BY x.place LOOP
		IF f.role NOT IN ('junk', 'property') AND NOT (own AND layout.chance(0.7)) THEN
			mapping := mapping || jsonb_build_object(f.role, f.name);
		ELSIF f.role = 'junk' AND f.name IN ('event_id', 'received_at') THEN
			mapping := mapping || jsonb_build_object(f.name, NULL);
		END IF;
	END LOOP;
	IF constant IS NOT NULL THEN
		mapping := mapping || jsonb_build_object('event', jsonb_build_object('is', constant));
	END IF;
	IF NOT zoned THEN
		mapping := mapping || jsonb_build_object('timezone', zone);
	END IF;
	listed := ARRAY(SELECT x.name FROM layout.field x WHERE x.role = 'property' ORDER BY x.place);
	IF props IN ('columns', '*', 'list') THEN
		mapping := mapping || jsonb_build_object('properties', CASE props WHEN '*' THEN '"*"' WHEN 'list' THEN to_jsonb(listed)
			ELSE (SELECT jsonb_object_agg(l, l) FROM unnest(listed) l) END);
	END IF;

	-- the table, with its first columns
	RETURN NEXT format('CREATE %sTABLE %s (%s%s)%s', CASE kind WHEN 'unlogged' THEN 'UNLOGGED ' WHEN 'temp' THEN 'TEMP ' ELSE '' END,
		CASE kind WHEN 'temp' THEN name ELSE target END, array_to_string(layout.definitions(), ', '), layout.pick('', ', "to be dropped" int'),
		CASE WHEN kind LIKE 'range%' THEN format(' PARTITION BY RANGE (%s)', layout.name_of('occurred_at'))
			WHEN kind = 'hash' THEN format(' PARTITION BY HASH (%s)', layout.name_of('user_id'))
			ELSE layout.pick('', '', ' WITH (fillfactor = 50)') END);
	RETURN NEXT format('ALTER TABLE %s DROP COLUMN IF EXISTS "to be dropped"', target);
	IF partitioned OR kind = 'inherited' THEN
		-- a child that was a table of its own: another order, columns that are gone, rows from before
		RETURN NEXT format('CREATE TABLE app.child%s (%s)', k, array_to_string(layout.shuffle(layout.definitions() || '{gone1 char(3),gone2 text,gone3 int}'), ', '));
		IF kind <> 'hash' THEN
			RETURN NEXT format(load || 'e.n %% 5 = 0%s', format('app.child%s', k), layout.names() || ', gone1, gone2, gone3', layout.fills() || ', ''abc'', repeat(''g'', 100), 1', sources, k - 1,
				CASE WHEN partitioned THEN format(' AND e.at < %L', base + interval '6 days') ELSE '' END);
			IF NOT zoned AND partitioned THEN
				RETURN NEXT format('DELETE FROM app.child%s WHERE %s >= %s', k, layout.name_of('occurred_at'), mid);
			END IF;
		END IF;
		RETURN NEXT format('ALTER TABLE app.child%s DROP COLUMN gone1, DROP COLUMN gone2, DROP COLUMN gone3', k);
		IF kind = 'inherited' THEN
			RETURN NEXT format('ALTER TABLE app.child%s INHERIT %s', k, t);
			RETURN NEXT format('CREATE TABLE app.grandchild%s (own text) INHERITS (app.child%1$s)', k);
		ELSIF kind = 'hash' THEN
			RETURN NEXT format('ALTER TABLE %s ATTACH PARTITION app.child%s FOR VALUES WITH (MODULUS 2, REMAINDER 0)', t, k);
			RETURN NEXT format('CREATE TABLE app.other%s PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER 1)', k, t);
		ELSE
			RETURN NEXT format('ALTER TABLE %s ATTACH PARTITION app.child%s FOR VALUES FROM (MINVALUE) TO (%s)', t, k, mid);
			RETURN NEXT format('CREATE TABLE app.other%s PARTITION OF %s FOR VALUES FROM (%s) TO (MAXVALUE)%s', k, t, mid,
				CASE kind WHEN 'range hash' THEN format(' PARTITION BY HASH (%s)', layout.name_of('user_id')) ELSE '' END);
			IF kind = 'range hash' THEN
				RETURN NEXT format('CREATE TABLE app.other%s_0 PARTITION OF app.other%1$s FOR VALUES WITH (MODULUS 2, REMAINDER 0)', k);
				RETURN NEXT format('CREATE TABLE app.other%s_1 PARTITION OF app.other%1$s FOR VALUES WITH (MODULUS 2, REMAINDER 1)', k);
			END IF;
			RETURN NEXT format('CREATE TABLE app.rest%s PARTITION OF %s DEFAULT', k, t);
		END IF;
	END IF;
	FOR f IN SELECT * FROM layout.field x WHERE NOT x.late AND (x.name = 'wide' OR x.role IN ('properties', 'user_id', 'event') AND x.type ~ 'json|text|varchar') ORDER BY x.place LOOP
		IF layout.chance(0.4) OR f.name = 'wide' THEN
			RETURN NEXT format('ALTER TABLE %s ALTER %I SET STORAGE %s', target, f.name, CASE WHEN f.role = 'event' OR f.name = 'wide' THEN 'PLAIN' ELSE layout.pick('EXTERNAL', 'MAIN') END);
		END IF;
	END LOOP;

	-- three loads; between them columns come and go
	FOR batch IN 0 .. 2 LOOP
		FOREACH part IN ARRAY CASE WHEN kind = 'inherited' THEN ARRAY[t, 'app.child' || k, 'app.grandchild' || k] ELSE ARRAY[target] END LOOP
			RETURN NEXT format(load || 'e.n %% 3 = %s%s', part, layout.names(), layout.fills(), sources, k - 1, batch, CASE WHEN part LIKE '%child%' THEN ' AND e.n % 2 = 0' ELSE '' END);
		END LOOP;
		touched := quote_ident(x.name) FROM layout.field x WHERE NOT x.late ORDER BY array_position('{event,user_id,occurred_at}', x.role), x.place LIMIT 1;
		FOR i IN 1 .. layout.dice(0, 2) LOOP
			RETURN NEXT format('UPDATE %s SET %s = %2$s WHERE random() < 0.2', target, touched);
		END LOOP;
		IF layout.chance(0.4) THEN
			RETURN QUERY SELECT format('UPDATE %s SET %I = NULL WHERE random() < 0.03', target, x.name) FROM layout.field x WHERE NOT x.late AND x.role <> 'user_id' ORDER BY random() LIMIT 1;
		END IF;
		IF layout.chance(0.5) THEN
			RETURN NEXT format('DELETE FROM %s WHERE random() < 0.1', target);
		END IF;
		IF layout.chance(0.4) THEN
			RETURN NEXT 'BEGIN';
			RETURN NEXT format('INSERT INTO %s (%s) SELECT %2$s FROM %1$s WHERE random() < 0.2', target, layout.names());
			RETURN NEXT format('UPDATE %s SET %s = %2$s WHERE random() < 0.2', target, touched);
			RETURN NEXT format('DELETE FROM %s WHERE random() < 0.2', target);
			RETURN NEXT 'ROLLBACK';
		END IF;
		IF layout.chance(0.3) THEN
			RETURN NEXT 'BEGIN';
			RETURN NEXT 'SAVEPOINT s';
			RETURN NEXT format('DELETE FROM %s WHERE random() < 0.3', target);
			RETURN NEXT 'ROLLBACK TO s';
			RETURN NEXT format('UPDATE %s SET %s = %2$s WHERE random() < 0.1', target, touched);
			RETURN NEXT 'COMMIT';
		END IF;
		IF layout.chance(0.35) THEN
			RETURN NEXT format('VACUUM %s %s', layout.pick('', '', '(FREEZE)', 'FULL'), target);
		END IF;
		IF layout.chance(0.2) AND EXISTS (SELECT FROM layout.field x WHERE x.role = 'occurred_at' AND NOT x.late) THEN
			-- what may tell the scan where not to look
			RETURN NEXT format('CREATE INDEX ON %s ' || layout.pick('USING brin (%2$s) WITH (pages_per_range = 1)', 'USING brin (%2$s) WITH (pages_per_range = 128)', '(%2$s)', '(%2$s, %3$s)', '(%3$s, %2$s)', '(%2$s DESC)'),
				target, layout.name_of('occurred_at'), coalesce(quote_ident((SELECT x.name FROM layout.field x WHERE x.role = 'event' AND NOT x.late)), layout.name_of('occurred_at')));
		END IF;
		CONTINUE WHEN batch = 2;
		FOR f IN SELECT * FROM layout.field x WHERE x.late ORDER BY x.place LOOP
			CONTINUE WHEN batch = 0 AND layout.chance(0.5);
			RETURN NEXT format('ALTER TABLE %s ADD COLUMN %I %s%s', target, f.name, f.type, coalesce(' DEFAULT ' || f.old, ''));
			IF layout.chance(0.4) THEN
				RETURN NEXT format('ALTER TABLE %s ALTER %I DROP DEFAULT', target, f.name);
			END IF;
			UPDATE layout.field x SET late = false WHERE x.name = f.name;
		END LOOP;
		FOR f IN SELECT * FROM layout.field x WHERE x.name ~* 'junk' AND NOT x.late ORDER BY x.place LOOP
			CONTINUE WHEN layout.chance(0.75);
			RETURN NEXT format('ALTER TABLE %s DROP COLUMN %I', target, f.name);
			DELETE FROM layout.field x WHERE x.name = f.name;
		END LOOP;
	END LOOP;
	IF kind IN ('plain', 'unlogged', 'temp') AND layout.name_of('event_id') IS NOT NULL AND layout.chance(0.5) THEN
		-- no event twice, and an index that says so
		part := concat_ws(', ', layout.name_of('event_id'), CASE WHEN key_of <> 'text' THEN layout.name_of('user_id') END);   -- long ids do not fit
		RETURN NEXT format('DELETE FROM %s WHERE ctid IN (SELECT d.ctid FROM (SELECT r.ctid, row_number() OVER (PARTITION BY %s) AS copy FROM %1$s r) d WHERE d.copy > 1)', target, part);
		RETURN NEXT format('CREATE UNIQUE INDEX ON %s (%s)', target, part);
	END IF;
	IF kind = 'matview' THEN
		RETURN NEXT format('CREATE MATERIALIZED VIEW %s AS SELECT * FROM %s', t, target);
	END IF;
	IF view THEN
		RETURN NEXT format('CREATE VIEW app.view%s AS SELECT * FROM %s', k, t);
	END IF;
	INSERT INTO layout.source VALUES (d, k, CASE WHEN view THEN format('app.view%s', k) ELSE t END, mapping, CASE WHEN view THEN false WHEN NOT odd THEN true END,
		format('%s%s, %s key, %s, properties %s%s%s', kind, CASE WHEN view THEN ' under a view' ELSE '' END, key_type, CASE WHEN zoned THEN time_type ELSE time_type || ' in ' || zone END,
			props, CASE WHEN odd THEN ' of odd types' ELSE '' END, coalesce(', all ' || constant, '')),
		ARRAY[
			format('UPDATE %s SET %s = %2$s WHERE random() < 0.2', target, touched),
			format('DELETE FROM %s WHERE random() < 0.1', target),
			'SAVEPOINT s', format('DELETE FROM %s WHERE random() < 0.5', target), 'ROLLBACK TO s',
			format(load || 'e.n %% 11 = 0 AND e.event_id IS NULL', target, layout.names(), layout.fills(), sources, k - 1),
			format('UPDATE %s SET %s = %2$s WHERE random() < 0.2', target, touched)]
			|| CASE WHEN kind = 'matview' THEN ARRAY[format('REFRESH MATERIALIZED VIEW %s', t)] ELSE '{}' END,
		CASE kind WHEN 'temp' THEN format('DROP TABLE %s', t) END);
END
$$;


-- Whether

CREATE TABLE layout.compared (model text, subjects int);

-- The rows of an answer; of plain SQL, those who started between, as score_all is asked for them.
CREATE FUNCTION layout.answer(path text, model text, as_of timestamptz, known_at timestamptz, detail boolean, low timestamptz, high timestamptz, OUT lines text[], OUT starts timestamptz[])
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM set_config('pql.enable_scan', CASE path WHEN 'aggregate' THEN 'off' ELSE 'on' END, true),
		set_config('pql.work_mem', CASE path WHEN 'passes' THEN '1kB' ELSE '-1' END, true),
		set_config('min_parallel_table_scan_size', '0', true),
		set_config('max_parallel_workers_per_gather', CASE path WHEN 'workers' THEN layout.pick('1', '2') WHEN 'passes' THEN layout.pick('0', '1') ELSE '0' END, true);
	IF path = 'plain' THEN
		SELECT array_agg(s::text ORDER BY s::text), array_agg(s.started_at ORDER BY s::text) INTO lines, starts FROM oracle.plain_score(model, as_of, known_at, detail) s;
	ELSE
		SELECT array_agg(s::text ORDER BY s::text) INTO lines FROM pql.score_all(model, as_of, known_at, detail, low, high) s;
	END IF;
	lines := coalesce(lines, '{}');
EXCEPTION WHEN OTHERS THEN
	lines := ARRAY[format('ERROR %s: %s', SQLSTATE, SQLERRM)];
END
$$;

-- How many rows differ, and of the first ones what begins to differ.
CREATE FUNCTION layout.difference(expected text[], found text[]) RETURNS text
LANGUAGE sql STABLE AS $$
	WITH lost AS (SELECT unnest(expected) AS line EXCEPT ALL SELECT unnest(found)), extra AS (SELECT unnest(found) AS line EXCEPT ALL SELECT unnest(expected))
	SELECT format('%s of %s rows lost, %s others. Plain SQL: %s …%s…  here: %s …%s…', (SELECT count(*) FROM lost), cardinality(expected), (SELECT count(*) FROM extra),
		left(l.line, 30), substr(l.line, d.at - 40, 200), left(x.line, 30), substr(x.line, d.at - 40, 200))
	FROM (SELECT min(line) AS line FROM lost) l, (SELECT min(line) AS line FROM extra) x,
		LATERAL (SELECT coalesce(min(i), 41) AS at FROM generate_series(1, length(l.line)) i WHERE substr(l.line, i, 1) <> substr(x.line, i, 1)) d
$$;

-- What differs between plain SQL and any other path, as of a random instant.
CREATE FUNCTION layout.differences(base timestamptz, models text[]) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	as_of timestamptz := CASE layout.dice(1, 4) WHEN 1 THEN base + interval '40 days' WHEN 2 THEN base + layout.dice(100, 500) * interval '1 hour'
		ELSE (SELECT e.at FROM layout.event e WHERE e.at BETWEEN base AND base + interval '20 days' ORDER BY random() LIMIT 1) END;
	known_at timestamptz := (SELECT e.received_at FROM layout.event e WHERE e.received_at BETWEEN base AND as_of + interval '2 days' ORDER BY random() LIMIT layout.dice(0, 1));
	detail boolean := layout.chance(0.5);
	model text;
	path text;
	expected record;
	part text[];
	found text[];
	low timestamptz;
	high timestamptz;
BEGIN
	FOREACH model IN ARRAY models LOOP
		expected := layout.answer('plain', model, as_of, known_at, detail, NULL, NULL);
		INSERT INTO layout.compared SELECT model, cardinality(expected.lines);
		FOREACH path IN ARRAY ARRAY['serial', 'workers', 'passes', 'aggregate'] LOOP
			found := (layout.answer(path, model, as_of, known_at, detail, NULL, NULL)).lines;
			CONTINUE WHEN found = expected.lines;
			RETURN NEXT format('score_all(%L, %L, %L, %L) %s: %s', model, as_of, known_at, detail, path, layout.difference(expected.lines, found));
		END LOOP;
		-- only those who started between
		low := CASE WHEN layout.chance(0.8) THEN base + layout.dice(-50, 200) * interval '1 hour' END;
		high := CASE WHEN layout.chance(0.8) THEN coalesce(low, base) + layout.dice(1, 100) * interval '1 hour' END;
		part := ARRAY(SELECT e.line FROM unnest(expected.lines, expected.starts) WITH ORDINALITY e (line, start, n)
			WHERE (low IS NULL OR e.start >= low) AND (high IS NULL OR e.start < high) ORDER BY e.n);
		path := layout.pick('serial', 'workers', 'passes', 'aggregate');
		found := (layout.answer(path, model, as_of, known_at, detail, low, high)).lines;
		CONTINUE WHEN found = part;
		RETURN NEXT format('score_all(%L, %L, %L, %L, %L, %L) %s: %s', model, as_of, known_at, detail, low, high, path, layout.difference(part, found));
	END LOOP;
END
$$;

-- All statements of one data set; its tests among them.
CREATE FUNCTION layout.dataset(seed int, d int, keep boolean) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	dice float8 := ((seed::bigint * 7919 + d::bigint * 104729) % 1000003) / 1000003.0;
	key_type text;
	base timestamptz;
	sources int;
	s layout.source;
	about text;
	tests text;
BEGIN
	PERFORM setseed(dice);
	key_type := layout.pick('text', 'text', 'text', 'varchar', 'varchar(4000)', 'layout.word', 'uuid', 'bigint', 'int', 'smallint');
	base := layout.pick('2026-03-01 00:00Z', '2026-03-25 12:00Z', '2026-10-20 09:30Z')::timestamptz;
	sources := layout.dice(1, 3);
	RETURN NEXT format('SET timezone = %L', layout.pick('UTC', 'America/New_York', 'Asia/Kathmandu'));
	RETURN NEXT format('DO $do$ BEGIN PERFORM setseed(%s), layout.populate(%L, %L, %s, %L); END $do$', dice / 2, key_type, base,
		-- so many that they do not fit into the least memory there is, or few of whom more is known
		CASE d % 4 WHEN 1 THEN '800, 2400' ELSE '120, 900' END, d % 9 = 5);
	RETURN NEXT 'CREATE SCHEMA app';
	FOR k IN 1 .. sources LOOP
		RETURN QUERY SELECT layout.make(d, k, sources, key_type, base);
	END LOOP;
	FOR s IN SELECT * FROM layout.source x WHERE x.dataset = d ORDER BY x.k LOOP
		RETURN NEXT format('DO $do$ BEGIN PERFORM pql.connect(''events'', %L, mapping => %L); END $do$', s.relation, s.mapping);
	END LOOP;
	IF layout.chance(0.4) THEN
		RETURN NEXT format('INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id)
			SELECT %s, e.at, e.event, e.properties, e.received_at, e.event_id FROM layout.event e WHERE random() < 0.2', CASE key_type WHEN 'uuid' THEN 'layout.key(''uuid'', e.u)::uuid::text'
			WHEN 'bigint' THEN 'layout.key(''bigint'', e.u)' WHEN 'int' THEN 'layout.key(''int'', e.u)' WHEN 'smallint' THEN 'layout.key(''smallint'', e.u)' ELSE 'layout.key(''text'', e.u)' END);
	ELSIF layout.chance(0.7) THEN
		RETURN NEXT 'DO $do$ BEGIN PERFORM pql.disconnect(''events'', ''pql.event''); END $do$';
	END IF;
	about := format('data set %s: %s', d, (SELECT string_agg(x.about, '; ' ORDER BY x.k) FROM layout.source x WHERE x.dataset = d));
	RETURN NEXT format($q$SELECT is_empty($t$
		SELECT s.relation, m.model, p.path, p.reason FROM layout.source s
		CROSS JOIN (VALUES ('trial'), ('playbook'), ('layout')) m (model)
		LEFT JOIN LATERAL (SELECT * FROM pql.score_path(m.model) p WHERE p.relation::regclass = s.relation::regclass) p ON true
		WHERE s.dataset = %s AND s.scanned IS NOT NULL AND p.path IS DISTINCT FROM CASE WHEN s.scanned THEN 'scan' ELSE 'aggregate' END$t$, %L)$q$, d, about || ': read as expected');
	tests := 'SELECT is_empty($t$SELECT * FROM layout.differences(%L, %L)$t$, %L)';
	RETURN NEXT format(tests, base, CASE d % 4 WHEN 1 THEN '{layout,trial}' ELSE '{layout,trial,playbook,conversion_ready}' END, about);
	RETURN NEXT format(tests, base, (layout.shuffle('{layout,trial,playbook,conversion_ready}'))[1:2], about);
	RETURN NEXT 'BEGIN';
	FOR s IN SELECT * FROM layout.source x WHERE x.dataset = d ORDER BY x.k LOOP
		RETURN QUERY SELECT unnest(s.changes);
	END LOOP;
	RETURN NEXT format(tests, base, (layout.shuffle('{layout,trial,playbook,conversion_ready}'))[1:2], about || ': in the middle of a transaction');
	RETURN NEXT 'ROLLBACK';
	IF NOT keep THEN
		RETURN NEXT 'DELETE FROM pql.source';
		RETURN NEXT 'DROP SCHEMA app CASCADE';
		RETURN QUERY SELECT x.cleared FROM layout.source x WHERE x.dataset = d AND x.cleared IS NOT NULL;
	END IF;
END
$$;

SELECT plan(:datasets * 4 + 1);
SELECT diag('seed ' || :seed || ', ' || :datasets || ' data sets');
SELECT s.statement
FROM generate_series(:first, :first + :datasets - 1) d, layout.dataset(:seed, d, :keep::boolean) WITH ORDINALITY s (statement, n)
ORDER BY d, s.n \gexec
SELECT cmp_ok((SELECT sum(subjects) FROM layout.compared), '>', :datasets * 500::bigint, 'there was something to compare');
SELECT * FROM finish();

\c :back
\if :keep
\else
	SET client_min_messages = warning;
	DROP DATABASE pql_scan_layouts;
\endif
