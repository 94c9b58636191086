-- Random trials for the differential test: small data sets, each with its timezone, its as_of and
-- its known_at, all in pql's own input tables. The same seed gives the same rows; a data set
-- does not depend on how many there are.
--
-- Uniform random events would almost never come near the rule. So each trial follows a script
-- that nearly qualifies (or nearly holds, or nearly is too late), and instants are taken again and again
-- from the few that matter: other events, the window's ends, 24 hours after an event, 72 hours before
-- the trial's end, each also a microsecond early and late.
--
-- Needs trial.sql.

CREATE TABLE oracle.dataset (
	dataset text PRIMARY KEY,
	tz text NOT NULL,
	as_of timestamptz NOT NULL,
	known_at timestamptz
);
COMMENT ON TABLE oracle.dataset IS 'Random data sets: how each is to be judged. Its users are called dataset_uNN.';

CREATE TABLE oracle.occasion (
	dataset text NOT NULL REFERENCES oracle.dataset,
	n int NOT NULL,
	tz text NOT NULL,
	as_of timestamptz NOT NULL,
	known_at timestamptz,
	PRIMARY KEY (dataset, n)
);
COMMENT ON TABLE oracle.occasion IS 'Instants worth judging each data set at; n = 1 is the data set''s own as_of.';

-- Where and when: days on which clocks change, in zones that change them in different ways.
CREATE TABLE oracle.place (
	n int PRIMARY KEY,
	tz text NOT NULL,
	around date NOT NULL,
	note text NOT NULL
);
INSERT INTO oracle.place VALUES
	( 1, 'UTC',                 '2024-02-29', 'no changes, a leap day'),
	( 2, 'America/New_York',    '2024-03-10', '02:00 forward'),
	( 3, 'Europe/Berlin',       '2024-03-31', '02:00 forward'),
	( 4, 'Australia/Lord_Howe', '2024-04-07', 'half an hour back'),
	( 5, 'America/Sao_Paulo',   '2018-11-04', 'midnight does not exist'),
	( 6, 'Asia/Kathmandu',      '2024-01-01', 'UTC+05:45, a new year'),
	( 7, 'Pacific/Apia',        '2011-12-30', 'a day that does not exist'),
	( 8, 'America/Havana',      '2024-11-03', 'midnight comes twice'),
	( 9, 'America/New_York',    '2024-11-03', '02:00 back'),
	(10, 'Europe/Berlin',       '2024-10-27', '03:00 back'),
	(11, 'Australia/Lord_Howe', '2024-10-06', 'half an hour forward'),
	(12, 'America/Sao_Paulo',   '2018-02-18', 'a day of 25 hours: midnight back to 23:00'),
	(13, 'America/Havana',      '2024-03-10', 'midnight does not exist'),
	(14, 'Pacific/Chatham',     '2024-04-07', 'UTC+13:45 back to +12:45'),
	(15, 'Atlantic/Azores',     '2024-10-27', 'midnight comes twice'),
	(16, 'America/Havana',      '2023-11-05', 'midnight comes twice');
COMMENT ON TABLE oracle.place IS 'The timezones and dates that data sets take turns with.';

CREATE TABLE oracle.raw_event (
	user_id text,
	occurred_at timestamptz,
	event text,
	properties jsonb,
	received_at timestamptz,
	event_id text
);
CREATE INDEX ON oracle.raw_event (user_id);
COMMENT ON TABLE oracle.raw_event IS 'Events while they are made up; they move to pql.event all together.';

CREATE TABLE oracle.raw_trial (
	dataset text,
	user_id text,
	started_at timestamptz,
	ends_at timestamptz,
	tz text,
	script text,
	held_at timestamptz,             -- the last of the events that should make a hold
	PRIMARY KEY (user_id, started_at)
);
COMMENT ON TABLE oracle.raw_trial IS 'Trials while they are made up.';


-- Dice

CREATE FUNCTION oracle.chance(p float8) RETURNS boolean
LANGUAGE sql VOLATILE
AS $$ SELECT random() < p $$;
COMMENT ON FUNCTION oracle.chance IS 'True with probability p.';

CREATE FUNCTION oracle.dice(low int, high int) RETURNS int
LANGUAGE sql VOLATILE
AS $$ SELECT low + floor(random() * (high - low + 1))::int $$;
COMMENT ON FUNCTION oracle.dice IS 'A whole number, both ends included.';

CREATE FUNCTION oracle.pick(VARIADIC options text[]) RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT options[oracle.dice(1, cardinality(options))] $$;
COMMENT ON FUNCTION oracle.pick(text[]) IS 'One of the arguments.';

CREATE FUNCTION oracle.pick(VARIADIC options int[]) RETURNS int
LANGUAGE sql VOLATILE
AS $$ SELECT options[oracle.dice(1, cardinality(options))] $$;
COMMENT ON FUNCTION oracle.pick(int[]) IS 'One of the arguments.';

CREATE FUNCTION oracle.pick(VARIADIC options timestamptz[]) RETURNS timestamptz
LANGUAGE sql VOLATILE
AS $$ SELECT options[oracle.dice(1, cardinality(options))] $$;
COMMENT ON FUNCTION oracle.pick(timestamptz[]) IS 'One of the arguments.';

-- Microseconds that matter around an instant.
CREATE FUNCTION oracle.nudge(t timestamptz) RETURNS timestamptz
LANGUAGE sql VOLATILE
AS $$ SELECT t + oracle.dice(-1, 1) * interval '1 microsecond' $$;
COMMENT ON FUNCTION oracle.nudge IS 'The instant, or a microsecond before or after.';

