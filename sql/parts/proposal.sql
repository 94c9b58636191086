-- Proposals: who may be the same person, or the same company, for somebody to look at. Nothing here merges anybody by itself.
--
-- People are compared who share a block (a key made of fields), within a window of its rows in order of their names. What the fields of two say
-- is added up by Fellegi and Sunter: log2(m / u) bits where a field agrees, log2((1 - m) / (1 - u)) where it does not, in between for words that
-- are alike; m is how often the field agrees for one person, u for two. All of that is data: pql.match_field, pql.match_block. A value that more
-- people have than u says tells less. How many bits are enough depends on how many people there are: strangers who agree by chance grow with the
-- square of their number, those who are there twice with the number itself.

CREATE FUNCTION pql.jaro_winkler(a text, b text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_jaro_winkler';
COMMENT ON FUNCTION pql.jaro_winkler(text, text) IS 'How alike two words are, by Jaro and Winkler: 1 the same, 0 nothing in common; a common beginning (up to four letters) adds a tenth of what is missing for each. By characters, of which the first 64 count; case counts. NULL for NULL, 0 when one is empty.';

CREATE FUNCTION pql.matching_pairs(rows_of text, compare text[], m float8[], u float8[], swaps_with int[], window_rows int, threshold float8) RETURNS TABLE (a text, b text, score float8, weights float8[], same text[])
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pql_matching_pairs';
COMMENT ON FUNCTION pql.matching_pairs(text, text[], float8[], float8[], int[], int, float8) IS 'Pairs of rows that agree. rows_of is a query (key text, id text, fields text[]), in order of key: each row is compared with the window_rows before it that have its key. By field: compare (name: by Jaro-Winkler, linear from 0.7 to 1; code: equal, or half with one slip; exact), m, u, and the place of an earlier field with which it may be swapped (NULL: none), at a cost of one bit. score is in bits; pairs at or above threshold are given, as often as they share keys, with the weight of each field, and what it says where both say the same (of long values the first 64 characters); fields that are NULL or empty in one row weigh 0. Memory is that of window_rows rows. Run as the caller. ERROR: columns of another type, other numbers of fields, not 0 < u < m < 1.';

CREATE TABLE pql.match_field (
	subject text NOT NULL CHECK (subject IN ('person', 'account')),
	field text NOT NULL CHECK (field ~ '^[a-z][a-z0-9_]*$'),
	place int NOT NULL,
	names text[] NOT NULL,
	compare text NOT NULL CHECK (compare IN ('name', 'code', 'exact')),
	m float8 NOT NULL,
	u float8 NOT NULL,
	swaps_with text,
	shipped_in text,
	CHECK (0 < u AND u < m AND m < 1)
);
CREATE UNIQUE INDEX match_field_once ON pql.match_field (subject, field, (shipped_in IS NULL));
COMMENT ON TABLE pql.match_field IS 'By what proposals compare. Add rows of your own; one with the name of a shipped field counts in its stead, and with no names switches it off.';
COMMENT ON COLUMN pql.match_field.place IS 'In this order they are compared: what tells most first spares the rest.';
COMMENT ON COLUMN pql.match_field.names IS 'Where it stands: attributes of the row, the first that has something; or @given and @family (of full_name), @email_local, @email_company (the registrable domain of a work address), @company_name, @company_domain.';
COMMENT ON COLUMN pql.match_field.compare IS 'name: alike by Jaro-Winkler. code: equal, half with one slip. exact: equal.';
COMMENT ON COLUMN pql.match_field.m IS 'How often it agrees for two records of one person, 0 to 1.';
COMMENT ON COLUMN pql.match_field.u IS 'How often it agrees for two people. A value that more than that have tells less (pql.common_values).';
COMMENT ON COLUMN pql.match_field.swaps_with IS 'An earlier field whose value may stand here, and the other way round: given and family names.';
COMMENT ON COLUMN pql.match_field.shipped_in IS 'The version of pql that brought it; NULL: your own.';
INSERT INTO pql.match_field (subject, field, place, names, compare, m, u, swaps_with, shipped_in)
SELECT f.subject, f.field, f.place, f.names::text[], f.compare, f.m, f.u, f.swaps_with, pql.version()
FROM (VALUES
	('person', 'birth_date', 10, '{date_of_birth,birth_date,birthday,dob}', 'code', 0.9, 0.001, NULL), ('person', 'phone', 20, '{phone,mobile,phone_number}', 'code', 0.9, 0.0001, NULL),
	('person', 'given_name', 30, '{given_name,first_name,firstname,@given}', 'name', 0.9, 0.01, NULL), ('person', 'family_name', 40, '{family_name,last_name,lastname,surname,@family}', 'name', 0.9, 0.005, 'given_name'),
	('person', 'street', 50, '{street,address,address_1,address_line_1}', 'name', 0.85, 0.005, NULL), ('person', 'email_local', 60, '{@email_local}', 'name', 0.8, 0.005, NULL),
	('person', 'street_extra', 70, '{address_2,address_line_2}', 'name', 0.8, 0.01, NULL), ('person', 'house_number', 80, '{house_number,street_number}', 'code', 0.85, 0.03, NULL),
	('person', 'postcode', 90, '{postcode,postal_code,zip}', 'code', 0.9, 0.01, NULL), ('person', 'city', 100, '{city,suburb,town}', 'name', 0.9, 0.01, NULL),
	('person', 'company', 110, '{@email_company}', 'exact', 0.7, 0.02, NULL), ('person', 'region', 120, '{region,state,province}', 'exact', 0.9, 0.2, NULL),
	('account', 'domain', 10, '{@company_domain}', 'exact', 0.7, 0.0001, NULL), ('account', 'name', 20, '{@company_name}', 'name', 0.9, 0.001, NULL),
	('account', 'country', 30, '{country,country_code}', 'exact', 0.95, 0.2, NULL), ('account', 'city', 40, '{city}', 'name', 0.7, 0.05, NULL)
) f (subject, field, place, names, compare, m, u, swaps_with);
SELECT pg_catalog.pg_extension_config_dump('pql.match_field', 'WHERE shipped_in IS NULL');

CREATE TABLE pql.match_block (
	subject text NOT NULL CHECK (subject IN ('person', 'account')),
	block text NOT NULL CHECK (block <> ''),
	parts text[] NOT NULL,
	shipped_in text
);
CREATE UNIQUE INDEX match_block_once ON pql.match_block (subject, block, (shipped_in IS NULL));
COMMENT ON TABLE pql.match_block IS 'Who is compared with whom: rows that have all parts of a block in common. Add rows of your own; one with the name of a shipped block counts in its stead, and with no parts switches it off.';
COMMENT ON COLUMN pql.match_block.parts IS 'Fields of pql.match_field: field (all of it), field:3 (its first three letters), field~ (by sound, pql.sound_key), field|other (both by sound, in either order). A row without one of them is not in the block.';
COMMENT ON COLUMN pql.match_block.shipped_in IS 'The version of pql that brought it; NULL: your own.';
INSERT INTO pql.match_block (subject, block, parts, shipped_in)
SELECT b.subject, b.block, b.parts::text[], pql.version()
FROM (VALUES ('person', 'names', '{family_name~,given_name:1}'), ('person', 'given', '{given_name~,family_name:1}'), ('person', 'either_order', '{given_name|family_name}'), ('person', 'birth_date', '{birth_date}'), ('person', 'phone', '{phone}'), ('person', 'mailbox', '{email_local:6}'),
	('person', 'colleague', '{company,family_name~}'), ('person', 'address', '{street:6,house_number}'), ('person', 'neighbour', '{postcode,family_name:2}'), ('person', 'household', '{postcode,street:4}'),
	('account', 'domain', '{domain}'), ('account', 'name', '{name:5}'), ('account', 'sound', '{name~}')) b (subject, block, parts);
SELECT pg_catalog.pg_extension_config_dump('pql.match_block', 'WHERE shipped_in IS NULL');

CREATE TABLE pql.identity_proposal (
	proposal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('user', 'account')),
	a text NOT NULL,
	b text NOT NULL,
	score float8 NOT NULL,
	probability float8 CHECK (probability BETWEEN 0 AND 1),
	reasons jsonb NOT NULL,
	state text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'accepted', 'rejected')),
	proposed_at timestamptz NOT NULL,
	decided_at timestamptz,
	decided_by text,
	why text,
	link_id bigint,
	UNIQUE (kind, a, b),
	CHECK (a COLLATE "C" < b COLLATE "C"),
	CHECK ((state = 'proposed') = (decided_at IS NULL))
);
CREATE INDEX identity_proposal_open ON pql.identity_proposal (score DESC) WHERE state = 'proposed';
COMMENT ON TABLE pql.identity_proposal IS 'Who may be the same, for review: accept with pql.accept_proposal, reject with pql.reject_proposal. What was decided is not proposed again.';
COMMENT ON COLUMN pql.identity_proposal.score IS 'Bits in favour: 10 more are a thousand times likelier.';
COMMENT ON COLUMN pql.identity_proposal.probability IS 'That they are the same, by the score and by how many there were when it was found: pql.match_probability.';
COMMENT ON COLUMN pql.identity_proposal.reasons IS 'By field the bits for (positive) or against it, the strongest first when sorted by them; fields that one of both lacks are left out.';
COMMENT ON COLUMN pql.identity_proposal.link_id IS 'The link that accepting made.';
COMMENT ON SEQUENCE pql.identity_proposal_proposal_id_seq IS 'Ids of proposals.';
SELECT pg_catalog.pg_extension_config_dump('pql.identity_proposal', '');
SELECT pg_catalog.pg_extension_config_dump('pql.identity_proposal_proposal_id_seq', '');

