-- Writes the history of a made-up B2B product into pql.account, person, trial, event and fact:
-- 5,000 trials that started in the 90 days before 2026-10-31, and what became of each.
--
--   psql -f demo/simulate.sql                        into a database with the extension, tables empty
--   psql -v trials=50000 -v seed=3 -f demo/simulate.sql
--
-- Every throw of the dice is a hash of what it is thrown for and the seed, so the result depends on
-- nothing else: not on the clock, the machine, or the plan of a query. All people and companies are
-- fictional; their names are put together from lists of words.
--
-- Who is in it: people who sign up and vanish, look round once, only check the price, evaluate on
-- their own, or bring their team; bots; competitors, partners, colleagues, test addresses; people
-- who opted out; companies whose size nobody knew, or learnt later; people on a second trial. Paying
-- depends on what somebody did, by a logit with noise: most who pay were never "qualified", and
-- most who were do not pay.

\if :{?trials}
\else
	\set trials 5000
\endif
\if :{?seed}
\else
	\set seed 2
\endif
\if :{?until}
\else
	\set until 2026-10-31
\endif

\set ON_ERROR_STOP on
SET client_min_messages = warning;
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';

DO $$
BEGIN
	IF EXISTS (SELECT FROM pql.trial) OR EXISTS (SELECT FROM pql.event) THEN
		RAISE EXCEPTION 'the tables of inputs are not empty'
			USING HINT = 'Simulate into a database of its own.';
	END IF;
END $$;

-- ------------------------------------------------------------------------------------------------
-- Dice
-- ------------------------------------------------------------------------------------------------

-- A number in [0, 1), for throw number "throw" about thing number "thing".
CREATE FUNCTION pg_temp.dice(thing bigint, throw int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(thing, :seed * 1000003 + throw) >> 11) & 9007199254740991)::float8
	/ 9007199254740992;