CREATE FUNCTION oracle.instant_on(day date, tz text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	r float8 := random();
	t time;
BEGIN
	IF r < 0.08 THEN
		RETURN oracle.first_instant(day, tz);
	ELSIF r < 0.14 THEN
		RETURN oracle.first_instant(day + 1, tz) - interval '1 microsecond';
	ELSIF r < 0.22 THEN
		t := oracle.pick('00:00', '00:30', '01:00', '01:30', '02:00', '02:30', '03:00', '23:30',
		                 '23:59:59.999999')::time;
	ELSE
		t := time '00:00' + oracle.dice(0, 86399) * interval '1 second'
		     + oracle.dice(0, 999999) * interval '1 microsecond';
	END IF;
	RETURN (day + t) AT TIME ZONE tz;
END
$$;
COMMENT ON FUNCTION oracle.instant_on IS 'Some instant of a local day, often one of its ends.';


-- An instant of a trial that is likely to matter.
CREATE FUNCTION oracle.edge(who text, trial_start timestamptz) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	t oracle.raw_trial;
	at timestamptz[];
	day_11 timestamptz;
	r float8 := random();
BEGIN
	SELECT * INTO STRICT t FROM oracle.raw_trial x WHERE x.user_id = who AND x.started_at = trial_start;
	day_11 := oracle.first_instant(oracle.local_date(trial_start, t.tz) + 10, t.tz);
	IF r < 0.15 AND t.held_at IS NOT NULL THEN
		RETURN CASE oracle.dice(1, 4)
			WHEN 1 THEN oracle.nudge(t.held_at + interval '24 hours')
			WHEN 2 THEN oracle.nudge(day_11)
			ELSE t.held_at + oracle.dice(0, 1500) * interval '1 minute'
		END;
	ELSIF r < 0.48 THEN
		at := ARRAY(SELECT DISTINCT e.occurred_at FROM oracle.raw_event e
		            WHERE e.user_id = who AND isfinite(e.occurred_at) ORDER BY 1);
		IF cardinality(at) = 0 THEN
			RETURN trial_start;
		END IF;
		RETURN CASE oracle.dice(1, 5)
			WHEN 1 THEN oracle.nudge(oracle.pick(VARIADIC at) + interval '24 hours')
			WHEN 2 THEN oracle.nudge(oracle.pick(VARIADIC at))
			ELSE oracle.pick(VARIADIC at)
		END;
	ELSIF r < 0.56 THEN
		RETURN oracle.nudge(day_11);
	ELSIF r < 0.63 THEN
		RETURN oracle.nudge(t.ends_at - interval '72 hours');
	ELSIF r < 0.67 THEN
		RETURN oracle.nudge(trial_start);
	ELSIF r < 0.70 THEN
		RETURN oracle.nudge(t.ends_at);
	ELSE
		RETURN oracle.instant_on(oracle.local_date(trial_start, t.tz) + oracle.dice(0, 12), t.tz);
	END IF;
END
$$;
COMMENT ON FUNCTION oracle.edge IS 'An instant at which something about the trial may change.';


-- Properties

CREATE FUNCTION oracle.odd_json() RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
	SELECT oracle.pick('null', '5', '0', 'true', 'false', '""', '{}', '[]', '{"a": 1}',
	                   '["/billing"]', '1.50', '" "')::jsonb
$$;
COMMENT ON FUNCTION oracle.odd_json IS 'A value of a kind one does not expect.';

CREATE FUNCTION oracle.odd_properties() RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
	SELECT oracle.pick(NULL, 'null', '{}', '[]', '7', '"invitee_email"', '["invitee_email", "page_path"]',
	                   '[{"invitee_email": "a@b.example", "page_path": "/billing"}]',
	                   '{"Invitee_Email": "a@b.example", "integrationtype": "x", "path": "/billing"}',
	                   '{"nested": {"invitee_email": "a@b.example", "page_path": "/pricing"}}')::jsonb
$$;
COMMENT ON FUNCTION oracle.odd_properties IS 'Properties that hold nothing a measure wants.';

CREATE FUNCTION oracle.properties_for(event text, good float8) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	key text := CASE event WHEN 'invite_sent' THEN 'invitee_email'
	                       WHEN 'integration_connected' THEN 'integration_type'
	                       WHEN 'page_view' THEN 'page_path' END;
	value jsonb;
BEGIN
	IF oracle.chance(1 - good) THEN
		IF key IS NULL OR oracle.chance(0.5) THEN
			RETURN oracle.odd_properties();
		END IF;
		RETURN jsonb_build_object(key, oracle.odd_json(), 'extra', 1);
	END IF;
	value := CASE event
		WHEN 'invite_sent' THEN
			to_jsonb(oracle.pick('ann', 'bob', 'eve', 'Ann') || '@' || oracle.pick('acme', 'beta') || '.example')
		WHEN 'integration_connected' THEN
			to_jsonb(oracle.pick('snowflake', 'salesforce', 'Snowflake', 'segment'))
		WHEN 'page_view' THEN
			to_jsonb(oracle.pick('/billing', '/pricing', '/billing/plans', '/pricing?plan=team',
			                     '/billing#card', '/pricing/', '/billing?', '/pricing#'))
	END;
	IF value IS NULL THEN
		RETURN oracle.pick(NULL, '{}', '{"activation_type": "query"}', '{"invitee_email": "x@y.example"}')::jsonb;
	END IF;
	RETURN jsonb_build_object(key, value)
	       || oracle.pick('{}', '{}', '{"zeta": [1, {"page_path": "/x"}]}', '{"a": null}')::jsonb;
END
$$;
COMMENT ON FUNCTION oracle.properties_for IS 'Properties of an event; with probability good the model can use them.';

CREATE FUNCTION oracle.other_page() RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
	SELECT jsonb_build_object('page_path',
		oracle.pick('/', '/billingx', '/pricing-old', '/Billing', 'billing', '/docs/billing', '//billing',
		            ' /billing', '/billing ', '/bill', '/pricin', '/pricing&x', E'/billing\n', '/pricing.html'))
$$;
COMMENT ON FUNCTION oracle.other_page IS 'A page that is neither billing nor pricing, though it may look like it.';


-- One event, with what loaders do to events.
CREATE FUNCTION oracle.add_event(who text, at timestamptz, name text, properties jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	received timestamptz;
	id text;
BEGIN
	received := CASE oracle.dice(1, 10)
		WHEN 1 THEN at
		WHEN 2 THEN at + oracle.dice(1, 300) * interval '1 second'
		WHEN 3 THEN at + oracle.dice(1, 300) * interval '1 second'
		WHEN 4 THEN at + oracle.dice(1, 100) * interval '1 hour'
		WHEN 5 THEN at - interval '1 second'
	END;
	IF oracle.chance(0.3) THEN
		id := who || '-' || (SELECT count(*) FROM oracle.raw_event e WHERE e.user_id = who);
	END IF;
	INSERT INTO oracle.raw_event VALUES (who, at, name, properties, received, id);
	IF id IS NOT NULL AND oracle.chance(0.25) THEN          -- the loader repeats itself, perhaps later
		INSERT INTO oracle.raw_event
		SELECT who, at, name, properties, received + g * oracle.pick(0, 1, 7200) * interval '1 second', id
		FROM generate_series(1, oracle.dice(1, 2)) g;
	ELSIF id IS NULL AND oracle.chance(0.04) THEN           -- equal rows that are not repeats
		INSERT INTO oracle.raw_event VALUES (who, at, name, properties, received, NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION oracle.add_event IS 'Writes an event, sometimes twice.';

CREATE FUNCTION oracle.add_noise(who text, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	name text := oracle.pick('session_start', 'session_start', 'page_view', 'page_view', 'report_opened',
	                         'invite_sent', 'integration_connected', 'signup_complete', 'Session_Start',
	                         'activation_complete ', '', 'logout', '*', 'invite_sent_x', 'page_vie');
BEGIN
	IF name = 'page_view' AND oracle.chance(0.6) THEN
		PERFORM oracle.add_event(who, at, name, oracle.other_page());
	ELSE
		PERFORM oracle.add_event(who, at, name, oracle.properties_for(name, 0.4));
	END IF;
END
$$;
COMMENT ON FUNCTION oracle.add_noise IS 'Writes an event that seldom matters.';


-- The events of one trial. hot is the trial day around which the data set will be judged.
CREATE FUNCTION oracle.random_trial(who text, trial_start timestamptz, hot int) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	t oracle.raw_trial;
	first_day date;
	day_11 timestamptz;
	v_script text;
	day int;
	at timestamptz;
	last_at timestamptz;
	names text[];
	name text;
BEGIN
	SELECT * INTO STRICT t FROM oracle.raw_trial x WHERE x.user_id = who AND x.started_at = trial_start;
	first_day := oracle.local_date(trial_start, t.tz);
	day_11 := oracle.first_instant(first_day + 10, t.tz);
	v_script := oracle.pick('hold', 'hold', 'hold', 'hold', 'hold_day_10', 'hold_day_10', 'hold_day_10',
	                      'acme', 'acme', 'acme', 'acme', 'intent', 'intent', 'window', 'window', 'window',
	                      'late', 'late', 'below', 'wild');
	IF oracle.chance(0.03) THEN
		v_script := 'silent';
	END IF;

	IF v_script IN ('hold', 'hold_day_10') THEN
		-- Activation, invite and integration on one day; then something, or nothing, about a day later.
		day := CASE WHEN v_script = 'hold_day_10' THEN 10
		            WHEN oracle.chance(0.6) THEN greatest(1, least(10, hot - oracle.dice(0, 1)))
		            ELSE oracle.pick(1, 1, 2, 5, 8, 9, 10) END;
		names := ARRAY['activation_complete', 'invite_sent', 'integration_connected'];
		IF oracle.chance(0.15) THEN
			names := names || oracle.pick('invite_sent', 'integration_connected', 'activation_complete');
		END IF;
		IF oracle.chance(0.06) THEN
			names := names[2:];                              -- one of the three is missing after all
		END IF;
		FOREACH name IN ARRAY names LOOP
			at := CASE WHEN last_at IS NOT NULL AND oracle.chance(0.2) THEN last_at
			           ELSE oracle.instant_on(first_day + day - 1, t.tz) END;
			at := greatest(at, trial_start);
			PERFORM oracle.add_event(who, at, name, oracle.properties_for(name, 0.97));
			last_at := greatest(last_at, at);
		END LOOP;
		UPDATE oracle.raw_trial x SET held_at = last_at WHERE x.user_id = who AND x.started_at = trial_start;
		FOR i IN 1 .. oracle.dice(0, 2) LOOP
			at := CASE oracle.dice(1, 7)
				WHEN 1 THEN last_at + interval '24 hours' - interval '1 microsecond'
				WHEN 2 THEN last_at + interval '24 hours'
				WHEN 3 THEN last_at + interval '24 hours' + interval '1 microsecond'
				WHEN 4 THEN oracle.nudge(oracle.first_instant(first_day + day, t.tz))
				WHEN 5 THEN last_at + oracle.dice(1, 40) * interval '1 hour'
				ELSE last_at + oracle.dice(600, 1500) * interval '1 minute'
			END;
			name := oracle.pick('session_start', 'report_opened', 'page_view', 'invite_sent', 'logout',
			                    'session_start', '');
			PERFORM oracle.add_event(who, at, name, oracle.properties_for(name, 0.5));
		END LOOP;
		FOR i IN 1 .. oracle.dice(0, 2) LOOP                 -- sessions, mostly on days before
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(0, day), t.tz),
			                         'session_start', NULL);
		END LOOP;

	ELSIF v_script = 'acme' THEN
		-- The ordinary good trial, spread over days up to about the hot one.
		day := oracle.dice(2, greatest(2, least(10, hot + 1)));
		FOREACH name IN ARRAY ARRAY['activation_complete', 'invite_sent', 'integration_connected'] LOOP
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(1, day) - 1, t.tz),
			                         name, oracle.properties_for(name, 0.92));
		END LOOP;
		FOR i IN 1 .. oracle.dice(0, 4) LOOP
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(0, 10), t.tz),
			                         'session_start', oracle.odd_properties());
		END LOOP;
		FOR i IN 1 .. oracle.dice(0, 2) LOOP
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(0, 10), t.tz),
			                         'page_view', oracle.properties_for('page_view', 0.8));
		END LOOP;

	ELSIF v_script = 'intent' THEN
		-- Sessions and prices: four points without an invite or an integration.
		IF oracle.chance(0.9) THEN
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(0, 4), t.tz),
			                         'activation_complete', NULL);
		END IF;
		FOR i IN 1 .. oracle.dice(2, 4) LOOP
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(0, least(10, hot)), t.tz),
			                         'session_start', NULL);
		END LOOP;
		FOR i IN 1 .. oracle.dice(1, 3) LOOP
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(0, least(10, hot)), t.tz),
			                         'page_view', oracle.properties_for('page_view', 0.9));
		END LOOP;

	ELSIF v_script = 'window' THEN
		-- All but one thing early; the last one at an end of the window.
		names := ARRAY['activation_complete', 'invite_sent', 'integration_connected'];
		day := oracle.dice(1, 3);                            -- the one that comes at the end
		FOR i IN 1 .. 3 LOOP
			IF i = day THEN
				at := CASE oracle.dice(1, 6)
					WHEN 1 THEN day_11 - interval '1 microsecond'
					WHEN 2 THEN day_11
					WHEN 3 THEN oracle.nudge(day_11)
					WHEN 4 THEN trial_start
					WHEN 5 THEN trial_start - interval '1 microsecond'
					ELSE oracle.instant_on(first_day + oracle.dice(8, 11), t.tz)
				END;
			ELSE
				at := CASE WHEN oracle.chance(0.15) THEN trial_start
				           ELSE oracle.instant_on(first_day + oracle.dice(0, 8), t.tz) END;
			END IF;
			PERFORM oracle.add_event(who, at, names[i], oracle.properties_for(names[i], 1));
		END LOOP;
		FOR i IN 1 .. oracle.dice(0, 3) LOOP
			PERFORM oracle.add_event(who, oracle.pick(day_11, day_11 - interval '1 microsecond', trial_start,
			                                          oracle.instant_on(first_day + oracle.dice(0, 11), t.tz)),
			                         oracle.pick('session_start', 'page_view'),
			                         oracle.properties_for('page_view', 1));
		END LOOP;

	ELSIF v_script = 'late' THEN
		-- Complete only when the trial has few days left; prices looked at then, or not.
		at := t.ends_at - interval '72 hours';
		FOREACH name IN ARRAY ARRAY['activation_complete', 'invite_sent', 'integration_connected'] LOOP
			PERFORM oracle.add_event(who,
				CASE WHEN oracle.chance(0.35) THEN oracle.nudge(at)
				     WHEN oracle.chance(0.5) THEN at + oracle.dice(-40, 40) * interval '1 hour'
				     ELSE oracle.instant_on(first_day + oracle.dice(0, least(8, hot)), t.tz) END,
				name, oracle.properties_for(name, 0.97));
		END LOOP;
		FOR i IN 1 .. oracle.dice(0, 2) LOOP
			PERFORM oracle.add_event(who, at + oracle.dice(-10, 80) * interval '1 hour', 'page_view',
			                         CASE WHEN oracle.chance(0.7) THEN oracle.properties_for('page_view', 1)
			                              ELSE oracle.other_page() END);
		END LOOP;

	ELSIF v_script = 'below' THEN
		IF oracle.chance(0.8) THEN
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(0, 9), t.tz),
			                         'activation_complete', NULL);
		END IF;
		FOR i IN 1 .. oracle.dice(1, 4) LOOP
			name := oracle.pick('invite_sent', 'session_start', 'session_start', 'page_view');
			PERFORM oracle.add_event(who, oracle.instant_on(first_day + oracle.dice(0, 9), t.tz),
			                         name, oracle.properties_for(name, 0.7));
		END LOOP;

	ELSIF v_script = 'wild' THEN
		FOR i IN 1 .. oracle.dice(5, 34) LOOP
			name := oracle.pick('activation_complete', 'invite_sent', 'integration_connected',
			                    'session_start', 'page_view', 'session_start', 'page_view', 'report_opened');
			at := CASE WHEN last_at IS NOT NULL AND oracle.chance(0.15) THEN last_at
			           ELSE oracle.instant_on(first_day + oracle.dice(-1, 13), t.tz) END;
			PERFORM oracle.add_event(who, at, name, oracle.properties_for(name, 0.6));
			last_at := at;
		END LOOP;
	END IF;

	UPDATE oracle.raw_trial x SET script = v_script
	WHERE x.user_id = who AND x.started_at = trial_start;
	IF v_script <> 'silent' AND oracle.chance(0.45) THEN
		FOR i IN 1 .. oracle.dice(1, 5) LOOP
			PERFORM oracle.add_noise(who, CASE WHEN oracle.chance(0.3) THEN oracle.edge(who, trial_start)
			                                   ELSE oracle.instant_on(first_day + oracle.dice(-1, 14), t.tz) END);
		END LOOP;
	END IF;
