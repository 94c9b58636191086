-- Title: Acceptance by rep
-- Shows: Leads that were accepted, of those dispositioned, all weeks together, and how many these were.
-- Chart: bar; x: rep; y: acceptance, dispositioned

SELECT coalesce(r.name, d.member) AS rep, sum(d.numerator) / nullif(sum(d.denominator), 0) AS acceptance,
	sum(d.denominator) AS dispositioned
FROM pql.dashboard_pipeline_at(now(), by => 'rep') d
LEFT JOIN pql.rep r ON r.email = d.member
WHERE d.grain = 'week' AND d.metric = 'acceptance_rate'
GROUP BY 1
ORDER BY acceptance DESC NULLS LAST, rep;
