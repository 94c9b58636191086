-- pql.score_all once more, in SQL alone: profiles as jsonb, pql.gather over a join, pql.judge. Nothing of the scan,
-- the population or the profiles it reads is used here.

CREATE FUNCTION oracle.plain_score(model text, as_of timestamptz DEFAULT now(), known_at timestamptz DEFAULT NULL, detail boolean DEFAULT false)
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, status text, score int, potential int,
	tier text, signals text[], exclusions text[], qualified_at timestamptz, next_change_at timestamptz, explanation jsonb)
LANGUAGE plpgsql STABLE SET jit = off AS $$
DECLARE
	doc jsonb := pql.model(model);
	per_trial boolean := i.per_trial FROM pql.model_info(doc) i;
	judge text := CASE WHEN detail THEN 'judge' ELSE 'judge_brief' END;
	events text := pql.event_query(known_at);
BEGIN
	IF per_trial THEN
		RETURN QUERY EXECUTE format($q$
			SELECT p.user_id, p.account_id, p.started_at, v.status, v.score, v.potential, v.tier, v.signals,
				v.exclusions, v.qualified_at, v.next_change_at, v.explanation
			FROM pql.profile_of($1, $2, $3) p
			LEFT JOIN (
				SELECT s.user_id, s.started_at, pql.gather($1, e.occurred_at, e.event, e.properties, s.started_at) AS evidence
				FROM (%s) e
				JOIN pql.trial_at($2, $3) s ON s.user_id = e.user_id AND e.occurred_at >= s.started_at
					AND (s.next_start IS NULL OR e.occurred_at < s.next_start)
				WHERE e.occurred_at <= $2
				GROUP BY s.user_id, s.started_at
			) g ON g.user_id = p.user_id AND g.started_at = p.started_at
			CROSS JOIN LATERAL pql.%I($1, g.evidence, p.profile, $2) v
			WHERE v.status IS NOT NULL$q$, events, judge)
		USING doc, as_of, known_at;
	ELSE
		RETURN QUERY EXECUTE format($q$
			SELECT coalesce(p.user_id, g.user_id), p.account_id, p.started_at, v.status, v.score, v.potential, v.tier,
				v.signals, v.exclusions, v.qualified_at, v.next_change_at, v.explanation
			FROM pql.profile_of($1, $2, $3) p
			FULL JOIN (
				SELECT e.user_id, pql.gather($1, e.occurred_at, e.event, e.properties, s.started_at) AS evidence
				FROM (%s) e
				LEFT JOIN pql.subject_at(false, $2, $3) s ON s.user_id = e.user_id
				WHERE e.occurred_at <= $2
				GROUP BY e.user_id
			) g ON g.user_id = p.user_id
			CROSS JOIN LATERAL pql.%I($1, g.evidence, p.profile, $2) v
			WHERE v.status IS NOT NULL$q$, events, judge)
		USING doc, as_of, known_at;
	END IF;
END
$$;