END
$$;
COMMENT ON FUNCTION oracle.random_trial IS 'Events of one trial, after a script drawn at random.';


CREATE FUNCTION oracle.random_dataset(seed int, d int) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	ds text := 'd' || lpad(d::text, greatest(3, length(d::text)), '0');
	place oracle.place;
	base date;
	hot int;
	trials int := 0;
	wanted int;
	who text;
	u int := 0;
	start timestamptz;
	ends timestamptz;
	r float8;
	t record;
	account text;
	at timestamptz;
	at2 timestamptz;
	v_as_of timestamptz;
	v_known_at timestamptz;
	near timestamptz[];
	held timestamptz[];
	size int;
	address text;
	domain text;
	disposition text;
BEGIN
	PERFORM setseed((((seed::bigint * 7919 + d::bigint * 104729) % 1000003) / 1000003.0)::float8);
	SELECT p.* INTO STRICT place FROM oracle.place p
	WHERE p.n = 1 + (d - 1) % (SELECT count(*) FROM oracle.place);
	-- The odd day falls into most windows, and often it is the first one after.
	base := place.around - CASE WHEN oracle.chance(0.4) THEN oracle.dice(9, 11) ELSE oracle.dice(0, 11) END;
	hot := oracle.dice(1, 12);
	wanted := oracle.dice(8, 12);

	-- Companies
	FOR i IN 1 .. 4 LOOP
		r := random();
		INSERT INTO pql.account (account_id, name, employees, kind)
		VALUES (ds || '_a' || i, initcap(ds) || ' ' || i,
		        CASE WHEN r < 0.30 THEN oracle.pick(200, 2000, 201, 1999)
		             WHEN r < 0.90 THEN oracle.dice(200, 2000)
		             WHEN r < 0.95 THEN oracle.pick(199, 2001, 50, 0, 100000) END,
		        CASE WHEN oracle.chance(0.03) THEN oracle.pick('competitor', 'partner', 'internal')
		             ELSE oracle.pick(NULL, 'prospect', 'customer', 'Partner') END);
	END LOOP;

	-- People and their trials
	WHILE trials < wanted LOOP
		u := u + 1;
		who := ds || '_u' || lpad(u::text, 2, '0');
		r := random();
		FOR n IN 1 .. CASE WHEN r < 0.72 THEN 1 WHEN r < 0.94 THEN 2 ELSE 3 END LOOP
			IF n = 1 THEN
				start := oracle.instant_on(base + oracle.dice(-2, 2), place.tz);
			ELSIF oracle.chance(0.6) THEN
				start := oracle.edge(who, start);            -- cuts the trial before, often at an event
			ELSE
				start := start + oracle.dice(10, 400) * interval '1 hour';
			END IF;
			CONTINUE WHEN EXISTS (SELECT FROM oracle.raw_trial x
			                      WHERE x.user_id = who AND x.started_at = start);
			ends := ((start AT TIME ZONE place.tz) + interval '14 days') AT TIME ZONE place.tz;
			r := random();
			IF r < 0.10 THEN
				ends := start + oracle.dice(20, 260) * interval '1 hour';
			ELSIF r < 0.16 THEN                              -- 72 hours before the end is an edge of a day
				ends := oracle.first_instant(oracle.local_date(start, place.tz) + oracle.dice(1, 10), place.tz)
				        + interval '72 hours' + oracle.dice(-1, 1) * interval '1 microsecond';
			ELSIF r < 0.20 THEN
				ends := start + oracle.dice(15, 40) * interval '1 day';
			END IF;
			INSERT INTO oracle.raw_trial VALUES (ds, who, start, ends, place.tz);
			INSERT INTO pql.trial (user_id, started_at, ends_at, plan)
			VALUES (who, start, CASE WHEN r < 0.20 OR oracle.chance(0.2) THEN ends END, 'team');
			IF n > 1 AND oracle.chance(0.12) THEN            -- paid as, or just before, the next one began
				UPDATE pql.trial x SET converted_at = start - oracle.dice(0, 1) * interval '1 microsecond', mrr = 49
				WHERE x.user_id = who
				  AND x.started_at = (SELECT max(y.started_at) FROM oracle.raw_trial y
				                      WHERE y.user_id = who AND y.started_at < start);
			END IF;
			trials := trials + 1;
			PERFORM oracle.random_trial(who, start, hot);
			IF oracle.chance(0.09) THEN
				at := CASE oracle.dice(1, 4)
					WHEN 1 THEN start + oracle.dice(-100, 0) * interval '1 hour'
					WHEN 2 THEN ends + oracle.dice(0, 200) * interval '1 hour'
					ELSE oracle.edge(who, start) END;
				UPDATE pql.trial x SET converted_at = at, mrr = 99
				WHERE x.user_id = who AND x.started_at = start;
			END IF;
		END LOOP;

		CONTINUE WHEN oracle.chance(0.03);                   -- nobody knows this person

		account := CASE WHEN oracle.chance(0.93) THEN ds || '_a' || u
		                WHEN oracle.chance(0.7) THEN NULL
		                ELSE ds || '_nowhere' END;
		domain := CASE WHEN account IS NULL AND oracle.chance(0.6) THEN 'gmail.com'
		               WHEN oracle.chance(0.06) THEN 'yahoo.com'
		               WHEN oracle.chance(0.03) THEN 'GMail.com'
		               ELSE 'acme.example' END;
		address := CASE WHEN oracle.chance(0.93)
		                THEN oracle.pick('ann', 'bob', 'Eve', 'tess', 'demonstrator', 'contest')
		                ELSE oracle.pick('test', 'demo', 'TEST', 'ann+test', 'ann+test7', 'ann+TEST07', 'demo.user',
		                                 'test1', 'ann+tester', 'ann+test-1', 'anntest', '+test') END
		           || '@' || domain;
		IF oracle.chance(0.02) THEN
			address := ds || '.listed@acme.example';
			INSERT INTO pql.list_entry VALUES ('test_accounts', address) ON CONFLICT DO NOTHING;
		ELSIF oracle.chance(0.08) THEN
			address := '  ' || upper(address) || ' ';
		ELSIF oracle.chance(0.03) THEN
			address := NULL;
		END IF;
		INSERT INTO pql.person (user_id, email, account_id, opted_out_at, suppressed_at, paid_at)
		VALUES (who, address, account,
		        CASE WHEN oracle.chance(0.04) THEN oracle.edge(who, start) END,
		        CASE WHEN oracle.chance(0.04) THEN oracle.edge(who, start) END,
		        CASE WHEN oracle.chance(0.05) THEN oracle.pick(start - interval '30 days', start,
		             start - interval '1 microsecond', oracle.edge(who, start)) END);
		-- Its own company, if the four are used up; several people share the last one now and then.
		IF account = ds || '_a' || u AND u > 4 THEN
			IF oracle.chance(0.15) THEN
				UPDATE pql.person p SET account_id = ds || '_a' || oracle.dice(1, 4) WHERE p.user_id = who;
			ELSE
				INSERT INTO pql.account (account_id, name, employees, kind)
				VALUES (account, initcap(account),
				        CASE WHEN oracle.chance(0.9) THEN oracle.dice(200, 2000)
				             WHEN oracle.chance(0.5) THEN oracle.pick(199, 2001) END,
				        CASE WHEN oracle.chance(0.04) THEN oracle.pick('competitor', 'partner', 'internal') END);
			END IF;
		END IF;

		-- What became of it, told by a rep
		IF oracle.chance(0.12) THEN
			FOR i IN 1 .. oracle.dice(1, 3) LOOP
				disposition := oracle.pick('disqualified', 'no_response', 'nurture', NULL, 'Disqualified');
				INSERT INTO pql.fact
				VALUES (who, 'lead.disposition', to_jsonb(disposition), 'rep', oracle.edge(who, start))
				ON CONFLICT DO NOTHING;
			END LOOP;
		END IF;

		-- An address that was corrected
		IF address IS NOT NULL AND oracle.chance(0.02) THEN
			INSERT INTO pql.fact VALUES (who, 'person.email', to_jsonb('test@acme.example'::text), 'form', '-infinity');
			INSERT INTO pql.fact VALUES (who, 'person.email', to_jsonb(address), 'crm', oracle.edge(who, start));
		END IF;
	END LOOP;

	-- Companies whose facts have a history; its last line is what the company's row holds.
	FOR t IN
		SELECT DISTINCT ON (p.account_id) p.account_id, x.user_id, x.started_at, x.script
		FROM pql.person p
		JOIN oracle.raw_trial x ON x.user_id = p.user_id
		JOIN pql.account a ON a.account_id = p.account_id
		WHERE x.dataset = ds
		ORDER BY p.account_id, x.user_id, x.started_at
	LOOP
		r := random();
		size := oracle.dice(200, 2000);
		at := oracle.edge(t.user_id, t.started_at);
		at2 := oracle.edge(t.user_id, t.started_at);
		IF t.script = 'hold_day_10' AND oracle.chance(0.4) THEN      -- as the window closes
			at := oracle.nudge(oracle.first_instant(oracle.local_date(t.started_at, place.tz) + 10, place.tz));
			r := oracle.pick(0, 21, 31) / 100.0;
		END IF;
		CONTINUE WHEN at = at2;
		INSERT INTO pql.fact
		SELECT t.account_id, 'account.employees', f.value, 'enrichment', f.at
		FROM (VALUES
			(0.00, 0.16, at, to_jsonb(size)),                      -- learnt
			(0.16, 0.20, '-infinity', to_jsonb(size)),             -- always known
			(0.20, 0.23, '-infinity', to_jsonb(size)),             -- grew out of the range
			(0.20, 0.23, at, to_jsonb(oracle.pick(2001, 199))),
			(0.23, 0.28, '-infinity', to_jsonb(oracle.pick(2001, 199))), -- came into the range
			(0.23, 0.28, at, to_jsonb(size)),
			(0.28, 0.31, '-infinity', to_jsonb(size)),             -- forgotten, perhaps learnt again
			(0.28, 0.31, least(at, at2), 'null'),
			(0.28, 0.30, greatest(at, at2), to_jsonb(size + 1)),
			(0.31, 0.34, '-infinity', NULL),                       -- known to be unknown; learnt, lost
			(0.31, 0.34, least(at, at2), to_jsonb(size)),
			(0.31, 0.34, greatest(at, at2), to_jsonb(oracle.pick(5, 2500)))
		) f (low, high, at, value)
		WHERE r >= f.low AND r < f.high;
		r := random();
		INSERT INTO pql.fact
		SELECT t.account_id, 'account.kind', to_jsonb(f.value), 'crm', f.at
		FROM (VALUES
			(0.00, 0.03, '-infinity', 'prospect'),                 -- turned out to be one
			(0.00, 0.03, at2, oracle.pick('competitor', 'partner', 'internal')),
			(0.03, 0.07, '-infinity', oracle.pick('competitor', 'internal')), -- cleared
			(0.03, 0.07, at2, oracle.pick('prospect', NULL)),
			(0.07, 0.08, at2, 'customer')
		) f (low, high, at, value)
		WHERE r >= f.low AND r < f.high;
	END LOOP;

	-- Rows that are nobody's, never, or nothing
	PERFORM oracle.add_event(NULL, start, 'activation_complete', NULL);
	PERFORM oracle.add_event(ds || '_stranger', start, 'activation_complete', NULL);
	FOR t IN SELECT x.user_id, x.started_at FROM oracle.raw_trial x WHERE x.dataset = ds
	         ORDER BY x.user_id, x.started_at
	LOOP
		IF oracle.chance(0.25) THEN
			PERFORM oracle.add_event(t.user_id, oracle.pick(NULL, 'infinity', '-infinity')::timestamptz,
			                         oracle.pick('activation_complete', 'invite_sent', 'session_start'),
			                         '{"invitee_email": "late@acme.example"}');
		END IF;
		IF oracle.chance(0.15) THEN
			PERFORM oracle.add_event(t.user_id, oracle.edge(t.user_id, t.started_at), NULL,
			                         '{"page_path": "/billing"}');
		END IF;
	END LOOP;

	-- When to look: most often near the hot day, where many things can still change.
	FOR n IN 1 .. 3 LOOP
		near := '{}';
		FOR t IN SELECT x.user_id, x.started_at FROM oracle.raw_trial x WHERE x.dataset = ds
		         ORDER BY x.user_id, x.started_at
		LOOP
			FOR i IN 1 .. 6 LOOP
				at := oracle.edge(t.user_id, t.started_at);
				IF abs(oracle.local_date(at, place.tz) - (base + hot)) <= 1
				   OR i = 1 AND oracle.chance(0.15) THEN
					near := near || at;
				END IF;
			END LOOP;
		END LOOP;
		held := ARRAY(SELECT x.held_at FROM oracle.raw_trial x
		              WHERE x.dataset = ds AND x.held_at IS NOT NULL ORDER BY 1);
		v_as_of := CASE
			WHEN cardinality(held) > 0 AND oracle.chance(0.4)
			THEN oracle.pick(VARIADIC held) + oracle.dice(0, 1440) * interval '1 minute'
			WHEN cardinality(near) > 0 AND oracle.chance(0.75) THEN oracle.pick(VARIADIC near)
			WHEN oracle.chance(0.3) THEN (base + oracle.dice(12, 60))::timestamp AT TIME ZONE place.tz
			ELSE oracle.instant_on(base + hot + oracle.dice(-1, 1), place.tz)
		END;
		r := random();
		v_known_at := CASE
			WHEN r < 0.50 THEN NULL
			WHEN r < 0.65 THEN v_as_of
			WHEN r < 0.80 THEN v_as_of + oracle.dice(-30, 100) * interval '1 hour'
			WHEN r < 0.88 THEN (SELECT oracle.nudge(max(f.recorded_at)) FROM pql.fact f
			                    WHERE f.subject LIKE ds || '\_%' AND f.recorded_at <= v_as_of
			                      AND isfinite(f.recorded_at))
			ELSE (SELECT max(e.received_at) FROM oracle.raw_event e
			      WHERE e.user_id LIKE ds || '\_%' AND e.received_at <= v_as_of + interval '1 day')
		END;
		IF n = 1 THEN
			INSERT INTO oracle.dataset VALUES (ds, place.tz, v_as_of, v_known_at);
		END IF;
		INSERT INTO oracle.occasion VALUES (ds, n, place.tz, v_as_of, v_known_at);
	END LOOP;