-- A waiting time or a count's excess: exponential with mean 1.
CREATE FUNCTION pg_temp.wait(thing bigint, throw int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN -ln(1 - pg_temp.dice(thing, throw));

-- Standard normal (uses throws "throw" and "throw" + 1).
CREATE FUNCTION pg_temp.bell(thing bigint, throw int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sqrt(2 * pg_temp.wait(thing, throw)) * cos(2 * pi() * pg_temp.dice(thing, throw + 1));

-- One element of a list.
CREATE FUNCTION pg_temp.pick(list text[], thing bigint, throw int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN list[1 + floor(cardinality(list) * pg_temp.dice(thing, throw))::int];

-- A moment of a working day, in local time.
CREATE FUNCTION pg_temp.working_hour(thing bigint, throw int) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN interval '1 second' * floor(3600 * CASE WHEN pg_temp.dice(thing, throw) < 0.1
	THEN 18.5 + 4 * pg_temp.dice(thing, throw + 1)
	ELSE 8 + 5.25 * (pg_temp.dice(thing, throw + 1) + pg_temp.dice(thing, throw + 2)) END);

-- ------------------------------------------------------------------------------------------------
-- Kinds of behaviour
-- ------------------------------------------------------------------------------------------------

-- keen: chance to be active on a later working day, which fades with each day; more: chance of a
-- second session on an active day; actions: per session; then the chances to activate, invite and
-- integrate, to look at prices (per page viewed), and what the conversion's logit starts from.
CREATE TEMP TABLE sim_part (part text, keen float8, fade float8, more float8, actions float8,
	activates float8, invites float8, integrates float8, prices float8, pays float8) ON COMMIT DROP;
INSERT INTO sim_part VALUES
	('ghost',    0.01, 0.10, 0.00,  1.2, 0.04, 0.00, 0.00, 0.03, -4.5),
	('explorer', 0.07, 0.08, 0.15,  6.5, 0.38, 0.03, 0.03, 0.03, -4.1),
	('pricer',   0.28, 0.06, 0.05,  2.2, 0.04, 0.00, 0.00, 0.60, -3.9),
	('loner',    0.44, 0.04, 0.30,  8.0, 0.80, 0.10, 0.24, 0.03, -3.75),
	('team',     0.62, 0.02, 0.45,  9.0, 0.96, 0.88, 0.70, 0.03, -3.6),
	('power',    0.80, 0.01, 0.70, 14.0, 1.00, 0.75, 0.97, 0.02, -3.4),
	('wonder',   0.00, 0.00, 0.00, 14.0, 1.00, 0.97, 0.97, 0.02, -3.9),
	('bot',      1.00, 0.00, 0.00,  0.0, 0.00, 0.00, 0.00, 0.00, -99);

-- ------------------------------------------------------------------------------------------------
-- Companies
-- ------------------------------------------------------------------------------------------------

CREATE TEMP TABLE sim_company ON COMMIT DROP AS
WITH lists AS (
	SELECT
		ARRAY['Amber','Birch','Brass','Bright','Broad','Calm','Cedar','Clear','Cobalt','Copper',
			'Coral','Crisp','Dapper','Distant','Early','Ember','Fern','Flint','Gentle','Golden',
			'Granite','Hazel','Hollow','Iron','Ivory','Jade','Keen','Lofty','Lunar','Maple','Mellow',
			'Misty','Noble','Northern','Olive','Opal','Patient','Pearl','Plain','Quiet','Rapid',
			'Russet','Silver','Slate','Solar','Steady','Velvet','Willow'] AS first,
		ARRAY['Anchor','Badger','Beacon','Bison','Bridge','Brook','Canyon','Castle','Compass','Crane',
			'Delta','Dune','Falcon','Ferry','Field','Finch','Fjord','Forge','Fox','Garden','Gate',
			'Glacier','Grove','Harbor','Heron','Hill','Island','Kettle','Kite','Lantern','Ledger',
			'Lynx','Meadow','Mill','Moth','Orchard','Otter','Owl','Pine','Pond','Prairie','Quarry',
			'Raven','Reef','Ridge','River','Robin','Sail','Seal','Signal','Sparrow','Spruce','Stone',
			'Summit','Swift','Tide','Tower','Trail','Valley','Walnut','Wharf','Whistle','Windmill',
			'Wren'] AS second
), thrown AS (
	SELECT c,
		CASE WHEN pg_temp.dice(c, 1) < 0.14 THEN 'mid' WHEN pg_temp.dice(c, 1) < 0.20 THEN 'large'
			ELSE 'small' END AS segment,
		-- A walk over all pairs of words: 2,477 and 3,072 have no common factor.
		(c::bigint * 2477 + :seed) % 3072 AS pair, c / 3072 AS round,
		pg_temp.pick(ARRAY['software','software','fintech','health','logistics','retail',
			'manufacturing','education','energy','media','travel','insurance'], c, 2) AS industry,
		pg_temp.pick(ARRAY['America/New_York','America/New_York','America/Chicago',
			'America/Los_Angeles','America/Los_Angeles','Europe/London','Europe/London',
			'Europe/Berlin','Europe/Berlin','Europe/Madrid','Asia/Kolkata','Asia/Singapore',
			'Australia/Sydney'], c, 3) AS zone,
		CASE WHEN c = 1 THEN 'internal' WHEN pg_temp.dice(c, 4) < 0.008 THEN 'competitor'
			WHEN pg_temp.dice(c, 4) < 0.020 THEN 'partner'
			WHEN pg_temp.dice(c, 4) < 0.050 THEN 'customer' ELSE 'prospect' END AS kind,
		pg_temp.bell(c, 5) AS drive
	FROM generate_series(1, greatest(10, :trials * 38 / 100)) AS c
), named AS (
	SELECT thrown.*,
		first[1 + pair % 48] AS word_one, second[1 + pair / 48] AS word_two,
		CASE segment
			WHEN 'small' THEN floor(2 * power(95, pg_temp.dice(c, 8)))
			WHEN 'mid' THEN floor(200 * power(10, power(pg_temp.dice(c, 8), 1.3)))
			ELSE floor(2050 * power(22, power(pg_temp.dice(c, 8), 1.6))) END::int AS employees,
		-- How many of its people try the product: more where it meets a need of the company.
		CASE segment
			WHEN 'small' THEN 1 + floor(0.75 * pg_temp.wait(c, 9))
			WHEN 'mid' THEN 1 + floor(exp(0.4 * drive) * 5.4 * pg_temp.wait(c, 9))
			ELSE 1 + floor(exp(0.4 * drive) * 3.4 * pg_temp.wait(c, 9)) END AS people
	FROM thrown, lists
)
SELECT c::int AS company, format('a%s', lpad(c::text, 5, '0')) AS account_id, segment, industry,
	zone, kind, drive, employees, least(people, 16)::int AS people,
	CASE WHEN c = 1 THEN 'Example Product (ourselves)'
		ELSE concat_ws(' ', word_one, word_two, nullif(round, 0),
			CASE industry WHEN 'software' THEN 'Software' WHEN 'fintech' THEN 'Pay'
				WHEN 'health' THEN 'Care' WHEN 'logistics' THEN 'Freight' WHEN 'retail' THEN 'Stores'
				WHEN 'manufacturing' THEN 'Works' WHEN 'education' THEN 'Learning'
				WHEN 'energy' THEN 'Power' WHEN 'media' THEN 'Media' WHEN 'travel' THEN 'Travel'
				ELSE 'Mutual' END) END AS name,
	CASE WHEN c = 1 THEN 'product.example'
		ELSE format('%s%s.example', lower(word_one || word_two), nullif(round, 0)) END AS domain,
	-- Nobody knows the size of one in twelve; of those, some are looked up later.
	CASE WHEN pg_temp.dice(c, 11) < 0.050 THEN 'unknown' WHEN pg_temp.dice(c, 11) < 0.085 THEN 'learnt'
		WHEN pg_temp.dice(c, 11) < 0.10 AND segment <> 'small' THEN 'grown' ELSE 'known' END AS size
FROM named;

-- ------------------------------------------------------------------------------------------------
-- People and their trials
-- ------------------------------------------------------------------------------------------------

-- Day 0 is 90 days before :until. The first of a company starts on any day, each colleague some
-- days after the one before. Whoever is left over signs up with a personal address.
CREATE TEMP TABLE sim_user ON COMMIT DROP AS
WITH colleague AS (
	SELECT company, seat,
		floor(90 * pg_temp.dice(company, 20)
			+ sum(CASE WHEN seat > 1 THEN 6 * pg_temp.wait(company * 32 + seat, 21) ELSE 0 END)
				OVER (PARTITION BY company ORDER BY seat))::int AS day
	FROM sim_company, generate_series(1, people) AS seat
), drawn AS (
	(SELECT company, seat, day FROM colleague WHERE day < 90 ORDER BY company, seat
		LIMIT :trials * 78 / 100)
	UNION ALL
	SELECT NULL, p, floor(90 * pg_temp.dice(p, 22))::int FROM generate_series(1, :trials) AS p
	LIMIT :trials - :trials / 50
), placed AS (
	SELECT row_number() OVER (ORDER BY day, company, seat)::int AS usr, company, seat, day, segment,
		kind, drive, domain,
		coalesce(zone, pg_temp.pick(ARRAY['America/New_York', 'America/Los_Angeles', 'Europe/London',
			'Europe/Berlin', 'Asia/Kolkata', 'Asia/Singapore'], seat, 23)) AS zone
	FROM drawn LEFT JOIN sim_company USING (company)
), called AS (
	SELECT placed.*,
		pg_temp.pick(ARRAY['Aspen', 'Bramble', 'Briar', 'Clover', 'Cricket', 'Dahlia', 'Elder',
			'Fennel', 'Finch', 'Heather', 'Heron', 'Indigo', 'Ivy', 'Juniper', 'Kestrel', 'Lark',
			'Laurel', 'Linden', 'Lotus', 'Maple', 'Merlin', 'Nettle', 'Oakley', 'Pepper', 'Plover',
			'Quill', 'Robin', 'Rowan', 'Sage', 'Sorrel', 'Sparrow', 'Tansy', 'Thistle', 'Wren',
			'Yarrow'], usr, 24) AS first_name,
		pg_temp.pick(ARRAY['Anvil', 'Basalt', 'Bellows', 'Chalk', 'Chisel', 'Cinder', 'Compass',
			'Dolomite', 'Feldspar', 'Flint', 'Gabbro', 'Garnet', 'Granite', 'Gravel', 'Hammer',
			'Jigsaw', 'Kiln', 'Lathe', 'Limestone', 'Loom', 'Mallet', 'Marble', 'Mica', 'Obsidian',
			'Onyx', 'Pebble', 'Plumbline', 'Pulley', 'Quartz', 'Ratchet', 'Sandstone', 'Shale',
			'Slate', 'Spindle', 'Topaz', 'Trowel', 'Tuff', 'Vise', 'Zircon'], usr, 25) AS last_name,
		pg_temp.pick(ARRAY['data', 'data', 'engineering', 'engineering', 'operations', 'finance',
			'marketing', 'sales', 'product', 'support'], usr, 26) AS department,
		pg_temp.dice(usr, 27) AS rank, pg_temp.dice(usr, 28) AS oddity
	FROM placed
)
SELECT called.*, format('u%s', lpad(usr::text, 5, '0')) AS user_id,
	CASE
		WHEN company IS NULL
			THEN format('user%s@%s', usr, pg_temp.pick(ARRAY['gmail.com', 'gmail.com', 'gmail.com',
				'outlook.com', 'hotmail.com', 'yahoo.com', 'icloud.com', 'proton.me', 'gmx.de',
				'qq.com'], usr, 29))
		WHEN oddity < 0.002 THEN 'test@' || domain
		WHEN oddity < 0.003 THEN 'demo@' || domain
		WHEN oddity < 0.006 THEN format('%s+test%s@%s', lower(first_name), usr % 10, domain)
		ELSE lower(format('%s.%s%s@%s', first_name, last_name,
			nullif(row_number() OVER (PARTITION BY company, first_name, last_name ORDER BY usr), 1),
			domain))
	END AS email
FROM called;

-- The kind of behaviour follows from the person and the company together.
CREATE TEMP TABLE sim_trial ON COMMIT DROP AS
WITH turns AS (
	SELECT usr, 1 AS turn, day FROM sim_user
	UNION ALL
	-- Some come back a month or more later.
	(SELECT usr, 2, day + 28 + floor(14 * pg_temp.dice(usr, 31))::int
		FROM sim_user WHERE day < 46 ORDER BY pg_temp.dice(usr, 32), usr LIMIT :trials / 50)
), dated AS (
	-- Few sign up on Saturdays and Sundays.
	SELECT row_number() OVER (ORDER BY turn, usr) AS trial, usr, turn,
		date + CASE WHEN extract(isodow FROM date) < 6 OR pg_temp.dice(usr * 2 + turn, 33) < 0.3 THEN 0
			ELSE 8 - extract(isodow FROM date)::int + floor(5 * pg_temp.dice(usr * 2 + turn, 36))::int
				- CASE WHEN date + 7 < date :'until' THEN 0 ELSE 7 END END AS date
	FROM (SELECT usr, turn, date :'until' - 90 + day AS date FROM turns) AS t
), timed AS (
	SELECT dated.*, (date + pg_temp.working_hour(trial, 34)) AT TIME ZONE zone AS started_at
	FROM dated JOIN sim_user USING (usr)
), mixed AS (
	SELECT trial, usr, turn, company, segment, zone, user_id,
		-- An evening in the west is already tomorrow in UTC.
		started_at - CASE WHEN started_at >= timestamptz :'until' THEN interval '1 day' ELSE '0' END
			AS started_at,
		0.8 * pg_temp.bell(trial, 37) + 0.6 * coalesce(drive, pg_temp.bell(trial, 39)) AS push,
		pg_temp.dice(trial, 41) AS chance
	FROM timed JOIN sim_user USING (usr)
), parted AS (
	SELECT mixed.*, CASE
		WHEN company IS NULL AND chance < 0.009 THEN 'bot'
		WHEN chance < 0.055 THEN 'pricer'
		WHEN chance < 0.115 AND push > -0.4 AND segment <> 'small' THEN 'wonder'
		WHEN company IS NULL THEN (ARRAY['ghost', 'explorer', 'loner', 'team'])
			[1 + width_bucket(push, ARRAY[-0.6, 0.6, 1.9])]
		WHEN segment = 'small' THEN (ARRAY['ghost', 'explorer', 'loner', 'team', 'power'])
			[1 + width_bucket(push, ARRAY[-0.9, 0.2, 1.1, 2.2])]
		ELSE (ARRAY['ghost', 'explorer', 'loner', 'team', 'power'])
			[1 + width_bucket(push, ARRAY[-1.0, -0.1, 0.5, 1.95])]
		END AS part
	FROM mixed
)
SELECT parted.*, (started_at AT TIME ZONE zone)::date AS first_day,
	turn = 1 AND EXISTS (SELECT FROM turns WHERE turns.usr = parted.usr AND turns.turn = 2) AS comes_back,
	keen * exp(0.35 * pg_temp.bell(trial, 42)) AS keen, fade, more, actions, activates, invites,
	integrates, prices * exp(0.6 * pg_temp.bell(trial, 44)) AS prices, pays
FROM parted JOIN sim_part USING (part);
ALTER TABLE sim_trial ADD PRIMARY KEY (trial);

-- ------------------------------------------------------------------------------------------------
-- Sessions
-- ------------------------------------------------------------------------------------------------

-- Five weeks of them; those after the trial are dropped below unless it was paid for.
CREATE TEMP TABLE sim_session ON COMMIT DROP AS
WITH day AS (
	SELECT trial, zone, started_at, first_day, more, actions, d, trial * 64 + d AS day,
		extract(isodow FROM first_day + d) >= 6 AS weekend, keen, fade, part
	FROM sim_trial, generate_series(0, 34) AS d
	WHERE part <> 'bot'
), active AS (
	SELECT *, 1 + CASE WHEN pg_temp.dice(day, 52) < more THEN 1 ELSE 0 END
		+ CASE WHEN pg_temp.dice(day, 53) < more * 0.4 THEN 1 ELSE 0 END AS sessions
	FROM day
	WHERE d = 0
		OR pg_temp.dice(day, 51) < least(0.95,
			keen * exp(-fade * d) * CASE WHEN weekend THEN 0.2 ELSE 1.1 END)
		-- Half of those who did everything on the first day return on the second.
		OR (part = 'wonder' AND d = 1 AND pg_temp.dice(trial, 54) < 0.5)
), began AS (
	SELECT trial, d, day * 4 + s AS session,
		CASE WHEN d > 0 THEN (first_day + d + pg_temp.working_hour(day * 4 + s, 55)) AT TIME ZONE zone
			WHEN s = 0 THEN started_at + interval '20 seconds'
			ELSE started_at + interval '1 hour' * (s + 2 * pg_temp.dice(day * 4 + s, 58)) END AS began_at,
		least(60, 1 + floor(actions * pg_temp.wait(day * 4 + s, 59)))::int
			+ CASE WHEN part = 'wonder' THEN 8 ELSE 0 END AS actions
	FROM active, generate_series(0, sessions - 1) AS s
)
SELECT trial, d, session, began_at, actions,
	interval '1 second' * floor(40 + actions * (30 + 150 * pg_temp.dice(session, 60))) AS length,
	row_number() OVER (PARTITION BY trial ORDER BY began_at, session)::int AS nth
FROM began;
CREATE INDEX ON sim_session (trial, nth);

-- ------------------------------------------------------------------------------------------------
-- Milestones: activation, invites, integrations, and rarer things
-- ------------------------------------------------------------------------------------------------

CREATE TEMP TABLE sim_extra (trial bigint, at timestamptz, event text, properties jsonb) ON COMMIT DROP;

CREATE TEMP TABLE sim_activation ON COMMIT DROP AS
WITH trials AS (
	SELECT trial, part, activates, invites, integrates, count(*)::int AS sessions
	FROM sim_trial JOIN sim_session USING (trial)
	WHERE d < 14
	GROUP BY sim_trial.trial
)
SELECT *, CASE WHEN pg_temp.dice(trial, 70) < activates THEN
	CASE WHEN pg_temp.dice(trial, 71) < 0.55 OR part = 'wonder' THEN 1
		ELSE least(sessions, 1 + ceil(1.2 * pg_temp.wait(trial, 72)))::int END END AS nth
FROM trials;

INSERT INTO sim_extra
SELECT trial, began_at + length * (0.15 + 0.4 * pg_temp.dice(trial, 73)), 'activation_complete',
	jsonb_build_object('activation_type', pg_temp.pick(ARRAY['first_dashboard', 'first_report',
		'first_alert', 'sample_data'], trial, 74))
FROM sim_activation JOIN sim_session USING (trial, nth);

-- Invites go to colleagues who then start, as far as there are any.
WITH wanted AS (
	SELECT a.trial, a.nth AS least, a.sessions, k, a.trial * 16 + k AS thing
	FROM sim_activation AS a,
		generate_series(1, least(9, 1 + floor(1.7 * pg_temp.wait(a.trial, 76)))::int) AS k
	WHERE pg_temp.dice(a.trial, 75) < a.invites AND a.nth IS NOT NULL
), placed AS (
	SELECT trial, k, thing,
		least + floor((sessions - least + 1) * power(pg_temp.dice(thing, 77), 1.6))::int AS nth
	FROM wanted
)
INSERT INTO sim_extra
SELECT trial, began_at + length * (0.6 + 0.38 * pg_temp.dice(thing, 78)), 'invite_sent',
	jsonb_build_object('invitee_email', coalesce(mate.email,
		format('%s%s@%s', pg_temp.pick(ARRAY['colleague', 'team.lead', 'analyst', 'ops', 'reporting'],
			thing, 79), 1 + floor(6 * pg_temp.dice(thing, 80)), coalesce(u.domain, 'gmail.com'))))
FROM placed JOIN sim_session USING (trial, nth) JOIN sim_trial USING (trial) JOIN sim_user AS u USING (usr)
	LEFT JOIN sim_user AS mate ON mate.company = u.company AND mate.seat = u.seat + k;

WITH wanted AS (
	SELECT a.trial, a.nth AS least, a.sessions, k, a.trial * 16 + k AS thing
	FROM sim_activation AS a, generate_series(1, 1 + (pg_temp.dice(a.trial, 82) < 0.3)::int
		+ (pg_temp.dice(a.trial, 83) < 0.1)::int) AS k
	WHERE pg_temp.dice(a.trial, 81) < a.integrates AND a.nth IS NOT NULL
), placed AS (
	SELECT trial, thing,
		least + floor((sessions - least + 1) * power(pg_temp.dice(thing, 84), 1.6))::int AS nth
	FROM wanted
)
INSERT INTO sim_extra
SELECT trial, began_at + length * (0.6 + 0.38 * pg_temp.dice(thing, 85)), 'integration_connected',
	jsonb_build_object('integration_type', pg_temp.pick(ARRAY['snowflake', 'snowflake', 'bigquery',
		'postgres', 'postgres', 'redshift', 'salesforce', 'hubspot', 'slack', 'slack', 's3',
		'google_sheets'], thing, 86))
FROM placed JOIN sim_session USING (trial, nth);

-- Each at most once in a trial, in one of its sessions.
WITH rare AS (
	SELECT a.trial, r.event, r.properties,
		1 + floor(a.sessions * pg_temp.dice(a.trial, r.throw + 1))::int AS nth,
		pg_temp.dice(a.trial, r.throw + 2) AS part_of_session
	FROM sim_activation AS a, sim_trial AS t, LATERAL (VALUES
		(90, 'usage_limit_hit', '{"limit": "rows"}'::jsonb,
			CASE t.part WHEN 'power' THEN 0.55 WHEN 'team' THEN 0.14 WHEN 'loner' THEN 0.04 ELSE 0 END),
		(93, 'feature_requested', jsonb_build_object('feature',
				pg_temp.pick(ARRAY['sso', 'sso', 'scim', 'audit_log', 'dark_mode', 'mobile_app'], t.trial, 96)),
			CASE WHEN t.part IN ('team', 'power') THEN
				CASE t.segment WHEN 'large' THEN 0.22 WHEN 'mid' THEN 0.12 ELSE 0.05 END ELSE 0.01 END),
		(97, 'support_contacted', jsonb_build_object('topic',
				pg_temp.pick(ARRAY['billing', 'technical', 'technical', 'how_to', 'how_to'], t.trial, 100)),
			CASE WHEN t.part IN ('team', 'power', 'loner') THEN 0.12 ELSE 0.02 END),
		(101, 'content_shared', '{"external": true}',
			CASE WHEN t.part IN ('team', 'power') THEN 0.15 WHEN t.part = 'loner' THEN 0.06 ELSE 0.005 END),
		(104, 'upgrade_started', '{"plan": "team"}',
			CASE WHEN t.part IN ('team', 'power', 'loner', 'pricer') THEN 0.05 ELSE 0.004 END)
	) AS r (throw, event, properties, chance)
	WHERE t.trial = a.trial AND pg_temp.dice(a.trial, r.throw) < r.chance
)
INSERT INTO sim_extra
SELECT trial, began_at + length * part_of_session, event, properties
FROM rare JOIN sim_session USING (trial, nth);

-- ------------------------------------------------------------------------------------------------
-- Who pays
-- ------------------------------------------------------------------------------------------------

CREATE TEMP TABLE sim_payment ON COMMIT DROP AS
WITH done AS (
	SELECT trial, max(at) AS last_milestone,
		bool_or(event = 'activation_complete') AS activated,
		count(DISTINCT properties->>'invitee_email') AS invited,
		count(DISTINCT properties->>'integration_type') AS integrated,
		bool_or(event = 'usage_limit_hit') AS limited
	FROM sim_extra GROUP BY trial
), used AS (
	SELECT trial, count(DISTINCT d) AS days, max(began_at) AS last_session
	FROM sim_session WHERE d < 10 GROUP BY trial
), leaning AS (
	SELECT t.*, done.last_milestone, done.invited,
		t.pays + CASE WHEN activated THEN 0.45 ELSE 0 END
			+ CASE WHEN invited > 0 THEN 0.50 ELSE 0 END + 0.08 * least(coalesce(invited, 0), 5)
			+ CASE WHEN integrated > 0 THEN 0.70 ELSE 0 END
			+ CASE WHEN limited THEN 0.35 ELSE 0 END
			+ 0.07 * least(days, 8)
			+ CASE segment WHEN 'mid' THEN 0.15 WHEN 'large' THEN -0.1 WHEN 'small' THEN 0 ELSE -0.5 END
			+ 0.6 * pg_temp.bell(t.trial, 120) AS logit
	FROM sim_trial AS t JOIN used USING (trial) LEFT JOIN done USING (trial)
	WHERE NOT comes_back
), paid AS (
	-- From the fourth day on, mostly in the second week, sometimes only after the trial.
	SELECT *, greatest(last_milestone + interval '3 hours', started_at + interval '1 day',
		(first_day + 3 + floor(8.5 * (pg_temp.dice(trial, 122) + pg_temp.dice(trial, 123)))::int
			+ pg_temp.working_hour(trial, 124)) AT TIME ZONE zone) AS paid_at
	FROM leaning WHERE pg_temp.dice(trial, 121) < 1 / (1 + exp(-logit))
)
SELECT trial, paid_at,
	CASE WHEN segment IS NULL THEN 'solo' WHEN segment = 'small' THEN 'team' ELSE 'business' END AS plan,
	-- A company's first payment is for the team; colleagues who pay later add a seat.
	CASE WHEN segment IS NULL THEN 29
		WHEN row_number() OVER (PARTITION BY company ORDER BY paid_at) > 1 THEN 49
		WHEN segment = 'small' THEN 49 * (2 + coalesce(invited, 0))
		ELSE 299 + 99 * (3 + coalesce(invited, 0) + floor(6 * pg_temp.wait(trial, 127))) END::float8 AS mrr,
	CASE WHEN pg_temp.dice(trial, 128) < 0.8 THEN 'self_serve' END AS source
FROM paid;

INSERT INTO sim_extra
SELECT trial, paid_at - before, event, properties
FROM sim_payment, LATERAL (VALUES
	(interval '27 minutes', 'session_start', NULL::jsonb),
	(interval '25 minutes', 'page_view', '{"page_path": "/pricing"}'),
	(interval '9 minutes', 'page_view', '{"page_path": "/billing/plans"}'),
	(interval '6 minutes', 'upgrade_started', jsonb_build_object('plan', plan)),
	(interval '0', 'upgrade_completed', jsonb_build_object('plan', plan))) AS e (before, event, properties);

-- Without paying it ends with the trial, but for a curious few.
DELETE FROM sim_session WHERE d >= 14
	AND trial NOT IN (SELECT trial FROM sim_payment) AND pg_temp.dice(trial, 130) > 0.03;

-- ------------------------------------------------------------------------------------------------
-- Into pql's tables
-- ------------------------------------------------------------------------------------------------

INSERT INTO pql.account (account_id, name, domain, employees, industry, crm_owner, kind, attributes)
SELECT account_id, name, domain, CASE WHEN size <> 'unknown' THEN employees END, industry,
	CASE WHEN segment <> 'small' AND pg_temp.dice(company, 140) < 0.25
		THEN format('rep%s@product.example', 1 + company % 4) END,
	kind, jsonb_build_object('timezone', zone,
		'tech_stack', pg_temp.pick(ARRAY['snowflake', 'bigquery', 'redshift', 'postgres', 'spreadsheets'],
			company, 141))
FROM sim_company ORDER BY company;

-- When sizes became known: looked up in the days after the first trial of the company began; or
-- the company has grown past what its people first said.
INSERT INTO pql.fact (subject, name, value, source, recorded_at)
SELECT account_id, 'account.employees', to_jsonb(employees), 'enrichment',
	first_start + interval '1 hour' * floor(2 + 96 * pg_temp.wait(company, 142))
FROM sim_company
	JOIN (SELECT company, min(started_at) AS first_start FROM sim_trial GROUP BY 1) AS t USING (company)
WHERE size IN ('learnt', 'grown')
UNION ALL
SELECT account_id, 'account.employees', to_jsonb(employees * 4 / 5), 'form', '-infinity'
FROM sim_company WHERE size = 'grown';

INSERT INTO pql.person (user_id, email, full_name, title, account_id, signed_up_at, paid_at, opted_out_at,
	suppressed_at, attributes)
SELECT user_id, email, CASE WHEN company IS NOT NULL THEN first_name || ' ' || last_name END,
	CASE WHEN company IS NOT NULL THEN CASE
		WHEN rank < 0.06
			THEN pg_temp.pick(ARRAY['VP', 'Head of', 'Chief Officer,'], usr, 150) || ' ' || initcap(department)
		WHEN rank < 0.30 THEN initcap(department) || ' Manager'
		WHEN rank < 0.40 THEN 'Director, ' || initcap(department)
		ELSE initcap(department) || ' '
			|| pg_temp.pick(ARRAY['Analyst', 'Specialist', 'Engineer', 'Lead'], usr, 151) END END,
	account_id, started_at,
	-- Customers' people may have paid long before this trial.
	CASE WHEN kind = 'customer' AND pg_temp.dice(usr, 152) < 0.5
		THEN started_at - interval '1 day' * floor(60 + 400 * pg_temp.dice(usr, 153)) END,
	CASE WHEN pg_temp.dice(usr, 154) < 0.02
		THEN started_at + interval '1 hour' * floor(24 * (20 * pg_temp.dice(usr, 155) - 6)) END,
	CASE WHEN pg_temp.dice(usr, 156) < 0.004 THEN timestamptz :'until' - interval '200 days' END,
	CASE WHEN company IS NOT NULL THEN jsonb_build_object('department', department) ELSE '{}' END
FROM sim_user LEFT JOIN sim_company USING (company, segment, kind, drive, domain, zone)
	JOIN (SELECT usr, started_at FROM sim_trial WHERE turn = 1) AS t USING (usr)
ORDER BY usr;

-- ends_at is left to pql: 14 days, and a few trials were extended by a week.
INSERT INTO pql.trial (user_id, started_at, ends_at, plan, converted_at, mrr, conversion_source)
SELECT user_id, started_at,
	CASE WHEN pg_temp.dice(trial, 160) < 0.01 THEN started_at + interval '21 days' END,
	CASE WHEN segment IS NULL THEN 'solo' WHEN segment = 'small' THEN 'team' ELSE 'business' END,
	paid_at, mrr, source
FROM sim_trial LEFT JOIN sim_payment USING (trial)
ORDER BY started_at, user_id;

INSERT INTO pql.list_entry (list, entry)
SELECT 'test_accounts', email FROM sim_user WHERE oddity BETWEEN 0.006 AND 0.007
UNION ALL VALUES ('target_industries', 'fintech'), ('target_industries', 'health'),
	('target_industries', 'logistics')
ON CONFLICT DO NOTHING;

CREATE TEMP TABLE sim_event ON COMMIT DROP AS
SELECT trial, started_at AS at, 'signup_complete' AS event,
	jsonb_strip_nulls(jsonb_build_object('email', email, 'company_name', c.name,
		'company_size', CASE WHEN size = 'known' THEN c.employees END,
		'signup_source', pg_temp.pick(ARRAY['organic', 'organic', 'search_ad', 'referral',
			'review_site', 'invite'], trial, 170))) AS properties
FROM sim_trial JOIN sim_user AS u USING (usr) LEFT JOIN sim_company AS c ON c.company = u.company
UNION ALL
SELECT trial, began_at, 'session_start', jsonb_build_object('client',
	CASE WHEN pg_temp.dice(session, 171) < 0.1 THEN 'mobile' ELSE 'web' END)
FROM sim_session
UNION ALL
-- What fills the sessions. Before the activation people mostly read.
SELECT trial, began_at + length * ((i - pg_temp.dice(thing, 172)) / actions), event, CASE event
	WHEN 'page_view' THEN jsonb_build_object('page_path',
		CASE WHEN pg_temp.dice(thing, 174) < prices
			THEN pg_temp.pick(ARRAY['/pricing', '/pricing', '/pricing?plan=team',
				'/pricing#questions', '/billing', '/billing/plans'], thing, 175)
			ELSE pg_temp.pick(ARRAY['/home', '/home', '/dashboards', '/dashboards/17',
				'/docs/start', '/docs/queries', '/templates', '/integrations', '/settings',
				'/settings/members', '/changelog', '/pricing-guide'], thing, 175) END)
	WHEN 'feature_used' THEN CASE
		WHEN pg_temp.dice(thing, 176) < CASE WHEN part IN ('team', 'power') THEN 0.2 ELSE 0.08 END
			THEN jsonb_build_object('feature', pg_temp.pick(ARRAY['alerts', 'scheduled_reports',
				'forecasting', 'access_control', 'version_history'], thing, 177), 'premium', true)
		ELSE jsonb_build_object('feature', pg_temp.pick(ARRAY['dashboard', 'chart_builder',
			'filters', 'search', 'comments', 'templates', 'sql_editor'], thing, 177), 'premium', false) END
	WHEN 'query_run' THEN jsonb_build_object('rows', floor(exp(9 * pg_temp.dice(thing, 178))))
	WHEN 'report_exported'
		THEN jsonb_build_object('format', pg_temp.pick(ARRAY['csv', 'pdf', 'xlsx'], thing, 179))
	WHEN 'content_shared' THEN '{"external": false}'
	END
FROM (
	SELECT s.trial, s.began_at, s.length, s.actions, t.part, t.prices, i, thing, CASE
		WHEN throw < 0.34 OR t.part IN ('ghost', 'pricer') THEN 'page_view'
		WHEN throw < 0.62 THEN 'feature_used'
		WHEN a.nth IS NULL OR s.nth < a.nth THEN 'page_view'
		WHEN throw < 0.90 THEN 'query_run'
		WHEN throw < 0.94 THEN 'report_exported'
		WHEN throw < 0.95 THEN 'content_shared'
		WHEN t.part = 'power' THEN 'api_call'
		ELSE 'query_run' END AS event
	FROM sim_session AS s JOIN sim_trial AS t USING (trial) LEFT JOIN sim_activation AS a USING (trial),
		generate_series(1, s.actions) AS i, LATERAL (SELECT s.session * 128 + i AS thing) AS x,
		LATERAL (SELECT pg_temp.dice(thing, 173) AS throw) AS y
) AS action
UNION ALL
-- Scripts of power users, night and day.
SELECT trial, started_at + interval '1 second'
		* floor(86400 * 14 * power(pg_temp.dice(trial * 1024 + i, 181), 0.7)),
	'api_call', '{"endpoint": "/v1/query"}'
FROM sim_trial, generate_series(1, 40 + floor(60 * pg_temp.wait(trial, 180))::int % 900) AS i
WHERE part = 'power' AND pg_temp.dice(trial, 182) < 0.6
UNION ALL
-- Bots: thousands of pages in a few days, at all hours, and never an activation.
SELECT trial, started_at + interval '1 second'
		* floor(86400 * (1 + 8 * pg_temp.dice(trial, 184)) * pg_temp.dice(trial * 8192 + i, 185)),
	CASE WHEN i % 50 = 1 THEN 'session_start' ELSE 'page_view' END,
	CASE WHEN i % 50 = 1 THEN '{"client": "web"}' ELSE jsonb_build_object('page_path',
		pg_temp.pick(ARRAY['/home', '/dashboards', '/docs/start', '/docs/queries', '/templates',
			'/pricing'], trial * 8192 + i, 186)) END
FROM sim_trial, generate_series(1, 2000 + floor(4000 * pg_temp.dice(trial, 183))::int) AS i
WHERE part = 'bot'
UNION ALL
SELECT trial, at, event, properties FROM sim_extra;

-- In the order of arrival: seconds after the event, and for one in a hundred hours (a phone without
-- a network). One in a thousand arrives twice.
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id)
SELECT user_id, at, event, properties, arrived + again * interval '10 minutes',
	format('e%s', lpad(n::text, 7, '0'))
FROM (
	SELECT e.*, user_id, at + interval '1 second' * CASE WHEN pg_temp.dice(n, 191) < 0.01
		THEN 3600 * (1 + 20 * pg_temp.dice(n, 192)) ELSE 1 + 20 * pg_temp.wait(n, 192) END AS arrived
	FROM (
		SELECT trial, date_trunc('milliseconds', at) AS at, event, properties,
			row_number() OVER (ORDER BY at, trial, event, properties) AS n
		FROM sim_event
	) AS e JOIN sim_trial USING (trial)
) AS numbered, generate_series(0, (pg_temp.dice(n, 193) < 0.001)::int) AS again
ORDER BY arrived + again * interval '10 minutes', n;

COMMIT;
RESET client_min_messages;
VACUUM (ANALYZE) pql.event, pql.person, pql.account, pql.trial, pql.fact;
