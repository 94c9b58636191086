-- Statistics: how far a rate can be trusted.

CREATE FUNCTION pql.wilson(successes float8, trials float8) RETURNS TABLE (low float8, high float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT CASE WHEN successes = 0 THEN 0 ELSE (s.middle - s.reach) / (1 + s.z2 / s.n) END, CASE WHEN successes = s.n THEN 1 ELSE (s.middle + s.reach) / (1 + s.z2 / s.n) END
	FROM (
		SELECT q.z2, q.n, q.p + q.z2 / (2 * q.n) AS middle, sqrt(q.z2 * (q.p * (1 - q.p) + q.z2 / (4 * q.n)) / q.n) AS reach
		-- what is no rate is NULL, so that nothing is divided or rooted that cannot be, in whatever order the planner has it
		FROM (SELECT 3.841458820694124::float8 AS z2, r.n, successes / r.n AS p FROM (SELECT CASE WHEN trials > 0 AND successes >= 0 AND successes <= trials THEN trials END AS n) r) q) s
	WHERE s.n IS NOT NULL;
END;
COMMENT ON FUNCTION pql.wilson(float8, float8) IS 'The 95 % interval of a rate (E. B. Wilson, 1927). No row when there are no trials, or the successes are not among them.';

CREATE FUNCTION pql.rate_difference(successes float8, trials float8, other_successes float8, other_trials float8) RETURNS TABLE (difference float8, low float8, high float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT d.p - d.q, d.p - d.q - sqrt((d.p - a.low) ^ 2 + (b.high - d.q) ^ 2), d.p - d.q + sqrt((a.high - d.p) ^ 2 + (d.q - b.low) ^ 2)
	FROM pql.wilson(successes, trials) a
	CROSS JOIN pql.wilson(other_successes, other_trials) b
	CROSS JOIN LATERAL (SELECT successes / nullif(trials, 0) AS p, other_successes / nullif(other_trials, 0) AS q) d;
END;
COMMENT ON FUNCTION pql.rate_difference(float8, float8, float8, float8) IS 'How much higher a rate is than another one, and the 95 % interval of that (R. G. Newcombe, 1998: method 10, of two Wilson intervals). No row when either has no trials.';

CREATE FUNCTION pql.mean_difference(sum float8, squares float8, n float8, other_sum float8, other_squares float8, other_n float8) RETURNS TABLE (difference float8, low float8, high float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT d.difference, d.difference - d.reach, d.difference + d.reach
	FROM (
		SELECT s.sum / s.n - s.other_sum / s.other_n AS difference,
			-- never below zero by rounding
			1.959963984540054 * sqrt(greatest(s.squares - s.sum ^ 2 / s.n + s.other_squares - s.other_sum ^ 2 / s.other_n, 0) / nullif(s.n + s.other_n - 2, 0) * (1 / s.n + 1 / s.other_n)) AS reach
		FROM (SELECT coalesce(sum, 0) AS sum, coalesce(squares, 0) AS squares, nullif(n, 0) AS n, coalesce(other_sum, 0) AS other_sum, coalesce(other_squares, 0) AS other_squares, nullif(other_n, 0) AS other_n) s) d
	WHERE d.reach IS NOT NULL;
END;
COMMENT ON FUNCTION pql.mean_difference(float8, float8, float8, float8, float8, float8) IS 'How much higher a mean is than another one, of sums, sums of squares and numbers, and the 95 % interval of that (two samples of one variance; the normal quantile). No row when either has none, or each but one.';