END
$$;
COMMENT ON FUNCTION oracle.random_dataset IS 'One data set; the same seed and number give the same rows.';


-- Random instants seldom coincide. So, once the rest is there, let things happen in the very instant in
-- which somebody qualifies, and look at just that instant and at the ends of holds and windows.
CREATE FUNCTION oracle.aim(seed int, ds oracle.dataset) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	q record;
	t oracle.raw_trial;
	day_11 timestamptz;
	looked boolean := false;
	account text;
	size int;
BEGIN
	PERFORM setseed(((hashtext(ds.dataset || seed)::bigint + 2147483648) / 4294967296.0)::float8);
	FOR q IN
		SELECT v.user_id, v.account_id, v.started_at, v.qualified_at,
		       v.qualified_at >= oracle.first_instant(oracle.local_date(v.started_at, ds.tz) + 10, ds.tz) AS late
		FROM oracle.trial((SELECT max(x.started_at) + interval '30 days'
		                   FROM oracle.raw_trial x WHERE x.dataset = ds.dataset),
		                  NULL, ds.tz, ds.dataset || '\_%') v
		WHERE v.qualified_at IS NOT NULL
		ORDER BY md5(concat(seed, v.user_id, v.started_at AT TIME ZONE 'UTC'))
	LOOP
		IF NOT looked THEN
			looked := true;
			INSERT INTO oracle.occasion
			VALUES (ds.dataset, 4, ds.tz, q.qualified_at - oracle.dice(0, 1) * interval '1 microsecond', NULL);
		END IF;
		CONTINUE WHEN oracle.chance(CASE WHEN q.late THEN 0.6 ELSE 0.8 END);
		CASE oracle.dice(1, 5)
			WHEN 1 THEN
				UPDATE pql.trial x SET converted_at = oracle.nudge(q.qualified_at), mrr = 99
				WHERE x.user_id = q.user_id AND x.started_at = q.started_at;
			WHEN 2 THEN
				UPDATE pql.person p SET suppressed_at = oracle.nudge(q.qualified_at) WHERE p.user_id = q.user_id;
			WHEN 3 THEN
				UPDATE pql.person p SET opted_out_at = oracle.nudge(q.qualified_at) WHERE p.user_id = q.user_id;
			WHEN 4 THEN
				INSERT INTO pql.fact
				VALUES (q.user_id, 'lead.disposition', to_jsonb(oracle.pick('disqualified', 'no_response')), 'rep',
				        oracle.nudge(q.qualified_at))
				ON CONFLICT DO NOTHING;
			WHEN 5 THEN
				SELECT a.account_id, a.employees INTO account, size FROM pql.account a
				WHERE a.account_id = q.account_id
				  AND NOT EXISTS (SELECT FROM pql.fact f
				                  WHERE f.subject = a.account_id AND f.name = 'account.employees');
				IF FOUND THEN
					INSERT INTO pql.fact VALUES
						(account, 'account.employees', to_jsonb(size), 'form', '-infinity'),
						(account, 'account.employees', oracle.pick('null', '5', '2001', '1999')::jsonb, 'crm',
						 oracle.nudge(q.qualified_at));
				END IF;
		END CASE;
	END LOOP;

	SELECT x.* INTO t FROM oracle.raw_trial x
	WHERE x.dataset = ds.dataset AND x.held_at IS NOT NULL
	ORDER BY x.script <> 'hold_day_10' AND oracle.chance(0.5), md5(concat(seed, x.user_id, x.started_at AT TIME ZONE 'UTC'))
	LIMIT 1;
	IF FOUND THEN
		day_11 := oracle.first_instant(oracle.local_date(t.started_at, ds.tz) + 10, ds.tz);
		INSERT INTO oracle.occasion
		VALUES (ds.dataset, 5, ds.tz,
		        CASE oracle.dice(1, 4)
		          WHEN 1 THEN oracle.nudge(t.held_at + interval '24 hours')
		          WHEN 2 THEN oracle.nudge(day_11)
		          WHEN 3 THEN day_11 + oracle.dice(0, 60) * interval '1 minute'
		          ELSE greatest(day_11, t.held_at) + oracle.dice(0, 900) * interval '1 minute'
		        END, NULL);
	END IF;

	-- The first hour of day 11, where that is the odd day: it may come twice.
	INSERT INTO oracle.occasion
	SELECT ds.dataset, 6, ds.tz,
	       oracle.first_instant(p.around, ds.tz) + oracle.dice(0, 59) * interval '1 minute', NULL
	FROM oracle.place p
	WHERE p.tz = ds.tz
	  AND EXISTS (SELECT FROM oracle.raw_trial x
	              WHERE x.dataset = ds.dataset AND oracle.local_date(x.started_at, ds.tz) + 10 = p.around);
