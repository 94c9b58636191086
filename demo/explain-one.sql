-- Shows one row of the table "chosen": the person in place :place. Included by demo.sql.

SELECT count(*) > 0 AS found FROM chosen WHERE place = :place \gset
\if :found
	SELECT user_id AS who, started_at AS began,
		format('--- %s %s', coalesce(full_name, email), heading) AS heading,
		concat_ws(', ', title, company, employees || ' employees',
			'trial since ' || to_char(started_at, 'FMDy FMDD Mon')) AS known,
		concat_ws(', ', 'status ' || status, 'tier ' || tier, 'score ' || score,
			CASE WHEN potential <> score THEN 'potential ' || potential END,
			CASE WHEN exclusions <> '{}' THEN 'excluded as ' || array_to_string(exclusions, ' and ') END,
			'qualified ' || to_char(qualified_at, 'FMDy FMDD Mon HH24:MI'),
			CASE WHEN next_change_at > :'today'
				THEN 'may change by itself at ' || to_char(next_change_at, 'FMDy FMDD Mon HH24:MI') END)
			AS verdict,
		coalesce(nullif(summary, ''), '(nothing yet)') AS summary,
		coalesce(explanation @? 'strict $.next_steps[0]', false) AS has_steps
	FROM chosen WHERE place = :place \gset
	\echo
	\echo :heading
	\echo
	\echo '   ' :known
	\echo '   ' :verdict
	\echo '   ' :summary
	\echo
	SELECT signal, CASE WHEN met THEN 'yes' WHEN NOT met THEN 'no' ELSE '?' END AS met,
		round(value::numeric, 2)::float8 AS value, threshold, points,
		to_char(first_met_at, 'Dy DD Mon HH24:MI') AS "first met", note
	FROM pql.explain('trial', :'who', :'today', :'began');
	\if :has_steps
		\echo
		\echo 'Nearest steps up:'
		\echo
		SELECT step->>'text' AS step, step->>'points' AS points, step->>'leads_to' AS "leads to"
		FROM chosen, jsonb_array_elements(explanation->'next_steps') AS step
		WHERE place = :place;
	\endif
\endif
