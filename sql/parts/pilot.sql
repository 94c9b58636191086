-- Pilots: is it worth while? Readiness before, a scorecard while it runs, a decision when the last of its trials is mature.

-- ---- what can be found out ----

CREATE FUNCTION pql.sample_size(rate float8, other_rate float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT ceil((1.959963984540054 * sqrt(2 * m.p * (1 - m.p)) + 0.8416212335729143 * sqrt(rate * (1 - rate) + other_rate * (1 - other_rate))) ^ 2 / nullif((rate - other_rate) ^ 2, 0))
	FROM (SELECT (rate + other_rate) / 2 AS p) m;
END;
COMMENT ON FUNCTION pql.sample_size(float8, float8) IS 'How many trials a side it takes to tell two rates apart, two-sided at 5 %, with a power of 80 % (the usual normal approximation; J. L. Fleiss, Statistical Methods for Rates and Proportions). The same rate twice: NULL.';

CREATE FUNCTION pql.detectable_rate(rate float8, trials float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT min(rate + i * 0.001) FROM generate_series(1, floor((0.999 - rate) * 1000)::int) i WHERE pql.sample_size(rate, rate + i * 0.001) <= trials;
END;
COMMENT ON FUNCTION pql.detectable_rate(float8, float8) IS 'The lowest rate, in steps of a tenth of a per cent, that so many trials a side tell apart from a lower one. NULL: none.';

CREATE FUNCTION pql.pilot_end(of_pilot pql.pilot) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT least((of_pilot).started_at + (of_pilot).days * '24 hours'::interval, (of_pilot).ended_at);
END;
COMMENT ON FUNCTION pql.pilot_end(pql.pilot) IS 'When a pilot is over.';

CREATE FUNCTION pql.the_pilot(pilot text, as_of timestamptz) RETURNS SETOF pql.pilot
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT p.* FROM pql.pilot p WHERE (the_pilot.pilot IS NULL OR p.pilot = the_pilot.pilot) AND p.started_at <= as_of ORDER BY p.started_at DESC, p.pilot LIMIT 1;
	IF NOT FOUND AND pilot IS NOT NULL THEN
		RAISE EXCEPTION 'there is no pilot "%"', pilot
			USING ERRCODE = 'undefined_object', HINT = 'SELECT pilot, started_at FROM pql.pilot; lists them. One that begins later is not there yet.';
	END IF;
END
$$;
COMMENT ON FUNCTION pql.the_pilot(text, timestamptz) IS 'A pilot that has begun; NULL: the latest, if there is one. Another name is an ERROR.';

CREATE FUNCTION pql.expected_leads(of_model text, as_of timestamptz) RETURNS float8
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT count(*) / 20.0::float8 FROM pql.lead l WHERE l.model = of_model AND coalesce(l.qualified_at, l.triggered_at) > as_of - '672 hours'::interval AND coalesce(l.qualified_at, l.triggered_at) <= as_of;
END;
COMMENT ON FUNCTION pql.expected_leads(text, timestamptz) IS 'Leads a business day, as they qualified in the four weeks before.';

-- ---- before ----

CREATE TABLE pql.declaration (
	item text PRIMARY KEY,
	answer text NOT NULL CHECK (answer IN ('yes', 'no')),
	note text,
	declared_at timestamptz NOT NULL,
	declared_by text NOT NULL DEFAULT CURRENT_USER
);
COMMENT ON TABLE pql.declaration IS 'What no query can find out: pql.declare.';
SELECT pg_catalog.pg_extension_config_dump('pql.declaration', '');

CREATE FUNCTION pql.declarable() RETURNS TABLE (n int, item text, kind text, question text, hint text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	VALUES (1, 'product_market_fit', 'fundamental', 'Do people pay for the product, and stay?', 'Sales cannot sell what does not hold its customers: mend that first.'),
		(2, 'deal_size', 'fundamental', 'Is the average potential deal above 5,000 a year?', 'Below that a person costs more than they bring: leave it to self-serve.'),
		(3, 'legal_sign_off', 'declared', 'Has legal agreed to write to people by their usage?', 'Ask them about consent, legitimate interest and the regions you sell to.'),
		(4, 'dispositions_required', 'declared', 'Can no task of the CRM be closed without a disposition?', 'Make the field required: without dispositions there is no acceptance.'),
		(5, 'conversion_source_tag', 'declared', 'Does billing tag conversions as self_serve or sales_assisted?', 'Map conversion_source with pql.connect(''conversions'', …); untagged ones are told by touches.'),
		(6, 'enrichment_source', 'declared', 'Is there a source of company sizes?', 'Connect it as ''accounts'' with the column employees.'),
		(7, 'enablement_done', 'declared', 'Do the reps know what a signal is, and what not to write?', 'An hour with docs/motion.md and docs/outreach.md.'),
		(8, 'large_companies_in_one_team', 'diagnostic', 'Are companies of 500 and more stuck in one team?', NULL),
		(9, 'accounts_could_grow', 'diagnostic', 'Could accounts grow from 500 to 50,000 and more a year?', NULL),
		(10, 'procurement_questions', 'diagnostic', 'Do people ask about security, compliance, SSO or custom contracts?', NULL),
		(11, 'growth_ceiling', 'diagnostic', 'Does growth end at the border of one team?', NULL),
		(12, 'lost_to_sales_teams', 'diagnostic', 'Are deals lost to rivals that have sales teams?', NULL),
		(13, 'self_serve_flat', 'diagnostic', 'Is self-serve conversion flat?', NULL),
		(14, 'asked_to_consolidate', 'diagnostic', 'Do teams ask to be put together?', NULL);
END;
COMMENT ON FUNCTION pql.declarable() IS 'What pql.declare takes: things that have to be so before a pilot, and seven diagnostics, of which three or more yes mean that sales should be added.';

CREATE FUNCTION pql.declare(item text, answer text DEFAULT 'yes', note text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pql.declarable() d WHERE d.item = declare.item) THEN
		RAISE EXCEPTION 'nothing called "%" is asked', item
			USING ERRCODE = 'undefined_object', HINT = coalesce('Did you mean ' || pql.nearest_word(item, (SELECT array_agg(d.item) FROM pql.declarable() d)) || '? ', '') || 'SELECT item, question FROM pql.declarable(); lists what is.';
	END IF;
	IF answer IS NULL OR answer NOT IN ('yes', 'no') THEN
		RAISE EXCEPTION 'answer "%" is neither yes nor no', answer USING ERRCODE = 'invalid_parameter_value', HINT = format('SELECT pql.declare(%L);', item);
	END IF;
	INSERT INTO pql.declaration AS d (item, answer, note, declared_at) VALUES (item, answer, note, as_of)
	ON CONFLICT ON CONSTRAINT declaration_pkey DO UPDATE SET answer = EXCLUDED.answer, note = EXCLUDED.note, declared_at = EXCLUDED.declared_at, declared_by = EXCLUDED.declared_by;
END
$$;
COMMENT ON FUNCTION pql.declare(text, text, text, timestamptz) IS 'Answers what pql.declarable asks: yes or no. Again: the later answer holds. ERROR: it is not asked, or the answer is another word.';

CREATE FUNCTION pql.property_fill(of_model text, as_of timestamptz) RETURNS TABLE (signal text, property text, events bigint, filled bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT s.signal, s.property, count(e.event), count(*) FILTER (WHERE e.properties ->> s.property IS NOT NULL)
		FROM (
			SELECT m.signal, coalesce(d.value ->> 'distinct', d.value ->> 'sum', d.value ->> 'max', d.value ->> 'latest') AS property, m.events
			FROM jsonb_array_elements($1 -> 'signals') d JOIN pql.model_signals($1) m ON m.signal = d.value ->> 'signal') s
		LEFT JOIN (SELECT x.event, x.properties FROM (%s) x WHERE x.occurred_at > $2 - '336 hours'::interval AND x.occurred_at <= $2) e ON e.event = ANY (s.events)
		WHERE s.property IS NOT NULL GROUP BY 1, 2$q$, pql.event_query()) USING pql.model(of_model), as_of;
END
$$;
COMMENT ON FUNCTION pql.property_fill(text, timestamptz) IS 'Of signals that read a property: how many of their events of the last 14 days have it.';

CREATE FUNCTION pql.pilot_readiness(model text DEFAULT 'trial', team text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (item text, kind text, status text, found text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY
	WITH course AS MATERIALIZED (
		SELECT count(*)::float8 AS trials, count(s.activated_at)::float8 AS activated, count(a.employees)::float8 AS sized, count(p.account_id)::float8 AS known
		FROM pql.score s LEFT JOIN pql.person p ON p.user_id = s.user_id LEFT JOIN pql.account a ON a.account_id = p.account_id
		WHERE s.model = pilot_readiness.model AND s.started_at > as_of - '2160 hours'::interval AND s.started_at <= as_of
	), capacity AS (
		SELECT coalesce(sum(r.daily_cap), 0)::float8 AS leads, count(*) AS reps, (SELECT pql.expected_leads(pilot_readiness.model, as_of)) AS expected FROM pql.rep r WHERE r.active AND (pilot_readiness.team IS NULL OR r.team = pilot_readiness.team)
	), items (n, item, kind, holds, fundamental, found, hint) AS (
		SELECT 100 + row_number() OVER (), 'signal ' || c.signal, 'measured', CASE WHEN c.events = '{}' THEN c.subjects_met > 0 ELSE c.rows_found > 0 AND c.last_seen > as_of - '336 hours'::interval AND coalesce(f.filled >= 0.8 * f.events, true) END, false,
			concat_ws(', ', CASE WHEN c.events <> '{}' THEN format('%s events, last %s', c.rows_found, coalesce(to_char(c.last_seen, 'YYYY-MM-DD'), 'never')) END,
				format('%s trials meet it', c.subjects_met), CASE WHEN f.events > 0 THEN format('%s in %s %% of the last two weeks'' events', f.property, round(100.0 * f.filled / f.events)) END),
			coalesce(c.hint, CASE WHEN f.filled < 0.8 * f.events THEN format('Have the product send %s with each.', f.property) ELSE 'Is the product still sending it? pql.sources shows where it is read.' END)
		FROM pql.coverage(pilot_readiness.model, as_of) c LEFT JOIN pql.property_fill(pilot_readiness.model, as_of) f ON f.signal = c.signal
		UNION ALL
		SELECT 200, 'activation_rate', 'measured', c.activated > 0.2 * c.trials, true, CASE WHEN c.trials = 0 THEN 'no trials' ELSE format('%s %% of %s trials of 90 days', round((100 * c.activated / c.trials)::numeric, 1), c.trials) END,
			'Above 20 % is wanted: below, most people never see what a rep would talk about. It is told by signals with "stage": "activated".' FROM course c
		UNION ALL
		SELECT 201, 'accounts', 'measured', a.n >= 1000, true, a.n::text, 'At 1,000 and more accounts there is enough to choose from.' FROM (SELECT count(*) AS n FROM pql.account) a
		UNION ALL
		SELECT 202, 'known_employees', 'measured', c.sized >= 0.8 * c.trials AND c.trials > 0, false, CASE WHEN c.trials = 0 THEN 'no trials' ELSE format('%s %% of trials', round((100 * c.sized / c.trials)::numeric, 1)) END,
			'Enrich companies (connect ''accounts'' with employees): whose size is not known waits.' FROM course c
		UNION ALL
		SELECT 203, 'identity_coverage', 'measured', c.known >= 0.8 * c.trials AND c.trials > 0, false, CASE WHEN c.trials = 0 THEN 'no trials' ELSE format('%s %% of trials have an account', round((100 * c.known / c.trials)::numeric, 1)) END,
			'Map people to accounts (pql.person.account_id).' FROM course c
		UNION ALL
		SELECT 204, 'baseline', 'measured', b.first_day <= pql.local_date(as_of, 'UTC') - 90, true, coalesce('trials since ' || b.first_day, 'no trials'), 'Load 90 days of trials and conversions, to compare with.' FROM (SELECT min(s.started_on) AS first_day FROM pql.score s WHERE s.model = pilot_readiness.model) b
		UNION ALL
		SELECT 205, 'capacity', 'measured', c.reps > 0 AND c.expected <= c.leads, false, format('%s leads expected a day, %s reps take %s', round(c.expected::numeric, 1), c.reps, c.leads),
			CASE WHEN c.reps = 0 THEN 'INSERT INTO pql.rep (email, name, timezone, team) VALUES (…).' ELSE 'Add reps, raise the bar of the model, or pilot one segment.' END FROM capacity c
		UNION ALL
		SELECT 206, 'demand', 'measured', c.expected >= 1, false, format('%s leads expected a day', round(c.expected::numeric, 1)), 'Below one a day: ask for one of four signals only, or pilot for six weeks.' FROM capacity c
		UNION ALL
		SELECT 207, 'channel', 'measured', EXISTS (SELECT FROM pql.channel), false, (SELECT coalesce(string_agg(x.channel, ', ' ORDER BY x.channel), 'none') FROM pql.channel x), 'INSERT INTO pql.channel, run tools/relay, and SELECT pql.test_channel(''default'').'
		UNION ALL
		SELECT 208, 'templates', 'measured', EXISTS (SELECT FROM pql.template), false, (SELECT count(*) || ' templates' FROM pql.template), 'SELECT pql.ship_templates(); and put them into your own words.'
		UNION ALL
		SELECT 300 + d.n, d.item, 'declared', x.answer = 'yes', d.kind = 'fundamental' AND x.answer = 'no', coalesce(x.answer || coalesce(': ' || x.note, ''), 'not declared'), format('%s %s SELECT pql.declare(%L);', d.question, d.hint, d.item)
		FROM pql.declarable() d LEFT JOIN pql.declaration x ON x.item = d.item WHERE d.kind <> 'diagnostic'
	), judged AS (
		SELECT i.n, i.item, i.kind, CASE WHEN i.holds THEN 'ok' WHEN i.fundamental THEN 'not_yet' ELSE 'missing' END AS status, i.found, CASE WHEN i.holds IS NOT TRUE THEN i.hint END AS hint FROM items i
	), told AS (
		SELECT 0::bigint AS n, 'readiness' AS item, 'overall' AS kind, CASE WHEN bool_or(j.status = 'not_yet') THEN 'not_yet' WHEN bool_or(j.status = 'missing') THEN 'need_prerequisites' ELSE 'ready' END AS status,
			format('%s of %s hold', count(*) FILTER (WHERE j.status = 'ok'), count(*)) AS found,
			CASE WHEN bool_or(j.status = 'not_yet') THEN 'Sales would not help yet: ' || string_agg(j.item, ', ' ORDER BY j.n) FILTER (WHERE j.status = 'not_yet')
				WHEN bool_or(j.status = 'missing') THEN 'First: ' || string_agg(j.item, ', ' ORDER BY j.n) FILTER (WHERE j.status = 'missing') ELSE format('SELECT * FROM pql.start_pilot(''first'', %L);', pilot_readiness.model) END AS hint
		FROM judged j
		UNION ALL SELECT j.* FROM judged j
		UNION ALL
		SELECT 400, 'diagnostics', 'overall', CASE WHEN count(*) FILTER (WHERE x.answer = 'yes') >= 3 THEN 'add_sales' WHEN count(x.answer) < 7 THEN 'unanswered' ELSE 'self_serve' END, format('%s of 7 yes, %s answered', count(*) FILTER (WHERE x.answer = 'yes'), count(x.answer)),
			'Three or more yes: add sales.' FROM pql.declarable() d LEFT JOIN pql.declaration x ON x.item = d.item WHERE d.kind = 'diagnostic'
		UNION ALL
		SELECT 400 + d.n, d.item, 'diagnostic', coalesce(x.answer, 'unanswered'), coalesce(x.note, ''), CASE WHEN x.answer IS NULL THEN format('%s SELECT pql.declare(%L);', d.question, d.item) ELSE d.question END
		FROM pql.declarable() d LEFT JOIN pql.declaration x ON x.item = d.item WHERE d.kind = 'diagnostic'
	)
	SELECT t.item, t.kind, t.status, t.found, t.hint FROM told t ORDER BY t.n;
END
$$;
COMMENT ON FUNCTION pql.pilot_readiness(text, text, timestamptz) IS 'What is missing before a pilot, why, and how to mend it. The first row is the whole: ready, need_prerequisites, or not_yet. Of each item: ok, missing, or not_yet (sales would not help yet). Then the diagnostics: add_sales when three or more are yes.';

-- ---- beginning and end ----

CREATE FUNCTION pql.start_pilot(pilot text, model text DEFAULT 'trial', team text DEFAULT NULL, segment text DEFAULT NULL, days int DEFAULT 28, control_share float8 DEFAULT NULL, baseline float8 DEFAULT NULL,
	on_breach text DEFAULT 'tell', as_of timestamptz DEFAULT now())
RETURNS TABLE (item text, found text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	running pql.pilot;
	share float8 := coalesce(control_share, (SELECT r.control_share FROM pql.routing r WHERE r.model = start_pilot.model), 0);
	expected float8;
	leads float8;
	p0 float8 := coalesce(baseline, pql.baseline(model, as_of));
	needed float8;
BEGIN
	IF coalesce(btrim(pilot), '') = '' THEN
		RAISE EXCEPTION 'a pilot needs a name' USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT * FROM pql.start_pilot(''first'');';
	ELSIF EXISTS (SELECT FROM pql.pilot p WHERE p.pilot = start_pilot.pilot) THEN
		RAISE EXCEPTION 'there is a pilot "%" already', pilot USING ERRCODE = 'duplicate_object', HINT = 'Give this one another name: the scorecard of the other stays.';
	END IF;
	SELECT p.* INTO running FROM pql.pilot p WHERE p.model = start_pilot.model AND p.started_at <= as_of AND pql.pilot_end(p) > as_of;
	IF running.pilot IS NOT NULL THEN
		RAISE EXCEPTION 'pilot "%" of model "%" is still running', running.pilot, model
			USING ERRCODE = 'object_in_use', DETAIL = format('It ends on %s.', pql.pilot_end(running)), HINT = format('SELECT pql.end_pilot(%L, ''why'');', running.pilot);
	ELSIF days IS NULL OR days < 1 THEN
		RAISE EXCEPTION 'a pilot of % days', coalesce(days::text, 'NULL') USING ERRCODE = 'invalid_parameter_value', HINT = 'Four weeks are usual: days => 28.';
	ELSIF baseline <= 0 OR baseline >= 1 THEN
		RAISE EXCEPTION 'baseline % is no rate', baseline USING ERRCODE = 'invalid_parameter_value', HINT = 'Write 0.08 for 8 %, or leave it out.';
	ELSIF on_breach IS NULL OR on_breach NOT IN ('tell', 'pause') THEN
		RAISE EXCEPTION 'on_breach "%" is not known', on_breach USING ERRCODE = 'invalid_parameter_value', HINT = 'It is ''tell'', or ''pause''.';
	ELSIF segment IS NOT NULL AND EXISTS (SELECT FROM pql.segment_rule) AND NOT EXISTS (SELECT FROM pql.segment_rule s WHERE s.segment = start_pilot.segment) THEN
		RAISE EXCEPTION 'there is no segment "%"', segment USING ERRCODE = 'undefined_object', HINT = format('Segments: %s.', (SELECT string_agg(s.segment, ', ' ORDER BY s.position) FROM pql.segment_rule s));
	END IF;
	PERFORM pql.start_routing(model, share, (SELECT r.team FROM pql.routing r WHERE r.model = start_pilot.model), as_of => as_of);
	IF segment IS NOT NULL AND NOT EXISTS (SELECT FROM pql.segment_rule s WHERE s.segment = start_pilot.segment) THEN
		RAISE EXCEPTION 'there is no segment "%"', segment USING ERRCODE = 'undefined_object', HINT = format('Segments: %s.', (SELECT string_agg(s.segment, ', ' ORDER BY s.position) FROM pql.segment_rule s));
	END IF;
	INSERT INTO pql.pilot (pilot, model, segment, team, started_at, days, control_share, baseline, on_breach) VALUES (pilot, model, segment, team, as_of, days, share, baseline, on_breach);

	expected := pql.expected_leads(model, as_of);
	leads := expected * days * 5 / 7 * (1 - share);
	needed := pql.sample_size(p0, 0.15);
	RETURN QUERY VALUES
		('pilot', format('%s: leads of %s%s go to %s, from %s to %s', pilot, model, ' in segment ' || segment, coalesce('team ' || team, 'the team of their segment'), to_char(as_of, 'YYYY-MM-DD'), to_char(as_of + days * interval '24 hours', 'YYYY-MM-DD')), NULL::text),
		('leads', format('about %s are to be expected', round(leads)), CASE WHEN expected < 1 THEN 'Below one a day: ask for one of four signals only, or pilot for six weeks.' END),
		('power', format('to tell %s %% from 15 %% takes about %s trials a side', round((100 * p0)::numeric, 1), needed),
			CASE WHEN leads < needed THEN format('%s leads tell only %s from it: take the pilot for a test of the motion, not of its effect.', round(leads), coalesce(round((100 * pql.detectable_rate(p0, leads))::numeric, 1) || ' % and more', 'nothing')) END),
		('control', CASE WHEN share > 0 THEN format('%s %% of accounts are held out', round((100 * share)::numeric, 1)) ELSE 'nobody is held out' END, CASE WHEN share = 0 THEN 'Without a control arm nobody can tell what sales added: control_share => 0.1.' END),
		('capacity', (SELECT format('%s reps take %s leads a day', count(*), coalesce(sum(r.daily_cap), 0)) FROM pql.rep r WHERE r.active AND (start_pilot.team IS NULL OR r.team = start_pilot.team)),
			CASE WHEN NOT EXISTS (SELECT FROM pql.rep r WHERE r.active AND (start_pilot.team IS NULL OR r.team = start_pilot.team)) THEN 'Leads queue until there are: INSERT INTO pql.rep.' END);
END
$$;
COMMENT ON FUNCTION pql.start_pilot(text, text, text, text, int, float8, float8, text, timestamptz) IS 'Begins a pilot, and routing with it: from now on leads of a model go to a team (NULL: by segment), of one segment only if one is named, for so many days. control_share: of accounts, held out (NULL: as it is routed, else none). baseline: trial to paid without sales, 0 to 1. on_breach: tell, or pause routing (outreach, for complaints) as well. Says what to expect, and what so few leads can tell. ERROR: the name is taken; another pilot of the model runs; a number that cannot be; an unknown segment; the model cannot be routed.';

CREATE FUNCTION pql.end_pilot(pilot text, why text, rollback boolean DEFAULT false, as_of timestamptz DEFAULT now()) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	p pql.pilot;
	of_lead bigint;
	n int := 0;
BEGIN
	SELECT x.* INTO p FROM pql.the_pilot(end_pilot.pilot, 'infinity') x WHERE end_pilot.pilot IS NOT NULL;
	IF p.pilot IS NULL OR coalesce(btrim(why), '') = '' THEN
		RAISE EXCEPTION '%', CASE WHEN p.pilot IS NULL THEN 'which pilot is to end?' ELSE 'an end needs a reason' END
			USING ERRCODE = 'null_value_not_allowed', HINT = 'SELECT pql.end_pilot(''first'', ''the quarter is over'');';
	END IF;
	UPDATE pql.pilot o SET ended_at = least(coalesce(o.ended_at, as_of), as_of), ended_why = coalesce(o.ended_why, why) WHERE o.pilot = p.pilot AND pql.pilot_end(o) > as_of;
	IF rollback THEN
		PERFORM pql.stop_routing(p.model);
		-- whom nobody has written to is nobody's again
		FOR of_lead IN SELECT l.lead_id FROM pql.lead l WHERE l.model = p.model AND l.routed_at >= p.started_at AND l.state IN ('assigned', 'claimed') ORDER BY l.lead_id LOOP
			PERFORM pql.save_lead(pql.log_event(l, 'pql_released', as_of, jsonb_build_object('sdr_id', l.rep, 'note', 'pilot rolled back: ' || why))) FROM pql.open_lead(of_lead) l WHERE l.state IN ('assigned', 'claimed');
			n := n + 1;
		END LOOP;
	END IF;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.end_pilot(text, text, boolean, timestamptz) IS 'Ends a pilot early. What reps have goes on, and leads are routed by segment again. rollback: no leads are routed any more, and those that nobody has written to are taken back into the queue, where they wait until routing is started again; returns how many. A pilot that is over already keeps its end. ERROR: no such pilot; no reason.';

CREATE FUNCTION pql.record_workload(pilot text, workload text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF workload IS NULL OR workload NOT IN ('sustainable', 'not_sustainable') THEN
		RAISE EXCEPTION 'workload "%" is not known', workload USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask the team: it is ''sustainable'', or ''not_sustainable''.';
	END IF;
	UPDATE pql.pilot o SET workload = record_workload.workload WHERE o.pilot = record_workload.pilot;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no pilot "%"', pilot USING ERRCODE = 'undefined_object', HINT = 'SELECT pilot, started_at FROM pql.pilot; lists them.';
	END IF;
END
$$;
COMMENT ON FUNCTION pql.record_workload(text, text) IS 'What the team says of a pilot''s workload: sustainable, or not_sustainable. Without it nothing is scaled. ERROR: another word, or no such pilot.';

-- ---- while it runs ----

CREATE FUNCTION pql.pilot_rules() RETURNS TABLE (n int, metric text, dashboard text, action text, owner text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	VALUES (1, 'routed_conversion', 'conversion', 'Look at whom the model lets through, and at what reps say.', 'product, sales'),
		(2, 'acceptance_rate', 'pipeline', 'Re-evaluate the definition and its signals.', 'product, RevOps, sales'),
		(3, 'sla_compliance', 'pipeline', 'Reduce the volume, or add capacity.', 'sales manager'),
		(4, 'meeting_rate', 'conversion', 'Look at the messages, and at who writes them.', 'sales manager'),
		(5, 'reply_rate', 'conversion', 'Try other variants of the first touch.', 'sales manager'),
		(6, 'complaint_rate', 'guardrails', 'Pause outreach, and review the messages.', 'sales manager, legal'),
		(7, 'self_serve_change', 'guardrails', 'Find out whether sales take what would have come by itself.', 'product, sales'),
		(8, 'nps_gap', 'guardrails', 'Ask those who were contacted.', 'product, sales'),
		(9, 'triggered', 'pipeline', 'Tighten the model, or lower its bar.', 'RevOps'),
		(10, 'demand_per_rep', 'pipeline', 'Tighten the model, or pause routing.', 'RevOps');
END;
COMMENT ON FUNCTION pql.pilot_rules() IS 'What a pilot''s scorecard shows, and who does what when it is in breach.';

CREATE FUNCTION pql.pilot_demand(of_pilot pql.pilot, as_of timestamptz) RETURNS TABLE (day date, demand float8, streak bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH here AS (
		SELECT r.timezone, (SELECT nullif(count(*), 0)::float8 FROM pql.rep x WHERE x.active AND ((of_pilot).team IS NULL OR x.team = (of_pilot).team)) AS reps, pql.local_date((of_pilot).started_at, r.timezone) AS first_day,
			least(pql.local_date((of_pilot).started_at, r.timezone) + (of_pilot).days - 1, pql.local_date(least(as_of, (of_pilot).ended_at), r.timezone)) AS last_day, (SELECT coalesce(m.breach, 'infinity') FROM pql.metric m WHERE m.dashboard = 'pipeline' AND m.metric = 'demand_per_rep') AS breach
		FROM pql.reporting() r
	), days AS (
		SELECT d::date AS day, row_number() OVER (ORDER BY d) AS n, count(l.lead_id) / h.reps AS demand, h.breach
		FROM here h CROSS JOIN LATERAL generate_series(h.first_day::timestamp, h.last_day, '1 day') d
		-- what comes on a weekend is Monday's
		LEFT JOIN pql.lead l ON l.model = (of_pilot).model AND NOT l.backfilled AND l.triggered_at >= (of_pilot).started_at AND l.triggered_at <= as_of AND ((of_pilot).segment IS NULL OR l.segment = (of_pilot).segment OR l.segment IS NULL)
			AND CASE WHEN pql.is_weekday(pql.local_date(l.triggered_at, h.timezone)) THEN pql.local_date(l.triggered_at, h.timezone) ELSE pql.period_of('week', pql.local_date(l.triggered_at, h.timezone)) + 7 END = d::date
		WHERE pql.is_weekday(d::date)
		GROUP BY d, h.reps, h.breach
	)
	SELECT x.day, x.demand, CASE WHEN x.demand > x.breach THEN count(*) OVER (PARTITION BY x.island, x.demand > x.breach) ELSE 0 END
	FROM (SELECT d.*, d.n - row_number() OVER (PARTITION BY d.demand > d.breach ORDER BY d.n) AS island FROM days d) x
	ORDER BY x.day;
END;
COMMENT ON FUNCTION pql.pilot_demand(pql.pilot, timestamptz) IS 'Leads for each active rep, by business day of a pilot, and of how many such days in a row it is one on which they are above the breach level (0: it is not above).';

CREATE FUNCTION pql.pilot_counts(of_pilot pql.pilot, as_of timestamptz) RETURNS TABLE (metric text, value float8, numerator float8, denominator float8, low float8, high float8, scale float8)
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH here AS MATERIALIZED (
		SELECT r.timezone, pql.pilot_end(of_pilot) AS ends_at, (SELECT nullif(count(*), 0)::float8 FROM pql.rep x WHERE x.active AND ((of_pilot).team IS NULL OR x.team = (of_pilot).team)) AS reps FROM pql.reporting() r
	), l AS MATERIALIZED (
		SELECT o.*, pql.is_mature(o.started_at, o.trial_ends_at, as_of) AS mature
		FROM here h CROSS JOIN pql.outcomes_at(as_of) o
		WHERE o.model = (of_pilot).model AND NOT o.backfilled AND o.triggered_at >= (of_pilot).started_at AND o.triggered_at < h.ends_at AND ((of_pilot).segment IS NULL OR o.segment = (of_pilot).segment OR o.segment IS NULL)
	), n AS (
		SELECT count(*) FILTER (WHERE l.standing = 'routed' AND l.mature)::float8 AS routed, count(*) FILTER (WHERE l.standing = 'routed' AND l.mature AND l.converted_at <= as_of)::float8 AS converted,
			count(l.disposed_at)::float8 AS disposed, count(l.disposed_at) FILTER (WHERE l.accepted_at IS NOT NULL)::float8 AS accepted,
			count(*) FILTER (WHERE l.sla_due_at <= as_of AND (l.ended_at < l.sla_due_at AND (l.contacted_at <= l.ended_at) IS NOT TRUE) IS NOT TRUE)::float8 AS due,
			count(*) FILTER (WHERE l.sla_due_at <= as_of AND l.contacted_at <= l.sla_due_at AND (l.ended_at < l.sla_due_at AND (l.contacted_at <= l.ended_at) IS NOT TRUE) IS NOT TRUE)::float8 AS in_time,
			count(l.contacted_at)::float8 AS contacted, count(l.contacted_at) FILTER (WHERE l.meeting_at IS NOT NULL)::float8 AS meetings, coalesce(sum(l.emails), 0)::float8 AS emails, coalesce(sum(l.email_replies), 0)::float8 AS email_replies,
			count(l.contacted_at) FILTER (WHERE l.complained_at IS NOT NULL)::float8 AS complained, count(*)::float8 AS triggered
		FROM l
	), unqualified AS (
		SELECT count(*) FILTER (WHERE s.started_at >= (of_pilot).started_at)::float8 AS trials, count(*) FILTER (WHERE s.started_at >= (of_pilot).started_at AND s.converted_at <= as_of AND t.user_id IS NULL)::float8 AS converted,
			count(*) FILTER (WHERE s.started_at < (of_pilot).started_at)::float8 AS trials_before, count(*) FILTER (WHERE s.started_at < (of_pilot).started_at AND s.converted_at <= as_of AND t.user_id IS NULL)::float8 AS converted_before
		FROM here h CROSS JOIN pql.score s
		LEFT JOIN pql.trial t ON t.user_id = s.user_id AND t.started_at = s.started_at AND t.conversion_source = 'sales_assisted'
		WHERE s.model = (of_pilot).model AND s.started_at >= (of_pilot).started_at - '2160 hours'::interval AND s.started_at < h.ends_at AND s.started_at <= as_of AND pql.is_mature(s.started_at, s.ends_at, as_of)
			-- looked up by day
			AND s.started_on >= pql.local_date((of_pilot).started_at, h.timezone) - 92
			AND NOT EXISTS (SELECT FROM pql.lead x WHERE x.user_id = s.user_id AND x.model = s.model AND x.started_at = s.started_at)
	), demand AS (
		SELECT count(*)::float8 AS days, max(d.least) AS least FROM (
			SELECT x.day, CASE WHEN count(*) OVER w = 3 THEN min(x.demand) OVER w END AS least FROM pql.pilot_demand(of_pilot, as_of) x WINDOW w AS (ORDER BY x.day ROWS 2 PRECEDING)) d
	)
	SELECT v.metric, v.value, v.numerator, v.denominator, v.low, v.high, v.scale
	FROM here h CROSS JOIN n CROSS JOIN unqualified u CROSS JOIN demand d
	LEFT JOIN LATERAL pql.rate_difference(u.converted, u.trials, u.converted_before, u.trials_before) c ON true
	LEFT JOIN LATERAL pql.survey_gaps(as_of, 'none', h.timezone, (of_pilot).started_at) s ON true
	CROSS JOIN LATERAL (VALUES
		('routed_conversion', NULL::float8, n.converted, n.routed, NULL::float8, NULL::float8, 1::float8), ('acceptance_rate', NULL, n.accepted, n.disposed, NULL, NULL, 1), ('sla_compliance', NULL, n.in_time, n.due, NULL, NULL, 1),
		('meeting_rate', NULL, n.meetings, n.contacted, NULL, NULL, 1), ('reply_rate', NULL, n.email_replies, n.emails, NULL, NULL, 1), ('complaint_rate', NULL, n.complained, n.contacted, NULL, NULL, 1),
		('self_serve_change', c.difference, NULL, NULL, c.low, c.high, 1), ('nps_gap', s.nps_gap, NULL, NULL, s.nps_low, s.nps_high, 1),
		('triggered', NULL, n.triggered, d.days, NULL, NULL, h.reps), ('demand_per_rep', d.least, NULL, NULL, NULL, NULL, 1)) v (metric, value, numerator, denominator, low, high, scale);
END;
COMMENT ON FUNCTION pql.pilot_counts(pql.pilot, timestamptz) IS 'The numbers of a pilot''s scorecard: of leads triggered while it ran. triggered: a business day. demand_per_rep: what was reached, or more, on each of three business days in a row.';

CREATE FUNCTION pql.pilot_breaches(of_pilot text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (metric text, title text, since date, until date, value float8, breach float8, rule text, action text, owner text)
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH p AS MATERIALIZED (
		SELECT x AS pilot, x.started_at, pql.local_date(x.started_at, r.timezone) AS first_day, pql.local_date(least(as_of, pql.pilot_end(x) - '1 microsecond'::interval), r.timezone) AS last_day
		FROM pql.the_pilot(pilot_breaches.of_pilot, as_of) x CROSS JOIN pql.reporting() r
	), weeks AS (
		-- of each week of the pilot, whatever its first day
		SELECT w.week, count(*)::float8 AS n, count(*) FILTER (WHERE o.accepted_at IS NOT NULL)::float8 AS accepted
		FROM p CROSS JOIN pql.reporting() r CROSS JOIN pql.outcomes_at(as_of) o
		CROSS JOIN LATERAL (SELECT (pql.local_date(o.disposed_at, r.timezone) - p.first_day) / 7 AS week) w
		WHERE o.model = (p.pilot).model AND NOT o.backfilled AND o.triggered_at >= p.started_at AND o.triggered_at < pql.pilot_end(p.pilot) AND o.disposed_at >= p.started_at AND p.first_day + 7 * (w.week + 1) <= pql.local_date(as_of, r.timezone)
		GROUP BY w.week
	), found (metric, since, until, value, rule) AS (
		SELECT 'acceptance_rate', p.first_day + 7 * min(x.week), p.first_day + 7 * max(x.week) + 6, sum(x.accepted) / sum(x.n), format('below %s %% for %s weeks', round((100 * min(x.breach))::numeric), count(*))
		FROM p CROSS JOIN (
			SELECT w.*, m.breach, w.week - row_number() OVER (ORDER BY w.week) AS island FROM weeks w CROSS JOIN pql.metric m WHERE m.dashboard = 'pipeline' AND m.metric = 'acceptance_rate' AND w.accepted / w.n < m.breach) x
		GROUP BY p.first_day, x.island HAVING count(*) >= 2
		UNION ALL
		SELECT 'demand_per_rep', min(d.day), max(d.day), avg(d.demand), format('above %s a rep and day on %s business days in a row', min(m.breach), count(*))
		FROM p CROSS JOIN LATERAL pql.pilot_demand(p.pilot, as_of) d CROSS JOIN pql.metric m
		WHERE d.streak >= 3 AND m.dashboard = 'pipeline' AND m.metric = 'demand_per_rep' GROUP BY d.streak
		UNION ALL
		SELECT c.metric, p.first_day, p.last_day, c.value, format('%s %s %%, and that is no chance', CASE m.direction WHEN 'higher' THEN 'below' ELSE 'above' END, trim_scale(round((100 * m.breach)::numeric, 1)))
		FROM p CROSS JOIN LATERAL (
			SELECT k.metric, coalesce(k.value, k.numerator / nullif(k.denominator, 0)) AS value, coalesce(k.low, w.low) AS low, coalesce(k.high, w.high) AS high
			FROM pql.pilot_counts(p.pilot, as_of) k LEFT JOIN LATERAL pql.wilson(k.numerator, k.denominator) w ON true
			WHERE k.metric IN ('sla_compliance', 'complaint_rate', 'self_serve_change')) c
		JOIN pql.pilot_rules() r ON r.metric = c.metric JOIN pql.metric m ON m.metric = r.metric AND m.dashboard = r.dashboard
		WHERE CASE m.direction WHEN 'higher' THEN c.value < m.breach ELSE c.value > m.breach END AND (c.low <= coalesce(m.minimum, m.breach) AND c.high >= coalesce(m.minimum, m.breach)) IS NOT TRUE
	)
	SELECT f.metric, m.title, f.since, f.until, f.value, m.breach, f.rule, r.action, r.owner
	FROM found f JOIN pql.pilot_rules() r ON r.metric = f.metric JOIN pql.metric m ON m.metric = r.metric AND m.dashboard = r.dashboard
	ORDER BY r.n, f.since;
END;
COMMENT ON FUNCTION pql.pilot_breaches(text, timestamptz) IS 'Where a pilot (NULL: the latest) is in breach: acceptance below the level in two weeks in a row (weeks of the pilot), demand above it on three business days in a row, and SLA compliance, complaints and self-serve conversion beyond it so far that the 95 % interval does not hold the minimum. With who does what.';

CREATE FUNCTION pql.pilot_scorecard(of_pilot text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (metric text, title text, value float8, numerator float8, denominator float8, low float8, high float8, target float8, target_high float8, minimum float8, breach float8, status text, unit text, action text, owner text)
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	SELECT c.metric, CASE c.metric WHEN 'triggered' THEN 'Leads a business day' WHEN 'demand_per_rep' THEN 'Demand per rep, three days in a row' ELSE m.title END, v.value, c.numerator, c.denominator, v.low, v.high,
		m.target * c.scale, m.target_high * c.scale, m.minimum, m.breach,
		CASE WHEN b.metric IS NOT NULL THEN 'breach' ELSE pql.metric_status(m.direction, v.value, v.low, v.high, m.target * c.scale, m.target_high * c.scale, m.minimum, CASE WHEN c.metric <> 'demand_per_rep' THEN m.breach END, true) END,
		CASE c.metric WHEN 'triggered' THEN 'leads' ELSE m.unit END, CASE WHEN b.metric IS NOT NULL THEN r.action END, CASE WHEN b.metric IS NOT NULL THEN r.owner END
	FROM pql.the_pilot(pilot_scorecard.of_pilot, as_of) p
	CROSS JOIN LATERAL pql.pilot_counts(p, as_of) c
	JOIN pql.pilot_rules() r ON r.metric = c.metric
	JOIN pql.metric m ON m.metric = r.metric AND m.dashboard = r.dashboard
	LEFT JOIN LATERAL pql.wilson(c.numerator, CASE WHEN m.unit = 'rate' THEN c.denominator END) w ON true
	CROSS JOIN LATERAL (SELECT coalesce(c.value, c.numerator / nullif(c.denominator, 0)) AS value, CASE WHEN m.unit = 'rate' THEN w.low ELSE c.low END AS low, CASE WHEN m.unit = 'rate' THEN w.high ELSE c.high END AS high) v
	LEFT JOIN (SELECT DISTINCT x.metric FROM pql.pilot_breaches(pilot_scorecard.of_pilot, as_of) x) b ON b.metric = c.metric
	ORDER BY r.n;
END;
COMMENT ON FUNCTION pql.pilot_scorecard(text, timestamptz) IS 'How a pilot (NULL: the latest; none: no rows) stands, with target, minimum and breach of each metric, over leads triggered while it ran. triggered: a business day, against what the reps can take. action, owner: what to do about a breach, and who.';

-- ---- when it is over ----

CREATE FUNCTION pql.metric_words(value float8, unit text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE unit WHEN 'rate' THEN trim_scale(round((100 * value)::numeric, 1)) || ' %' WHEN 'change' THEN trim_scale(round((100 * value)::numeric, 1)) || ' points' ELSE trim_scale(round(value::numeric, 2))::text END;
END;
COMMENT ON FUNCTION pql.metric_words(float8, text) IS 'A number of pql.metric for people.';

CREATE FUNCTION pql.trials_to_decide(value float8, minimum float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT floor(3.841458820694124 * minimum * (1 - minimum) / nullif((value - minimum) ^ 2, 0)) + 1;
END;
COMMENT ON FUNCTION pql.trials_to_decide(float8, float8) IS 'How many there have to be in all for the 95 % Wilson interval of a rate not to hold the minimum, if the rate stays as it is; NULL: it never will.';

CREATE FUNCTION pql.pilot_decision(of_pilot text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (pilot text, decision text, reason text, decidable_on date, leads_needed int, details text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	p pql.pilot;
	zone text := r.timezone FROM pql.reporting() r;
	ends_at timestamptz;
	matures_at timestamptz;
	leads float8;
	cards jsonb;
	stops text[];
	missed text[];
	late text[];
	open text[];
	lines text[] := '{}';
	more int;
BEGIN
	SELECT x.* INTO p FROM pql.the_pilot(pilot_decision.of_pilot, as_of) x;
	IF p.pilot IS NULL THEN
		RETURN;
	END IF;
	ends_at := pql.pilot_end(p);
	-- whoever may still qualify started at the latest on its last day
	SELECT greatest(ends_at, max(coalesce(l.trial_ends_at, l.started_at + interval '336 hours')) + interval '168 hours'), count(*) INTO matures_at, leads
	FROM pql.lead l WHERE l.model = p.model AND NOT l.backfilled AND l.triggered_at >= p.started_at AND l.triggered_at < ends_at AND l.triggered_at <= as_of AND isfinite(l.started_at) AND (p.segment IS NULL OR l.segment = p.segment OR l.segment IS NULL);
	IF as_of < ends_at THEN
		matures_at := greatest(matures_at, ends_at + interval '504 hours');
	END IF;
	SELECT jsonb_object_agg(s.metric, to_jsonb(s)) INTO cards FROM pql.pilot_scorecard(p.pilot, as_of) s;
	-- a volume or complaints breach, or a minimum that is clearly missed
	SELECT array_agg(format('%s: %s, %s to %s (%s)', b.title, b.rule, b.since, b.until, b.owner) ORDER BY b.since) FILTER (WHERE b.metric IN ('demand_per_rep', 'complaint_rate')),
		array_agg(format('%s: %s, %s to %s', b.title, b.rule, b.since, b.until) ORDER BY b.since) FILTER (WHERE b.until >= pql.local_date(p.started_at, zone) + 14)
	INTO stops, late FROM pql.pilot_breaches(p.pilot, as_of) b;
	SELECT array_agg(format('%s %s is %s %s', c.value ->> 'title', pql.metric_words((c.value ->> 'value')::float8, c.value ->> 'unit'), CASE c.key WHEN 'complaint_rate' THEN 'not below' ELSE 'below the minimum of' END, pql.metric_words((c.value ->> 'minimum')::float8, c.value ->> 'unit')) ORDER BY c.key)
			FILTER (WHERE c.value ->> 'status' NOT IN ('inconclusive', 'no_data') AND CASE WHEN c.key = 'complaint_rate' THEN (c.value ->> 'value')::float8 >= (c.value ->> 'minimum')::float8 ELSE (c.value ->> 'value')::float8 < (c.value ->> 'minimum')::float8 END),
		array_agg(format('%s is not decided: %s, between %s and %s, with a minimum of %s', c.value ->> 'title', coalesce(pql.metric_words((c.value ->> 'value')::float8, c.value ->> 'unit'), 'no data'), coalesce(pql.metric_words((c.value ->> 'low')::float8, c.value ->> 'unit'), '–'),
				coalesce(pql.metric_words((c.value ->> 'high')::float8, c.value ->> 'unit'), '–'), pql.metric_words((c.value ->> 'minimum')::float8, c.value ->> 'unit')) ORDER BY c.key)
			FILTER (WHERE c.value ->> 'status' IN ('inconclusive', 'no_data') AND c.value ->> 'minimum' IS NOT NULL)
	INTO missed, open FROM jsonb_each(cards) c;
	SELECT CASE WHEN count(*) = count(n.n) AND max(n.n) < 1e6 THEN ceil(max(n.n) - leads)::int END INTO more
	FROM jsonb_each(cards) c CROSS JOIN LATERAL (SELECT leads * pql.trials_to_decide((c.value ->> 'value')::float8, (c.value ->> 'minimum')::float8) / (c.value ->> 'denominator')::float8 AS n) n
	WHERE c.value ->> 'status' = 'inconclusive' AND c.value ->> 'unit' = 'rate' AND c.value ->> 'minimum' IS NOT NULL AND (c.value ->> 'denominator')::float8 > 0;

	pilot := p.pilot;
	decidable_on := pql.local_date(matures_at, zone);
	IF as_of < matures_at THEN
		reason := 'not_mature';
		lines := ARRAY[format('The last of its trials is mature on %s.', decidable_on)] || coalesce(stops, '{}') || coalesce(missed, '{}');
	ELSIF stops IS NOT NULL OR missed IS NOT NULL THEN
		decision := 'pause';
		reason := CASE WHEN stops IS NOT NULL THEN 'breach' ELSE 'minimum_missed' END;
		lines := coalesce(stops, '{}') || coalesce(missed, '{}') || '{"After a pause: a post-mortem, and another run of two weeks."}'::text[];
	ELSIF coalesce((cards -> 'routed_conversion' ->> 'value')::float8 >= (cards -> 'routed_conversion' ->> 'minimum')::float8, false) AND coalesce((cards -> 'acceptance_rate' ->> 'value')::float8 >= (cards -> 'acceptance_rate' ->> 'minimum')::float8, false)
		AND late IS NULL AND coalesce((cards -> 'self_serve_change' ->> 'value')::float8 >= (cards -> 'self_serve_change' ->> 'minimum')::float8, true) AND p.workload = 'sustainable' THEN
		decision := 'scale';
		reason := 'minimums_reached';
		lines := ARRAY[format('Trial to paid %s, acceptance %s, nothing in breach in weeks 3 and 4, and the team calls the workload sustainable.', pql.metric_words((cards -> 'routed_conversion' ->> 'value')::float8, 'rate'), pql.metric_words((cards -> 'acceptance_rate' ->> 'value')::float8, 'rate'))]
			|| coalesce(open, '{}');
	ELSE
		decision := 'iterate';
		reason := CASE WHEN open IS NOT NULL THEN 'extend' ELSE 'not_all_reached' END;
		leads_needed := CASE WHEN open IS NOT NULL THEN more END;
		lines := coalesce(open, '{}') || coalesce(late, '{}') || array_remove(ARRAY[
			CASE WHEN (cards -> 'routed_conversion' ->> 'value')::float8 < (cards -> 'routed_conversion' ->> 'minimum')::float8 THEN 'Trial to paid of routed trials is below its minimum, though that may be chance.' END,
			CASE WHEN (cards -> 'acceptance_rate' ->> 'value')::float8 < (cards -> 'acceptance_rate' ->> 'minimum')::float8 THEN 'Acceptance is below its minimum, though that may be chance.' END,
			CASE WHEN (cards -> 'self_serve_change' ->> 'value')::float8 < (cards -> 'self_serve_change' ->> 'minimum')::float8 THEN 'Self-serve conversion is down by more than a point.' END,
			CASE WHEN p.workload IS NULL THEN format('Nobody has said whether the workload is sustainable: SELECT pql.record_workload(%L, ''sustainable'');', p.pilot) WHEN p.workload <> 'sustainable' THEN 'The team does not call the workload sustainable.' END,
			CASE WHEN leads_needed IS NOT NULL THEN format('About %s more leads would decide it, if rates stay as they are.', leads_needed) END], NULL);
	END IF;
	IF leads < (cards -> 'triggered' ->> 'denominator')::float8 THEN
		lines := lines || 'Fewer than one lead a day: ask for one of four signals only, or pilot for six weeks.'::text;
	END IF;
	details := array_to_string(lines, E'\n');
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION pql.pilot_decision(text, timestamptz) IS 'What to do after a pilot (NULL: the latest; none: no row), once the last of its trials is mature (decidable_on): pause (volume or complaints in breach, or a minimum clearly missed), scale (trial to paid and acceptance reach their minimum, nothing in breach in weeks 3 and 4, self-serve not down by more than a point, the workload recorded as sustainable), else iterate; its reason is extend where something is not decided, with the leads that it would take. Before: NULL. details: the reasons, one a line.';

-- ---- what refresh does ----

CREATE TABLE pql.pilot_breach (
	pilot text NOT NULL,
	metric text NOT NULL,
	since date NOT NULL,
	noted_at timestamptz NOT NULL,
	rule text NOT NULL,
	done text NOT NULL,
	PRIMARY KEY (pilot, metric, since)
);
COMMENT ON TABLE pql.pilot_breach IS 'Breaches that refresh has seen in pilots, each once.';
COMMENT ON COLUMN pql.pilot_breach.done IS 'told, or paused: what refresh did about it.';
SELECT pg_catalog.pg_extension_config_dump('pql.pilot_breach', '');

CREATE TABLE pql.pilot_watch (
	pilot text PRIMARY KEY,
	watched_on date NOT NULL
);
COMMENT ON TABLE pql.pilot_watch IS 'On which day refresh looked last whether a pilot is in breach.';
SELECT pg_catalog.pg_extension_config_dump('pql.pilot_watch', '');

CREATE FUNCTION pql.unwatched_pilots(as_of timestamptz) RETURNS SETOF pql.pilot
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT x.* FROM pql.pilot x
	WHERE x.started_at <= as_of AND pql.pilot_end(x) > as_of
		AND NOT EXISTS (SELECT FROM pql.pilot_watch w WHERE w.pilot = x.pilot AND w.watched_on >= pql.local_date(as_of, (SELECT r.timezone FROM pql.reporting() r)));
END;
COMMENT ON FUNCTION pql.unwatched_pilots(timestamptz) IS 'Pilots that run, and that no refresh has looked at on this local day.';

CREATE FUNCTION pql.watch_pilots(as_of timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	p pql.pilot;
	b record;
	today date;
	pauses text;
	words text;
	n int := 0;
BEGIN
	FOR p IN SELECT x.* FROM pql.unwatched_pilots(as_of) x ORDER BY x.pilot LOOP
		today := pql.local_date(as_of, (SELECT r.timezone FROM pql.reporting() r));
		-- by one of those who refresh at once
		INSERT INTO pql.pilot_watch AS w (pilot, watched_on) VALUES (p.pilot, today)
		ON CONFLICT ON CONSTRAINT pilot_watch_pkey DO UPDATE SET watched_on = EXCLUDED.watched_on WHERE w.watched_on < EXCLUDED.watched_on;
		CONTINUE WHEN NOT FOUND;
		FOR b IN SELECT x.* FROM pql.pilot_breaches(p.pilot, as_of) x LOOP
			pauses := CASE WHEN p.on_breach = 'pause' THEN CASE b.metric WHEN 'demand_per_rep' THEN 'routing' WHEN 'complaint_rate' THEN 'outreach' END END;
			INSERT INTO pql.pilot_breach (pilot, metric, since, noted_at, rule, done) VALUES (p.pilot, b.metric, b.since, as_of, b.rule, CASE WHEN pauses IS NULL THEN 'told' ELSE 'paused ' || pauses END) ON CONFLICT DO NOTHING;
			CONTINUE WHEN NOT FOUND;
			n := n + 1;
			words := format('Pilot %s: %s is %s. %s (%s)%s', p.pilot, b.title, b.rule, b.action, b.owner, ' Paused: ' || pauses || '.');
			-- told before it pauses, for then nobody is
			PERFORM pql.post_alert('pilot_breach', format('pilot:%s:%s:%s', p.pilot, b.metric, b.since), (SELECT coalesce(t.manager_channel, t.channel) FROM pql.team t WHERE t.team = p.team),
				CASE WHEN (SELECT c.kind FROM pql.channel c WHERE c.channel = coalesce((SELECT coalesce(t.manager_channel, t.channel) FROM pql.team t WHERE t.team = p.team), 'default')) = 'webhook'
					THEN jsonb_build_object('kind', 'pilot_breach', 'pilot', p.pilot, 'metric', b.metric, 'rule', b.rule, 'since', b.since, 'value', b.value, 'action', b.action, 'owner', b.owner, 'paused', pauses)
					ELSE jsonb_build_object('text', pql.slack_cut(pql.slack_escape(words), 3000), 'blocks', jsonb_build_array(jsonb_build_object('type', 'section', 'text', pql.slack_plain(words, 3000)))) END, as_of);
			IF pauses IS NOT NULL THEN
				PERFORM pql.pause(format('pilot %s: %s %s', p.pilot, b.title, b.rule), pauses, as_of);
			END IF;
		END LOOP;
	END LOOP;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.watch_pilots(timestamptz) IS 'Looks, once a day, whether a pilot that runs is in breach, tells the team''s manager of what is new, and pauses routing (volume) or outreach (complaints) where the pilot asks for it. Part of every refresh. Returns how many breaches were new.';