END
$$;
COMMENT ON FUNCTION oracle.aim IS 'Makes things coincide in a data set, and adds the occasions to see it.';


CREATE FUNCTION oracle.random_data(seed int DEFAULT 1, datasets int DEFAULT 200) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	-- Histories are written here line by line, the present with them; nothing else may add to them.
	ALTER TABLE pql.person DISABLE TRIGGER USER;
	ALTER TABLE pql.account DISABLE TRIGGER USER;
	ALTER TABLE pql.fact DISABLE TRIGGER USER;

	TRUNCATE oracle.raw_event, oracle.raw_trial, oracle.dataset, oracle.occasion;
	FOR d IN 1 .. datasets LOOP
		PERFORM oracle.random_dataset(seed, d);
	END LOOP;
	INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id)
	SELECT e.user_id, e.occurred_at, e.event, e.properties, e.received_at, e.event_id
	FROM oracle.raw_event e
	ORDER BY md5(concat(seed, e.user_id, e.occurred_at AT TIME ZONE 'UTC', e.event, e.received_at AT TIME ZONE 'UTC'));
	PERFORM oracle.aim(seed, d) FROM oracle.dataset d;

	-- What a company's row holds is the last thing recorded.
	UPDATE pql.account a
	SET employees = (f.value #>> '{}')::int
	FROM (SELECT DISTINCT ON (subject) subject, value FROM pql.fact
	      WHERE name = 'account.employees' ORDER BY subject, recorded_at DESC) f
	WHERE f.subject = a.account_id;
	UPDATE pql.account a
	SET kind = f.value #>> '{}'
	FROM (SELECT DISTINCT ON (subject) subject, value FROM pql.fact
	      WHERE name = 'account.kind' ORDER BY subject, recorded_at DESC) f
	WHERE f.subject = a.account_id;

	ALTER TABLE pql.person ENABLE TRIGGER USER;
	ALTER TABLE pql.account ENABLE TRIGGER USER;
	ALTER TABLE pql.fact ENABLE TRIGGER USER;
END
$$;
COMMENT ON FUNCTION oracle.random_data IS 'Fills the input tables with random data sets and oracle.dataset with how to judge them.';
