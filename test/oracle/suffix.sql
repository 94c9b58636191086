-- The registrable domain in plain SQL, by the rules of the public suffix list: the longest rule that matches wins, an
-- exception (!) over all others, and where none matches the last label is the suffix. Sharing no code with libpsl, but one
-- reading: what stands above a wildcard is a suffix itself (kobe.jp of *.kobe.jp), though the rules leave it open to registration.
--
--   psql -v list=/usr/share/publicsuffix/public_suffix_list.dat -f test/oracle/suffix.sql
--
-- Names of other scripts in the list become A-labels by pql.canonical_domain, so that its hosts are those of pql.email_host.

CREATE SCHEMA IF NOT EXISTS oracle;
CREATE TABLE oracle.suffix (rule text PRIMARY KEY, kind text NOT NULL);
COMMENT ON COLUMN oracle.suffix.kind IS 'rule: the domain itself. below: it, and everything one label below it. exception: not a suffix, though one label above is "below".';

CREATE TEMP TABLE line (n int GENERATED ALWAYS AS IDENTITY, line text);
-- a delimiter that is in no line, so that a line is a column
\set copy '\\copy line (line) FROM ' :'list' ' WITH (FORMAT csv, DELIMITER E''\\x01'', QUOTE E''\\x02'')'
:copy
INSERT INTO oracle.suffix (rule, kind)
SELECT DISTINCT pql.canonical_domain(ltrim(w.word, '!*.')), CASE WHEN w.word LIKE '!%' THEN 'exception' WHEN w.word LIKE '*.%' THEN 'below' ELSE 'rule' END
FROM line, split_part(btrim(line), ' ', 1) w (word)
WHERE w.word NOT LIKE '//%' AND w.word <> ''
ON CONFLICT DO NOTHING;
ANALYZE oracle.suffix;

CREATE FUNCTION oracle.registrable(host text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN array_length(label, 1) > suffix THEN array_to_string(label[array_length(label, 1) - suffix:], '.') END
	FROM (SELECT string_to_array(host, '.') AS label) l
	CROSS JOIN LATERAL (
		SELECT coalesce((array_agg(m.labels ORDER BY m.exception DESC, m.labels DESC))[1], 1) AS suffix
		FROM generate_series(1, array_length(label, 1)) n
		CROSS JOIN LATERAL (SELECT array_to_string(label[n:], '.') AS domain, array_length(label, 1) - n + 1 AS labels) d
		CROSS JOIN LATERAL (
			SELECT d.labels, 0 AS exception FROM oracle.suffix s WHERE s.rule = d.domain AND s.kind <> 'exception'
			UNION ALL SELECT d.labels, 0 FROM oracle.suffix s WHERE s.rule = array_to_string(label[n + 1:], '.') AND s.kind = 'below' AND n < array_length(label, 1)
			UNION ALL SELECT d.labels - 1, 1 FROM oracle.suffix s WHERE s.rule = d.domain AND s.kind = 'exception'
		) m
	) s
$$;
COMMENT ON FUNCTION oracle.registrable(text) IS 'The suffix and one label; NULL when there is no more than the suffix.';
