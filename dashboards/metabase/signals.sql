-- Title: Acceptance by signal
-- Shows: Of the leads that met a signal when they were found and have been dispositioned, those that were accepted:
--        signals that predict stand first, those that are noise last.
-- Chart: row; x: signal; y: acceptance, dispositioned

SELECT member AS signal, sum(numerator) / nullif(sum(denominator), 0) AS acceptance, sum(denominator) AS dispositioned
FROM pql.dashboard_feedback_at(now(), by => 'signal')
WHERE metric = 'acceptance_rate'
GROUP BY signal
ORDER BY acceptance DESC NULLS LAST, signal;