CREATE FUNCTION pql.match_value(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT nullif(translate(lower(btrim(said)), ' -.,;:/''"`()#_', ''), '');
END;
COMMENT ON FUNCTION pql.match_value(text) IS 'A value as proposals compare it: in lower case, without blanks and punctuation. NULL when nothing is left.';

CREATE FUNCTION pql.sound_key(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- letters that are written for each other become one; vowels go, but for one at the beginning
	SELECT nullif(left(regexp_replace(translate(s.first, 'eiouy', 'aaaaa') || translate(substr(s.word, 2), 'aeiouyhw', ''), '(.)\1+', '\1', 'g'), 4), '')
	FROM (SELECT w.word, left(w.word, 1) AS first FROM (SELECT translate(replace(replace(pql.match_value(said), 'ph', 'f'), 'ck', 'k'), 'cqzdpvngj0123456789', 'kkstbfmkk') AS word) w) s;
END;
COMMENT ON FUNCTION pql.sound_key(text) IS 'Up to four letters for how a name sounds: Meyer, Maier and Mayr have one, and so have Philipp and Filip. NULL when there are no letters.';

CREATE FUNCTION pql.either_order(a text, b text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN a COLLATE "C" <= b COLLATE "C" THEN a || ' ' || b ELSE b || ' ' || a END;
END;
COMMENT ON FUNCTION pql.either_order(text, text) IS 'Two words as one, the same for both orders. NULL when one is NULL.';

CREATE FUNCTION pql.company_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- forms stand at the end, one or several of them; what is nothing but a form stays
	SELECT nullif(btrim(coalesce(nullif(regexp_replace(regexp_replace(w.words, '^the ', ''), '( (inc|incorporated|llc|llp|lp|ltd|limited|plc|corp|corporation|co|company|group|holding|holdings|gmbh|mbh|ag|kg|kgaa|ohg|ug|ev|se|sa|sas|sasu|sarl|srl|spa|sl|slu|bv|nv|ab|as|asa|oy|oyj|aps|pty|pte|kk|sro|sp z oo|doo|int|international|and))+$', ''), ''), w.words)), '')
	FROM (SELECT btrim(regexp_replace(regexp_replace(regexp_replace(lower(name), '[.''’]', '', 'g'), '[&+]', ' and ', 'g'), '[^[:alnum:]]+', ' ', 'g')) AS words) w;
END;
COMMENT ON FUNCTION pql.company_key(text) IS 'A company''s name without its legal form (Inc, Ltd, GmbH & Co. KG, SAS …), in lower case, words with one blank between them: to compare names. NULL when nothing is left.';

CREATE FUNCTION pql.match_fields(subject text) RETURNS TABLE (n bigint, field text, expression text, compare text, m float8, u float8, swaps_with int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH effective AS (
		SELECT DISTINCT ON (f.field) f.field, f.place, f.names, f.compare, f.m, f.u, f.swaps_with FROM pql.match_field f WHERE f.subject = match_fields.subject ORDER BY f.field, f.shipped_in IS NOT NULL
	), numbered AS (
		SELECT e.*, row_number() OVER (ORDER BY e.place, e.field) AS n FROM effective e WHERE cardinality(e.names) > 0
	)
	SELECT e.n, e.field, 'pql.match_value(coalesce(' || (
			SELECT string_agg(CASE x.name
				WHEN '@given' THEN 'CASE WHEN r.full_name ~ ''\S\s+\S'' THEN nullif(substring(r.full_name FROM ''^\s*(\S+)''), '''') END' WHEN '@family' THEN 'nullif(substring(r.full_name FROM ''(\S+)\s*$''), '''')'
				WHEN '@email_local' THEN 'substring(pql.normal_email(r.email) FROM ''^(.*)@'')' WHEN '@email_company' THEN 'pql.work_domain(r.email)'
				WHEN '@company_name' THEN 'pql.company_key(r.name)' WHEN '@company_domain' THEN 'pql.work_domain(''x@'' || r.domain)'
				ELSE format('nullif(btrim(r.attributes ->> %L), '''')', x.name) END, ', ' ORDER BY x.place)
			FROM unnest(e.names) WITH ORDINALITY x (name, place)) || '))', e.compare, e.m, e.u, (SELECT o.n::int FROM numbered o WHERE o.field = e.swaps_with AND o.n < e.n)
	FROM numbered e
	ORDER BY e.n;
END;
COMMENT ON FUNCTION pql.match_fields(text) IS 'The fields by which people or accounts are compared, as they count now, in order, each with the expression that reads it of a row r.';

CREATE FUNCTION pql.match_values(subject text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT format('SELECT r.%1$I AS id, ARRAY[%2$s]::text[] AS field FROM pql.%3$I r WHERE %4$s OFFSET 0', CASE subject WHEN 'person' THEN 'user_id' ELSE 'account_id' END, string_agg(f.expression, ', ' ORDER BY f.n), subject,
		CASE subject WHEN 'person' THEN 'pql.is_test_address(r.email) IS NOT TRUE' ELSE 'true' END)
	FROM pql.match_fields(subject) f;
END;
COMMENT ON FUNCTION pql.match_values(text) IS 'The query over people or accounts that gives what is compared: id, and field (values in the order of pql.match_fields). Test addresses are left out.';

CREATE FUNCTION pql.common_values(subject text) RETURNS TABLE (n bigint, value text, less float8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	-- The two of a pair do not count, and u weighs as much as 1 / u rows: among few people chance makes values common.
	RETURN QUERY EXECUTE format($q$
		WITH v AS MATERIALIZED (%s)
		SELECT c.n, c.value, log(2.0, ((c.people - 1) / c.expected)::numeric)::float8
		FROM (SELECT x.n, x.value, count(*) AS people, ((SELECT count(*) FROM v) - 2) * $1[x.n] + 1 AS expected
			FROM v CROSS JOIN LATERAL unnest(v.field) WITH ORDINALITY x (value, n) WHERE x.value <> '' GROUP BY x.n, x.value) c
		WHERE c.people - 1 > c.expected$q$, pql.match_values(subject))
		USING ARRAY(SELECT f.u FROM pql.match_fields(subject) f ORDER BY f.n);
END
$$;
COMMENT ON FUNCTION pql.common_values(text) IS 'Values that more people (or accounts) have than u of their field (n, as in pql.match_fields) says, and how many bits less they tell when two have them: log2 of their share by u.';

CREATE FUNCTION pql.match_probability(score float8, people bigint) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	-- beyond a thousand bits nothing changes, but for what 2 to their power can be
	SELECT 1 / (1 + greatest(people, 1) * 2 ^ - greatest(-1000, least(1000, score)));
END;
COMMENT ON FUNCTION pql.match_probability(float8, bigint) IS 'How likely two of so many people are one, by a score in bits (a likelihood ratio, Fellegi and Sunter 1969): 2^score to people. For before anything is compared it is one to as many as there are: each may be there once more. NULL for NULL.';

CREATE FUNCTION pql.match_threshold(probability float8, people bigint) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT (probability > 0 AND probability < 1) THEN
		RAISE EXCEPTION 'probability % is not between 0 and 1', probability
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example 0.9.';
	END IF;
	RETURN log(2.0, (greatest(people, 1) * probability / (1 - probability))::numeric)::float8;
END
$$;
COMMENT ON FUNCTION pql.match_threshold(float8, bigint) IS 'The score in bits at which two of so many people are one with that probability: log2(people * probability / (1 - probability)), the other way round of pql.match_probability. NULL for NULL. ERROR: a probability that is not between 0 and 1.';

CREATE FUNCTION pql.match_rows(subject text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	field_names text[];
	block record;
	part text;
	key text;
	keys text := '';
	n int;
	other int;
BEGIN
	SELECT array_agg(f.field ORDER BY f.n) INTO field_names FROM pql.match_fields(subject) f;
	FOR block IN
		SELECT DISTINCT ON (b.block) b.block, b.parts FROM pql.match_block b WHERE b.subject = match_rows.subject ORDER BY b.block, b.shipped_in IS NOT NULL
	LOOP
		key := '';
		FOREACH part IN ARRAY block.parts LOOP
			n := array_position(field_names, regexp_replace(part, '[~:|].*$', ''));
			other := array_position(field_names, split_part(part, '|', 2));
			-- a field that is switched off takes its blocks along
			IF n IS NULL OR part LIKE '%|%' AND other IS NULL OR part !~ '^[a-z][a-z0-9_]*(~|:[1-9][0-9]?|[|][a-z][a-z0-9_]*)?$' THEN
				key := NULL;
				EXIT;
			END IF;
			key := key || ' || chr(31) || ' || CASE WHEN part LIKE '%|%' THEN format('pql.either_order(pql.sound_key(v.field[%s]), pql.sound_key(v.field[%s]))', n, other)
				WHEN part LIKE '%~' THEN format('pql.sound_key(v.field[%s])', n) WHEN part LIKE '%:%' THEN format('left(v.field[%s], %s)', n, split_part(part, ':', 2)) ELSE format('v.field[%s]', n) END;
		END LOOP;
		CONTINUE WHEN key IS NULL OR key = '';
		keys := keys || format(', (%L%s)', block.block, key);
	END LOOP;
	IF field_names IS NULL OR keys = '' THEN
		RAISE EXCEPTION 'there is nothing to compare by'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'pql.match_field has no fields, or pql.match_block no block of fields that are there.';
	END IF;
	RETURN format($q$SELECT k.key, v.id, v.field
		FROM (%s) v
		CROSS JOIN LATERAL (VALUES %s) k (key)
		WHERE k.key IS NOT NULL
		ORDER BY k.key COLLATE "C", array_to_string(v.field, ' ') COLLATE "C", v.id COLLATE "C"$q$, pql.match_values(subject), substr(keys, 3));
END
$$;
COMMENT ON FUNCTION pql.match_rows(text) IS 'The query over people or accounts that pql.matching_pairs reads: a row for each block that one is in, in order. An ERROR when no field or no block is left.';

CREATE FUNCTION pql.propose(subject text, proposed_kind text, threshold float8, window_rows int, as_of timestamptz, probability float8) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
DECLARE
	f record;
	people bigint := CASE subject WHEN 'person' THEN (SELECT count(*) FROM pql.person) ELSE (SELECT count(*) FROM pql.account) END;
	-- a few people are not the same by what little they have in common, however unlikely chance is
	least_bits CONSTANT float8 := CASE subject WHEN 'person' THEN 12 ELSE 8 END;
	enough float8 := coalesce(propose.threshold, CASE WHEN propose.probability IS NOT NULL THEN greatest(least_bits, pql.match_threshold(propose.probability, people)) END);
	new_ones bigint;
BEGIN
	IF enough IS NULL OR window_rows IS NULL OR as_of IS NULL THEN
		RAISE EXCEPTION 'threshold or probability, window_rows and as_of have to be given'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave them out for what is usual.';
	END IF;
	SELECT array_agg(x.field ORDER BY x.n) AS field, array_agg(x.compare ORDER BY x.n) AS compare, array_agg(x.m ORDER BY x.n) AS m, array_agg(x.u ORDER BY x.n) AS u, array_agg(x.swaps_with ORDER BY x.n) AS swaps INTO f
	FROM pql.match_fields(subject) x;
	WITH agreeing AS MATERIALIZED (
		SELECT DISTINCT ON (1, 2) least(p.a COLLATE "C", p.b COLLATE "C") AS a, greatest(p.a COLLATE "C", p.b COLLATE "C") AS b, p.weights, p.same
		FROM pql.matching_pairs(pql.match_rows(subject), f.compare, f.m, f.u, f.swaps, window_rows, enough) p
		ORDER BY 1, 2
	), common AS MATERIALIZED (
		SELECT c.n, c.value, c.less FROM pql.common_values(subject) c
	), pair AS MATERIALIZED (
		-- common values only take away: who is below the threshold without stays there
		SELECT p.a, p.b, sum(w.weight) AS score, array_agg(w.weight ORDER BY w.n) AS weights
		FROM agreeing p CROSS JOIN LATERAL (
			SELECT u.n, CASE WHEN c.less IS NULL THEN u.weight ELSE greatest(least(u.weight, 0), u.weight - c.less) END
			FROM unnest(p.weights, p.same) WITH ORDINALITY u (weight, value, n) LEFT JOIN common c ON c.n = u.n AND c.value = u.value) w (n, weight)
		GROUP BY p.a, p.b
		HAVING sum(w.weight) >= enough
	), written AS (
		INSERT INTO pql.identity_proposal AS o (kind, a, b, score, probability, reasons, proposed_at)
		SELECT proposed_kind, p.a, p.b, p.score, pql.match_probability(p.score, people),
			(SELECT jsonb_object_agg(w.field, round(w.weight::numeric, 1)) FROM unnest(f.field, p.weights) w (field, weight) WHERE round(w.weight::numeric, 1) <> 0), as_of
		FROM pair p
		LEFT JOIN pql.identity ia ON ia.kind = proposed_kind AND ia.id = p.a
		LEFT JOIN pql.identity ib ON ib.kind = proposed_kind AND ib.id = p.b
		LEFT JOIN pql.identity_proposal h ON h.kind = proposed_kind AND h.a = p.a AND h.b = p.b
		-- who is the same already
		WHERE ((ia.representative_kind, ia.representative_id) = (ib.representative_kind, ib.representative_id)) IS NOT TRUE
			AND (h.proposal_id IS NULL OR h.state = 'proposed' AND (h.score, h.probability) IS DISTINCT FROM (p.score, pql.match_probability(p.score, people)))
			-- or was, until somebody said no
			AND NOT EXISTS (SELECT FROM pql.link l WHERE l.undone_by <> 'pql' AND l.kind = proposed_kind AND l.other_kind = proposed_kind AND l.id = p.b AND l.other_id = p.a)
		ORDER BY p.score DESC, p.a, p.b
		ON CONFLICT (kind, a, b) DO UPDATE SET score = EXCLUDED.score, probability = EXCLUDED.probability, reasons = EXCLUDED.reasons WHERE o.state = 'proposed'
		RETURNING o.proposed_at
	)
	SELECT count(*) INTO new_ones FROM written w WHERE w.proposed_at = as_of;
	RETURN new_ones;
END
$$;
COMMENT ON FUNCTION pql.propose(text, text, float8, int, timestamptz, float8) IS 'Writes proposals for people or accounts (subject: the table, proposed_kind: of the identifiers); returns how many are new. Those who are the same already, and pairs that somebody decided on, are left out; scores and probabilities of open ones follow.';

CREATE FUNCTION pql.propose_identities(threshold float8 DEFAULT NULL, window_rows int DEFAULT 20, as_of timestamptz DEFAULT now(), probability float8 DEFAULT 0.5) RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT pql.propose('person', 'user', threshold, window_rows, as_of, probability);
END;
COMMENT ON FUNCTION pql.propose_identities(float8, int, timestamptz, float8) IS 'Proposes people of pql.person who may be the same, into pql.identity_proposal; returns how many proposals are new. threshold: bits in favour (pql.match_field). NULL, which is the default: as many as make it so probable (0.5 unless told: rather the same than not) among as many people as there are: log2(people * probability / (1 - probability)), and at least 12. For a score is a likelihood ratio (Fellegi and Sunter 1969), and before anything is compared one of all people, at the most, is this one once more. Of what is proposed far more is right than of what is at the threshold. window_rows: with how many rows before it in a block each is compared, 20 unless told; large blocks cost no more. Test addresses are left out. Merges nobody.';

CREATE FUNCTION pql.propose_account_merges(threshold float8 DEFAULT NULL, window_rows int DEFAULT 20, as_of timestamptz DEFAULT now(), probability float8 DEFAULT 0.5) RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT pql.propose('account', 'account', threshold, window_rows, as_of, probability);
END;
COMMENT ON FUNCTION pql.propose_account_merges(float8, int, timestamptz, float8) IS 'Proposes accounts that may be one company, by domain and by name without legal form, into pql.identity_proposal; returns how many proposals are new. threshold (at least 8, when NULL), window_rows and probability as in pql.propose_identities. Merges nothing.';

CREATE FUNCTION pql.decide_proposal(proposal_id bigint, decision text, decided_by text, decided_at timestamptz, why text) RETURNS pql.identity_proposal
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	p pql.identity_proposal;
BEGIN
	IF decide_proposal.decided_by IS NULL OR decide_proposal.decided_at IS NULL OR NOT isfinite(decide_proposal.decided_at) THEN
		RAISE EXCEPTION 'a decision needs somebody and a time'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave them out for now and the session''s user.';
	END IF;
	UPDATE pql.identity_proposal o SET state = decision, decided_at = decide_proposal.decided_at, decided_by = decide_proposal.decided_by, why = decide_proposal.why
	WHERE o.proposal_id = decide_proposal.proposal_id AND o.state = 'proposed'
	RETURNING o.* INTO p;
	IF FOUND THEN
		RETURN p;
	END IF;
	SELECT o.* INTO p FROM pql.identity_proposal o WHERE o.proposal_id = decide_proposal.proposal_id;
	IF p.state IS NULL THEN
		RAISE EXCEPTION 'there is no proposal %', coalesce(decide_proposal.proposal_id::text, 'NULL')
			USING ERRCODE = 'no_data_found', HINT = 'pql.identity_proposal has them.';
	END IF;
	RAISE EXCEPTION 'proposal % was % already', p.proposal_id, p.state
		USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('By %s, %s.', p.decided_by, p.decided_at),
			HINT = CASE p.state WHEN 'accepted' THEN format('Undo its link: pql.unlink(%s, …).', p.link_id) ELSE format('Link them: pql.link_identities(%L, %L, %L, %L).', p.kind, p.a, p.kind, p.b) END;
END
$$;
COMMENT ON FUNCTION pql.decide_proposal(bigint, text, text, timestamptz, text) IS 'Notes what was decided of an open proposal, and returns it. ERROR: there is none, or it was decided before.';

CREATE FUNCTION pql.accept_proposal(proposal_id bigint, decided_by text DEFAULT session_user, decided_at timestamptz DEFAULT now(), why text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	p pql.identity_proposal;
	link bigint;
BEGIN
	-- links are locked before proposals, as everywhere
	UPDATE pql.identity_revision SET revision = revision + 1;
	p := pql.decide_proposal(accept_proposal.proposal_id, 'accepted', accept_proposal.decided_by, accept_proposal.decided_at, accept_proposal.why);
	link := pql.link_identities(p.kind, p.a, p.kind, p.b, 'proposal', accept_proposal.decided_by, accept_proposal.decided_at);
	UPDATE pql.identity_proposal o SET link_id = link WHERE o.proposal_id = p.proposal_id;
	RETURN link;
END
$$;
COMMENT ON FUNCTION pql.accept_proposal(bigint, text, timestamptz, text) IS 'Links the two of a proposal (reason: proposal), known from decided_at on; returns the link''s id, by which pql.unlink undoes it. ERROR: there is none, or it was decided before.';

CREATE FUNCTION pql.reject_proposal(proposal_id bigint, decided_by text DEFAULT session_user, decided_at timestamptz DEFAULT now(), why text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pql.decide_proposal(reject_proposal.proposal_id, 'rejected', reject_proposal.decided_by, reject_proposal.decided_at, reject_proposal.why);
END
$$;
COMMENT ON FUNCTION pql.reject_proposal(bigint, text, timestamptz, text) IS 'Says that the two of a proposal are not the same: it is not proposed again. ERROR: there is none, or it was decided before.';

-- ---- how much is known ----

CREATE VIEW pql.identity_coverage AS
SELECT c.measure, c.numerator, c.denominator, c.numerator::float8 / nullif(c.denominator, 0) AS share
FROM (SELECT count(*) AS people, count(p.account_id) AS with_account, count(*) FILTER (WHERE p.account_id IS NOT NULL AND d.user_id IS NULL) AS said,
		count(*) FILTER (WHERE d.reason = 'workspace') AS by_workspace, count(*) FILTER (WHERE d.reason = 'domain') AS by_domain, count(*) FILTER (WHERE crm.known) AS with_crm, count(*) FILTER (WHERE i.id <> i.representative_id) AS merged
	FROM pql.person p
	LEFT JOIN pql.person_account d ON d.user_id = p.user_id AND d.undone_at IS NULL AND d.account_id = p.account_id
	LEFT JOIN pql.identity i ON i.kind = 'user' AND i.id = p.user_id
	LEFT JOIN (SELECT DISTINCT o.representative_kind, o.representative_id, true AS known FROM pql.identity o WHERE o.kind IN ('contact', 'lead') AND o.shared_by IS NULL) crm
		ON crm.representative_kind = i.representative_kind AND crm.representative_id = i.representative_id) p,
	(SELECT count(*) FILTER (WHERE i.kind = 'visitor') AS visitors, count(*) FILTER (WHERE i.kind = 'visitor' AND i.representative_kind = 'user') AS known_visitors, count(*) AS identifiers, count(i.shared_by) AS shared FROM pql.identity i) i,
	(SELECT count(*) AS proposals, count(*) FILTER (WHERE o.state = 'proposed') AS open FROM pql.identity_proposal o) o,
	LATERAL (VALUES (1, 'people_with_account', p.with_account, p.people), (2, 'account_by_source', p.said, p.people), (3, 'account_by_workspace', p.by_workspace, p.people), (4, 'account_by_domain', p.by_domain, p.people),
		(5, 'people_with_crm_id', p.with_crm, p.people), (6, 'people_merged', p.merged, p.people), (7, 'visitors_known', i.known_visitors, i.visitors), (8, 'identifiers_in_conflict', i.shared, i.identifiers),
		(9, 'proposals_open', o.open, o.proposals)) c (n, measure, numerator, denominator)
ORDER BY c.n;
COMMENT ON VIEW pql.identity_coverage IS 'How much is known of who is whom: people with an account (and by what: a source, the workspace, the domain), with a lead or contact of the CRM, represented by another user; visitors that are a user, of those that are linked at all; identifiers that are shared, and so join nobody; proposals that wait. share is NULL when there is nothing to be known.';
