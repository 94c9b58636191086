-- Assignment: which rep gets a lead. Part of every refresh, in the transaction that finds the lead.
--
-- In order: the account's owner; the rep who has another lead of the account, or of the user; the team of the pilot that runs, or that
-- routing names; the team of the segment. Among several the one with the fewest active leads, then the one who has waited longest. Reps are locked
-- before their leads are counted, so that two who assign at once cannot both take the last free place of a day.

CREATE FUNCTION pql.first_touch_due(first_touch interval, business boolean, assigned_at timestamptz, opens_at timestamptz, calendar text, timezone text) RETURNS timestamptz
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT CASE WHEN business THEN pql.add_business_time(opens_at, first_touch, calendar, timezone) ELSE assigned_at + first_touch END;
END;
COMMENT ON FUNCTION pql.first_touch_due(interval, boolean, timestamptz, timestamptz, text, text) IS 'The deadline of a first touch: business time runs from opens_at on, any other from the assignment.';

CREATE FUNCTION pql.touch_due(of_lead pql.lead, tier text, rep text, as_of timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT pql.first_touch_due(coalesce(t.first_touch, '4 hours'), coalesce(t.business, true), as_of, pql.next_opening(as_of, h.calendar, h.timezone), h.calendar, h.timezone)
	FROM pql.rep_hours(rep) h LEFT JOIN pql.tier_rules((of_lead).model) t ON t.tier = touch_due.tier;
END;
COMMENT ON FUNCTION pql.touch_due(pql.lead, text, text, timestamptz) IS 'The deadline of a first touch that a rep is given at as_of, of a tier of the lead''s model.';

CREATE FUNCTION pql.tell(kind text, of_lead pql.lead, as_of timestamptz, details jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	to_manager CONSTANT boolean := kind IN ('queued', 'unclaimed_manager', 'first_touch_overdue');
	-- so many in one transaction have their messages made at once
	most CONSTANT int := 100;
	told int := coalesce(nullif(current_setting('pql_motion.told', true), '')::int, 0) + 1;
	channel text;
	manager text;
BEGIN
	IF of_lead.state = 'control' OR pql.paused() IS NOT NULL THEN
		RETURN NULL;
	END IF;
	SELECT CASE WHEN to_manager THEN coalesce(t.manager_channel, t.channel) ELSE t.channel END, t.manager INTO channel, manager
	FROM pql.team t WHERE t.team = coalesce((SELECT r.team FROM pql.rep r WHERE r.email = of_lead.rep), details ->> 'team');
	PERFORM set_config('pql_motion.told', told::text, true);
	-- once for the event that it tells of, the last one
	RETURN pql.post_lead_alert(kind, format('lead:%s:%s:%s', of_lead.lead_id, kind,
			(SELECT e.event_id FROM pql.lead_event e WHERE e.user_id = of_lead.user_id AND e.lead_id = of_lead.lead_id ORDER BY e.event_id DESC LIMIT 1)), channel, of_lead, as_of,
		jsonb_strip_nulls(details || jsonb_build_object('manager', CASE WHEN to_manager THEN manager END)), told > most);
END
$$;
COMMENT ON FUNCTION pql.tell(text, pql.lead, timestamptz, jsonb) IS 'Posts an alert about what has just been noted of a lead, to the channel of its rep''s team (or its manager). None while routing is paused, and never about the control arm. Returns its id.';

CREATE FUNCTION pql.flagged(flags text[], flag text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN flag IS NULL OR flag = ANY (flags) THEN flags ELSE flags || flag END;
END;
COMMENT ON FUNCTION pql.flagged(text[], text) IS 'The flags with one more; NULL: as they are.';

CREATE FUNCTION pql.lasting_flags(flags text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT ARRAY(SELECT f.flag FROM unnest(flags) WITH ORDINALITY f (flag, n) WHERE f.flag IN ('hand_raiser', 'outside_icp', 'deal_for_ae') ORDER BY f.n);
END;
COMMENT ON FUNCTION pql.lasting_flags(text[]) IS 'The flags that tell of the lead; the others tell of one assignment.';

CREATE FUNCTION pql.give_lead(of_lead pql.lead, rep text, reason text, flags text[], free int, counts_on date, opens_at timestamptz, due_at timestamptz, trigger_due_at timestamptz, as_of timestamptz,
	details jsonb DEFAULT '{}', external_id text DEFAULT NULL) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead;
BEGIN
	l := pql.log_event(of_lead, 'pql_routed', as_of, details || jsonb_build_object('sdr_id', rep, 'reason', reason, 'segment', of_lead.segment,
		'flags', CASE WHEN free < 1 THEN pql.flagged(flags, 'over_cap') ELSE flags END, 'counts_on', counts_on, 'clock_started_at', opens_at,
		-- who hands a lead on hands on its deadline
		'first_touch_due_at', coalesce(of_lead.first_touch_due_at, due_at), 'trigger_due_at', CASE WHEN of_lead.routed_at IS NULL THEN trigger_due_at END), external_id);
	PERFORM pql.tell('assigned', l, as_of);
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.give_lead(pql.lead, text, text, text[], int, date, timestamptz, timestamptz, timestamptz, timestamptz, jsonb, text) IS 'Notes that a lead is a rep''s now, with what pql.rep_capacity says of the rep, and tells so. due_at: the first touch, unless the lead has a deadline; trigger_due_at: had the clock started when it was triggered. Returns the lead, to be saved.';

CREATE FUNCTION pql.assign_lead(of_lead pql.lead, rep text, reason text, as_of timestamptz, details jsonb DEFAULT '{}', external_id text DEFAULT NULL) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (
		SELECT pql.give_lead(of_lead, c.rep, reason, pql.lasting_flags(of_lead.flags), c.free, c.counts_on, c.opens_at, pql.touch_due(of_lead, of_lead.tier, c.rep, as_of), pql.touch_due(of_lead, of_lead.tier, c.rep, of_lead.triggered_at), as_of, details, external_id)
		FROM pql.rep_capacity(as_of, ARRAY[rep]) c);
END
$$;
COMMENT ON FUNCTION pql.assign_lead(pql.lead, text, text, timestamptz, jsonb, text) IS 'Gives a lead to a rep, whatever the cap; one that is exceeded is flagged. The rep is to be locked before. Returns the lead, to be saved.';

CREATE FUNCTION pql.owner_rep(owner text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT p.email FROM pql.rep p
	WHERE btrim(owner) <> '' AND (lower(p.email) = lower(btrim(owner)) OR p.crm_id = btrim(owner) OR lower(p.name) = lower(btrim(owner)))
	ORDER BY lower(p.email) = lower(btrim(owner)) DESC, (p.crm_id = btrim(owner)) DESC, p.email LIMIT 1;
END;
COMMENT ON FUNCTION pql.owner_rep(text) IS 'The rep whom an account''s crm_owner names: an e-mail, an id of the CRM, or a name, in this order. NULL: nobody we know.';

CREATE FUNCTION pql.account_rep(of_lead pql.lead, reps text[]) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT o.rep FROM (
		-- looked up by these alone, whatever the planner thinks of how many have a rep
		(SELECT x.lead_id, x.rep, x.state, x.assigned_at FROM pql.lead x WHERE x.account_id = (of_lead).account_id OFFSET 0)
		UNION ALL
		(SELECT x.lead_id, x.rep, x.state, x.assigned_at FROM pql.lead x WHERE x.user_id = (of_lead).user_id OFFSET 0)) o
	WHERE o.lead_id <> (of_lead).lead_id AND o.rep = ANY (reps) AND o.state IN ('assigned', 'claimed', 'contacted', 'meeting')
	ORDER BY o.assigned_at, o.lead_id LIMIT 1;
END;
COMMENT ON FUNCTION pql.account_rep(pql.lead, text[]) IS 'Which of these reps works another lead of the account, or of the user: the one who had it first. NULL: none.';

CREATE FUNCTION pql.route_leads(ids bigint[], as_of timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	f record;
	l pql.lead;
	n int := 0;
	turn int := 0;
	pause CONSTANT text := pql.paused();
	reps text[];
	teams text[];
	zones text[];
	calendars text[];
	opens timestamptz[];
	days date[];
	next_days timestamptz[];
	free int[];
	loads int[];
	assigned timestamptz[];
	turns int[];
	-- for the day on which each opens next
	waiting int[];
	candidates int[];
	chosen int;
	only_rep int;
	early boolean;
	again boolean;
	of_team text;
	reason text;
	waits text;
	until timestamptz;
	flags text[];
BEGIN
	PERFORM FROM pql.rep r ORDER BY r.email FOR NO KEY UPDATE;
	SELECT array_agg(c.rep), array_agg(c.team), array_agg(c.timezone), array_agg(c.calendar), array_agg(c.opens_at), array_agg(c.counts_on), array_agg(c.next_day_at),
		array_agg(c.free), array_agg(c.load), array_agg(c.last_assigned_at), array_agg(0), array_agg(w.n)
	INTO reps, teams, zones, calendars, opens, days, next_days, free, loads, assigned, turns, waiting
	FROM pql.rep_capacity(as_of) c
	CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM pql.lead q WHERE q.state = 'queued' AND q.reason IN ('cap', 'behind_queue') AND q.queued_until > as_of AND q.queued_until <= c.opens_at
		AND (q.waits_for IS NULL OR q.waits_for = c.rep)) w;

	FOR f IN
		SELECT o AS lead, o.queued_until AS until, r.role, coalesce(p.team, r.team) AS team, p.segment AS pilot_segment, t.rank, t.first_touch, t.business, a.crm_owner, s.segment, s.team AS segment_team,
			coalesce(r.role = 'hand_raisers' OR 'hand_raiser' = ANY (o.flags), false) AS hand_raiser,
			-- nobody has had it since
			CASE WHEN o.state = 'queued' AND o.assigned_at IS NOT NULL AND o.rep IS NULL THEN (SELECT e.details ->> 'sdr_id' FROM pql.lead_event e WHERE e.user_id = o.user_id AND e.lead_id = o.lead_id AND e.event = 'pql_released'
				ORDER BY e.event_id DESC LIMIT 1) END AS released_by
		FROM pql.lead o
		JOIN pql.routing r ON r.model = o.model
		LEFT JOIN LATERAL (SELECT x.team, x.segment FROM pql.pilot x WHERE x.model = o.model AND x.started_at <= as_of AND pql.pilot_end(x) > as_of ORDER BY x.started_at DESC LIMIT 1) p ON true
		LEFT JOIN (SELECT i.model, x.* FROM pql.routing i CROSS JOIN LATERAL pql.tier_rules(i.model) x) t ON t.model = o.model AND t.tier = o.tier
		LEFT JOIN pql.account a ON a.account_id = o.account_id
		LEFT JOIN LATERAL (
			SELECT g.segment, g.team FROM pql.segment_rule g
			WHERE (g.employees_at_least IS NULL OR a.employees >= g.employees_at_least) AND (g.employees_at_most IS NULL OR a.employees <= g.employees_at_most)
			ORDER BY g.position LIMIT 1) s ON true
		WHERE o.lead_id = ANY (ids)
		ORDER BY (r.role = 'hand_raisers' OR 'hand_raiser' = ANY (o.flags)) DESC, t.rank, coalesce(o.qualified_at, o.triggered_at), o.lead_id
	LOOP
		l := f.lead;
		l.segment := coalesce(f.segment, l.segment);
		flags := pql.lasting_flags(l.flags);
		IF f.hand_raiser THEN
			flags := pql.flagged(flags, 'hand_raiser');
			IF EXISTS (SELECT FROM pql.score s WHERE s.user_id = l.user_id AND 'outside_icp' = ANY (s.exclusions)) THEN
				flags := pql.flagged(flags, 'outside_icp');
			END IF;
		END IF;
		-- who waits for another day gets what is freed of this one, before those who come later
		early := l.state = 'queued' AND l.reason IN ('cap', 'behind_queue') AND l.queued_until > as_of;
		chosen := NULL;
		only_rep := NULL;
		of_team := NULL;
		waits := NULL;
		until := NULL;

		IF pause IS NOT NULL THEN
			waits := 'paused';
		ELSE
			-- whose it is already; not again whose it was and who gave it back
			IF nullif(btrim(f.crm_owner), '') IS NOT NULL THEN
				chosen := array_position(reps, pql.owner_rep(f.crm_owner));
				reason := 'owner';
				IF chosen IS NULL THEN
					flags := pql.flagged(flags, 'owner_inactive');
				ELSIF reps[chosen] = f.released_by THEN
					chosen := NULL;
				END IF;
			END IF;
			IF chosen IS NULL THEN
				only_rep := array_position(reps, pql.account_rep(l, array_remove(reps, f.released_by)));
				-- or was, before it was reopened
				again := only_rep IS NULL AND l.rep = ANY (reps);
				IF again THEN
					only_rep := array_position(reps, l.rep);
				END IF;
			END IF;
			IF chosen IS NULL THEN
				IF only_rep IS NOT NULL THEN
					reason := CASE WHEN again THEN 'reopened' ELSE 'same_account' END;
					of_team := teams[only_rep];
				ELSE
					reason := CASE WHEN f.hand_raiser THEN 'hand_raiser' WHEN f.team IS NOT NULL THEN 'team' ELSE 'segment' END;
					of_team := coalesce(f.team, f.segment_team, CASE WHEN f.hand_raiser OR f.segment IS NULL THEN 'sdr' END);
					IF of_team IS NULL OR f.pilot_segment <> l.segment AND NOT f.hand_raiser THEN
						reason := CASE WHEN f.pilot_segment <> l.segment THEN 'outside_pilot' ELSE 'automated' END;
						IF (l.state, l.reason) IS DISTINCT FROM ('not_routed', reason) THEN
							l := pql.log_event(l, 'pql_not_routed', as_of, jsonb_build_object('reason', reason, 'segment', l.segment));
							PERFORM pql.save_lead(l, true);
						END IF;
						CONTINUE;
					ELSIF NOT coalesce(of_team = ANY (teams), false) AND cardinality(reps) > 0 THEN
						-- better somebody else than nobody
						flags := pql.flagged(flags, 'team_empty');
					END IF;
				END IF;
				candidates := ARRAY(SELECT i FROM generate_subscripts(reps, 1) i
					WHERE reps[i] IS DISTINCT FROM f.released_by AND CASE WHEN only_rep IS NOT NULL THEN i = only_rep ELSE teams[i] = of_team OR 'team_empty' = ANY (flags) END);
				SELECT i INTO chosen FROM unnest(candidates) i
				WHERE free[i] > 0 AND CASE WHEN early THEN opens[i] < l.queued_until
					-- those who wait for a day go by tier, not by the hour at which they came
					ELSE opens[i] <= as_of OR waiting[i] = 0 END
				ORDER BY loads[i], assigned[i] NULLS FIRST, turns[i], reps[i] LIMIT 1;
				IF chosen IS NULL AND early THEN
					waits := l.reason;
					until := l.queued_until;
				ELSIF chosen IS NULL AND EXISTS (SELECT FROM unnest(candidates) i WHERE free[i] > 0) THEN
					waits := 'behind_queue';
					until := (SELECT min(opens[i]) FROM unnest(candidates) i WHERE free[i] > 0);
				ELSIF chosen IS NULL THEN
					until := (SELECT min(next_days[i]) FROM unnest(candidates) i);
					waits := CASE WHEN until IS NULL THEN 'no_rep' ELSE 'cap' END;
				END IF;
			END IF;
		END IF;

		IF waits IS NOT NULL THEN
			IF (l.state, l.reason, l.queued_until) IS DISTINCT FROM ('queued', waits, until) THEN
				l := pql.log_event(l, 'pql_queued', as_of, jsonb_build_object('reason', waits, 'until', until, 'waits_for', CASE WHEN waits IN ('cap', 'behind_queue') THEN reps[only_rep] END, 'segment', l.segment, 'flags', flags, 'pause', pause));
			END IF;
			-- also of one that has risen since it queued; once
			IF f.rank = 1 AND waits <> 'paused' AND NOT EXISTS (SELECT FROM pql.alert x WHERE x.user_id = l.user_id AND x.lead_id = l.lead_id AND x.kind = 'queued') THEN
				PERFORM pql.tell('queued', l, as_of, jsonb_build_object('team', of_team));
			END IF;
			IF NOT early THEN
				waiting := ARRAY(SELECT w.n + ((until <= opens[w.i] AND (only_rep IS NULL OR w.i = only_rep)) IS TRUE)::int FROM unnest(waiting) WITH ORDINALITY w (n, i) ORDER BY w.i);
			END IF;
		ELSE
			l := pql.give_lead(l, reps[chosen], reason, flags, free[chosen], days[chosen], opens[chosen],
				pql.first_touch_due(coalesce(f.first_touch, '4 hours'), coalesce(f.business, true), as_of, opens[chosen], calendars[chosen], zones[chosen]),
				CASE WHEN l.routed_at IS NULL THEN pql.first_touch_due(coalesce(f.first_touch, '4 hours'), coalesce(f.business, true), l.triggered_at,
					pql.next_opening(l.triggered_at, calendars[chosen], zones[chosen]), calendars[chosen], zones[chosen]) END, as_of);
			IF early THEN
				waiting := ARRAY(SELECT w.n - (f.until <= opens[w.i] AND (only_rep IS NULL OR w.i = only_rep))::int FROM unnest(waiting) WITH ORDINALITY w (n, i) ORDER BY w.i);
			END IF;
			free[chosen] := free[chosen] - 1;
			loads[chosen] := loads[chosen] + 1;
			assigned[chosen] := as_of;
			turn := turn + 1;
			turns[chosen] := turn;
			n := n + 1;
		END IF;
		PERFORM pql.save_lead(l, true) WHERE l IS DISTINCT FROM f.lead OR l.next_at <= as_of;
	END LOOP;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.route_leads(bigint[], timestamptz) IS 'Gives leads to reps, or queues them with a reason (paused, cap, behind_queue, no_rep), the highest tier first, then the earliest qualified. Their users are to be locked before; reps are here. Returns how many were assigned.';
