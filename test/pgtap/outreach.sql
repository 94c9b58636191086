-- Outreach: what may not be said is refused when it is saved, and a lead's e-mail says only what is approved.
--
--   pg_prove -d DB test/pgtap/outreach.sql

BEGIN;
\ir lib/transaction.sql

-- ---- wording ----

CREATE TABLE t.refused (n int GENERATED ALWAYS AS IDENTITY, text text);
INSERT INTO t.refused (text) VALUES
	-- counts of logins, sessions, visits
	('You logged in 12 times this week.'),
	('You have logged in twelve times.'),
	('With 14 sessions behind you, it is time to talk.'),
	('That makes three separate logins since Monday.'),
	('Your login count is impressive.'),
	('We look at the number of sessions.'),
	('A dozen visits later, here I am.'),
	('You keep coming back, that is your fourth visit.'),
	('I can see how often you visit the pricing page.'),
	('You viewed pricing 3 times.'),
	('You looked at our plans twice.'),
	('You have been on the billing page several times.'),
	('Thanks for visiting our pricing page again and again, you came back repeatedly.'),
	-- lengths and durations
	('Your 40-minute session tells me that you are serious.'),
	('You spent two hours in the editor.'),
	('Thank you for the time you have spent with us.'),
	('Your average session length is high.'),
	('45 minutes in the app is a good start.'),
	('You had a long session on Tuesday.'),
	-- days and times
	('You were active on 5 days.'),
	('You have been active for nine days.'),
	('Four days in a row, well done.'),
	('You ran a query at 3am.'),
	('You were working late at night.'),
	('You opened the dashboard yesterday.'),
	('You haven''t logged in since Friday.'),
	('It was great to see that you are online, last seen an hour ago.'),
	-- watching
	('I noticed you connected a source.'),
	('We saw you on the pricing page.'),
	('We''ve been watching how teams like yours start.'),
	('We have been tracking your progress.'),
	('I keep an eye on how you get on.'),
	('Our data shows that you are stuck.'),
	('Our system flagged your account.'),
	('Based on your activity, a bigger plan fits.'),
	('Your usage has grown.'),
	('It looks like you have been busy.'),
	('Judging by what you clicked, you want exports.'),
	('I got an alert about your trial.'),
	('You are one of our most active users.'),
	('You opened my e-mail.'),
	('Noticed that you tried the API.'),
	('I can see you have been using exports.'),
	-- what was done, counted
	('You invited 3 people.'),
	('You''ve invited a couple of colleagues.'),
	('Your five invites are still open.'),
	('You connected four integrations.'),
	('You have already created 25 dashboards.'),
	('Seven colleagues have joined.'),
	('You have used 80% of your quota.'),
	-- inside words
	('Your score is 8.'),
	('Your engagement score went up.'),
	('You scored high.'),
	('You earned 7 points.'),
	('You are in our top tier.'),
	('A high-tier account like yours deserves a call.'),
	('You are a hot lead for us.'),
	('You became a qualified lead.'),
	('You now qualify.'),
	('As a PQL you get a call.'),
	('You show strong buying intent.'),
	('You match our ideal customer profile.'),
	('You are ready to buy.'),
	-- what models say of signals that may not be mentioned
	('The multi_day signal.'),
	('Companies with 800 employees love it.'),
	-- evasions
	('YOU LOGGED IN 12 TIMES.'),
	(E'You logged\nin 12\ttimes.'),
	('You logged' || chr(160) || 'in.'),
	('You’ve logged in.'),
	('You log' || chr(8203) || 'ged in.'),
	('Your s' || chr(173) || 'core.'),
	('Your **sco**re.'),
	('Your _usage_.'),
	('I noticed <b>you</b>.'),
	('I&nbsp;noticed you.'),
	('I [noticed](https://x.example) you.'),
	('Your sc0re.'),
	('Your s c o r e.'),
	('Your s-c-o-r-e.'),
	('Your ｓｃｏｒｅ.'),
	('Your scоre, with a Cyrillic o.'),
	('Your scöré.'),
	(E'Your ses-\nsions.'),
	('You used the editor {plan|for two hours and spent hours in the app}.'),
	('Your log{plan|ins}.'),
	('Your log{plan|}ins.'),
	('We saw {company} on the pricing page.'),
	('{first_name|Hello}, you logged in often.'),
	-- more ways to say it
	('You''ve been in the app for 3 hours.'),
	('I could tell you were up late last night.'),
	('You signed in again.'),
	('Since you last signed in, we shipped exports.'),
	('Loved seeing your 14 logins!'),
	('Our logs say you ran forty queries.'),
	('Saw your team in the app 6x last week'),
	('You visited /pricing yesterday.'),
	('You''re a Tier 1 lead.'),
	('Lead score: 9/10'),
	('We know you are comparing plans.'),
	('We know that you looked at pricing.'),
	('Your trial activity caught my eye'),
	('your team''s usage caught my eye'),
	('Your name came up on my dashboard.'),
	('You have 8 out of 10.'),
	('Your account is highly qualified.'),
	('you viewed the pricing-page thrice'),
	('We track every click.'),
	('You clicked around a lot.'),
	('Your 3 teammates joined.'),
	('you brought on two teammates'),
	('I see you invited your colleagues.'),
	('In your last session you connected Snowflake.'),
	('Given how much you use exports, ...'),
	('12 log-ins'),
	('12 log ins'),
	('y​ou logged in'),
	('𝗬𝗼𝘂𝗿 𝘀𝗰𝗼𝗿𝗲 is 8'),
	('I noticed that your team connected Snowflake'),
	('Noticing you''re busy'),
	('You spend a lot of time in the editor'),
	('your frequent visits'),
	('You''re logging in daily'),
	('You log in every day'),
	('You use it every day'),
	('I watched your progress'),
	('We monitor usage'),
	('You have been checking pricing'),
	('you checked pricing'),
	('You reviewed our plans three times');

CREATE TABLE t.innocent (n int GENERATED ALWAYS AS IDENTITY, text text);
INSERT INTO t.innocent (text) VALUES
	('Would ten minutes this week help?'),
	('Do you have 10 minutes on Tuesday at 3 pm?'),
	('I will bring three questions and one answer.'),
	('A 15-minute call is all it takes.'),
	('Could we talk tomorrow at 9:30 am?'),
	('Your trial is 14 days long.'),
	('Your trial ends in 3 days.'),
	('The setup takes two hours with help, or a day without.'),
	('Who leads the project on your side?'),
	('Our lead engineer can join.'),
	('That leads to fewer errors.'),
	('What is the lead time of a report today?'),
	('There are two points I would like to raise.'),
	('What are the pain points today?'),
	('At this point most teams invite a colleague.'),
	('Shall we book an onboarding session with your team?'),
	('I can run a training session for your colleagues.'),
	('Once you have logged in, open Settings.'),
	('If you log in with SSO, nothing changes.'),
	('Your login details stay the same.'),
	('See you on Thursday.'),
	('I hope to see you there.'),
	('I see your point.'),
	('Thanks for inviting colleagues.'),
	('You can invite up to 20 colleagues on this plan.'),
	('Good to have Snowflake connected.'),
	('The free tier has no exports.'),
	('The pricing tiers differ in support.'),
	('Which plan fits you?'),
	('Our pricing page lists the plans.'),
	('Here is how other teams track their orders.'),
	('How do you measure success today?'),
	('How long does a report take by hand?'),
	('What would your manager want to know?'),
	('It is three times faster than by hand.'),
	('We ship a new version twice a month.'),
	('Teams of 200 people use one workspace.'),
	('You may have noticed your trial ends soon.'),
	('What is your use case?'),
	('Who else would use it every day?'),
	('From what you told me, exports matter most.'),
	('A qualified electrician would do the same.'),
	('In SQL that is one line.'),
	('You asked last week whether it runs on premises.'),
	('Have you looked at the checklist?'),
	('How long have you been using spreadsheets for this?'),
	('Shall I send the checklist over?'),
	('Many teams start with one report.'),
	('Braces like {{this}} are fine.'),
	('Hi {first_name|there}, thanks for trying {product|our product}.'),
	('With {integration_type|your data} connected, what comes next?'),
	('What would have to be true in three months?'),
	('It scores well in tests by independent labs.'),
	('Let us watch the recording together.'),
	('Our data centre is in Frankfurt.'),
	('We follow your lead on dates.'),
	('A multi-day training is possible.'),
	('The report shows sales by region.'),
	('You can see who opened a ticket.'),
	('I am in your time zone, free after 4 pm.'),
	('Our support team answers within 2 hours.'),
	('We are open from 9 am to 5 pm.'),
	('Could you spare 20 minutes next week?'),
	('The webinar is on Thursday at 4 pm.'),
	('You asked about SSO yesterday, and here is the answer.'),
	('You wrote that exports matter.'),
	('Thanks for your reply yesterday.'),
	('I will be away on Monday.'),
	('The Team plan has 10 seats.'),
	('Each plan includes several integrations.'),
	('Add up to five integrations on the free plan.'),
	('You can connect three sources at once.'),
	('Two customers of ours wrote about it.'),
	('Reports run in 30 seconds.'),
	('Your dashboard can refresh every 5 minutes.'),
	('It saves two hours a week.'),
	('How many hours a week does that take?'),
	('How many people would use it?'),
	('How often do you need the report?'),
	('What do you look at first on Monday?'),
	('You mentioned two teams.'),
	('Could you invite two colleagues to the call?'),
	('You are welcome to bring three colleagues.'),
	('I have two questions about your setup.'),
	('Which signals matter to your team?'),
	('Which reports do you run every day?'),
	('When would you want to be live?'),
	('Your manager may ask for the score card template.'),
	('The playbook has four steps.'),
	('Your team leads decide.'),
	('Do team leads need access?'),
	('How do you qualify vendors?'),
	('Your data stays in your database.'),
	('No tracking of your customers is needed.'),
	('We never track your customers.'),
	('You can track orders by region.'),
	('It helps to see who is waiting.'),
	('Do you have ten minutes after lunch?'),
	('A short visit to your office is possible.'),
	('You get 100 points of storage'),
	('How do you score vendors?'),
	('You are looking for a faster way.'),
	('Let me know if you have been told otherwise.'),
	('You have been patient, thank you.'),
	('The trial includes everything for 14 days.'),
	('There is a checklist with seven points.'),
	('You have two options.'),
	('Would you like to see your data in it?'),
	('If your plan changes, so does the price.'),
	('What brought you back to the idea?'),
	('You have the first month free.'),
	('Did you see the new export?'),
	('Has your team used a tool like this?'),
	('You bring one question, I bring the answer.'),
	('Happy to walk you through it in 10 minutes.'),
	('You will have set up everything in two hours.'),
	('You need 20 minutes and a coffee.'),
	('I read your question twice.'),
	('You are ready to start.'),
	('Your session with our engineer is on Friday.'),
	('We saw a lot of interest in exports.'),
	('You signed up for the newsletter.'),
	('Thanks for signing up.'),
	('Here is how to log in: open the app.'),
	('Since you connected Snowflake, the next step is a model.'),
	('You connected Snowflake, so the hard part is done.'),
	('Thanks for connecting Snowflake.'),
	('Now that you have invited colleagues, roles matter.'),
	('You invited colleagues, so roles will matter.');

SELECT cmp_ok((SELECT count(*) FROM t.refused), '>=', 100::bigint, 'many texts to refuse');
SELECT cmp_ok((SELECT count(*) FROM t.innocent), '>=', 100::bigint, 'and as many innocent ones');
SELECT is_empty($$
	SELECT r.n, r.text FROM t.refused r
	WHERE NOT EXISTS (SELECT FROM pql.lint_outreach(NULL, r.text) l WHERE l.problem = 'surveillance wording') ORDER BY 1$$, 'what sounds like watching is refused');
SELECT is_empty($$
	SELECT r.n, r.text, l.* FROM t.innocent r CROSS JOIN LATERAL pql.lint_outreach(NULL, r.text) l ORDER BY 1$$, 'what does not is not');
SELECT is((SELECT string_agg(words, ' ') FROM pql.lint_outreach('Your score', 'Hello.')), 'your score', 'nor may a subject');
SELECT results_eq($$SELECT * FROM pql.find_wording('Hello. You   **logged**' || chr(160) || 'in twelve times.')$$,
	$$VALUES ('you logged in twelve times', 'What somebody looked at, and how often, is internal. Offer the answer: a word on plans and prices.')$$, 'the words are named as they read, the longest of those that overlap');
SELECT is_empty($$SELECT * FROM pql.find_wording('')$$, 'an empty text says nothing');
SELECT is_empty($$SELECT * FROM pql.find_wording(NULL)$$, 'nor does none');
SELECT is(pql.plain_wording(NULL), NULL, 'NULL is NULL');
SELECT is(translate(pql.plain_wording(E'Ｙou’ve  *logged*\u00a0in twenty-two t\u200bimes, __really__: 3.5'), E'\u0001\u0002', '<>'), 'you''ve logged in <twenty-two> times, really: <3.5>', 'text as it is matched');

SELECT is(t.error($$INSERT INTO pql.surveillance_wording VALUES ('Big Brother', 'No.')$$), 'no error', 'own wording');
SELECT results_eq($$SELECT words, hint FROM pql.lint_outreach(NULL, 'We are your BIG  brother.')$$, $$VALUES ('big brother', 'No.')$$, 'counts, in any case');
SELECT is_empty($$SELECT * FROM pql.lint_outreach(NULL, 'A big brotherhood.')$$, 'as whole words');
INSERT INTO pql.surveillance_wording VALUES ('<n> beers', 'No.');
INSERT INTO pql.surveillance_wording VALUES ('caféhaus besuch', 'Nein.'), ('ваш вход', 'Нет.');
SELECT is((SELECT count(*) FROM (VALUES ('Ihr Caféhaus Besuch gestern'), ('Ihr Cafehaus Besuch gestern'), ('Это ваш вход в систему')) v (text) WHERE EXISTS (SELECT FROM pql.lint_outreach(NULL, v.text) l WHERE l.problem = 'surveillance wording')), 3::bigint, 'in other letters, too');
DELETE FROM pql.surveillance_wording WHERE why IN ('Nein.', 'Нет.');
SELECT results_eq($$SELECT words FROM pql.lint_outreach(NULL, 'Some 3 beers. A dozen beers.')$$, $$VALUES ('3 beers'), ('a dozen beers')$$, '<n> is any number');
SELECT matches(t.error($$INSERT INTO pql.surveillance_wording VALUES ('a(b', 'No.')$$), '^23514 [|] pattern "a[(]b" is no regular expression [|] .* [|] Put a backslash', 'what is no pattern');
SELECT matches(t.error($$INSERT INTO pql.surveillance_wording VALUES ('a)|(b', 'No.')$$), '^23514', 'nor is half of one');
SELECT matches(t.error($$INSERT INTO pql.surveillance_wording VALUES ('.*', 'No.')$$), '^23514 [|] pattern "[.][*]" matches everything', 'one for everything');
SELECT matches(t.error($$INSERT INTO pql.surveillance_wording VALUES ('(a)\1', 'No.')$$), 'refers back', 'one that refers back');
SELECT matches(t.error($$INSERT INTO pql.surveillance_wording VALUES (' ', 'No.')$$), 'It is empty', 'an empty one');
DELETE FROM pql.surveillance_wording WHERE source = 'own';

-- ---- the search: whatever PostgreSQL's regular expressions find is among what may match ----

CREATE FUNCTION t.pattern(pattern text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT replace(pattern, '<n>', chr(1) || '[^' || chr(2) || ']*' || chr(2)) $$;
CREATE FUNCTION t.hits(plain text, pattern text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT pql.wording_hits(plain, ARRAY[t.pattern(pattern)]) = '{1}' $$;

-- each text, and the beginning of each with the end of the next, cut at every word
CREATE TABLE t.cut AS
WITH text AS (SELECT row_number() OVER (ORDER BY u.k, u.n) AS n, u.text FROM (SELECT 1 AS k, n, text FROM t.refused UNION ALL SELECT 2, n, text FROM t.innocent) u),
word AS (SELECT x.n, k.k, x.text, regexp_split_to_array(x.text, '\s') AS words FROM text x CROSS JOIN LATERAL generate_series(1, array_length(regexp_split_to_array(x.text, '\s'), 1)) k (k))
SELECT DISTINCT pql.plain_wording(concat_ws(' ', array_to_string(a.words[:a.k], ' '), array_to_string(b.words[a.k:], ' '))) AS plain
FROM word a JOIN word b ON b.n = a.n + 1 AND b.k = 1
UNION
SELECT pql.plain_wording(x.text) FROM text x;
SELECT cmp_ok((SELECT count(*) FROM t.cut), '>', 1000::bigint, 'many texts, whole and put together from two');
-- as it was decided before there was a search that comes first: by all patterns as one expression
CREATE TABLE t.decided AS
SELECT c.plain, c.plain ~* (SELECT pql.wording_regex(string_agg('(?:' || w.pattern || ')', '|')) FROM pql.refused_wording() w) AS refused FROM t.cut c;
SELECT cmp_ok((SELECT count(*) FROM t.decided WHERE refused), '>', 300::bigint, 'of which many are refused');
SELECT is_empty($$
	SELECT d.plain, d.refused FROM t.decided d CROSS JOIN (SELECT pql.refused_patterns() AS patterns OFFSET 0) p
	WHERE d.refused <> EXISTS (
		SELECT FROM unnest(pql.wording_hits(d.plain, p.patterns)) h (n) WHERE d.plain ~* pql.wording_regex(p.patterns[h.n])) ORDER BY 1$$, 'the same are refused with and without it');
SELECT is_empty($$
	SELECT x.plain, p.patterns[n.n] FROM (SELECT pql.plain_wording(text) AS plain FROM t.refused UNION SELECT pql.plain_wording(text) FROM t.innocent) x
	CROSS JOIN (SELECT pql.refused_patterns() AS patterns OFFSET 0) p CROSS JOIN LATERAL generate_subscripts(p.patterns, 1) n (n)
	WHERE (x.plain ~* pql.wording_regex(p.patterns[n.n])) <> (n.n = ANY (pql.wording_hits(x.plain, p.patterns))) ORDER BY 1, 2$$, 'of the shipped patterns it tells just those that match');

SELECT results_eq($$SELECT v.n FROM (VALUES
		(1, 'hot lead', 'a hot lead.', true), (2, 'hot lead', 'a hot leader', false), (3, 'hot lead', 'shot lead', false), (4, 'Hot LEAD', 'hot lead', true),
		(5, '<n> beers', U&'\0001three\0002 beers', true), (6, '<n> beers', 'three beers', false),
		(7, '(?<!would )you (?:use|used)', 'so you used it', true), (8, '(?<!would )you use', 'would you use it', false), (9, '(?<!a|ab+ )you', 'x abbb you', false),
		(10, 'you(?! (?:can|may))', 'you can', false), (11, 'you(?! (?:can|may))', 'you could', true), (12, 'you(?!.*z)', 'you a b z', false), (13, 'a(?!b(?!c))x?', 'a-', true),
		(14, 'a(?: \S+)* z', 'a b c z', true), (15, 'a(?: \S+)* z', 'a b c', false), (16, 'a[^.]*z', 'a b. z', false), (17, '[^[:alnum:]]b', '-b', true), (18, '[]x-]+', ']-x', true),
		(19, 'a{2,3}b', 'aab', true), (20, '^a', 'a', true), (21, '\mday\M', 'day', true), (22, 'a\.b', 'a.b', true), (23, 'a\.b', 'axb', false), (24, '\d\s\w', '1 _', true), (25, '\D', '1', false),
		(26, 'caf.', 'café', true), (27, 'naïve', 'naïve', true), (28, U&'\212A', 'k', true), (29, 'a??b', 'b', true), (30, '(?i)x', 'y', true), (31, '[[.a.]]', 'b', true), (32, 'a)(b', 'z', true), (33, '(a|)b', 'b', true),
		(34, 'x?', '', true), (35, 'x', '', false),
		(36, 'you(?!^ go)', 'you go', true), (37, 'you(?! (?!g)go)', 'you go', true), (38, 'ya{0,1}b', 'yab', true), (39, 'ya{0,1}b', 'yb', true), (40, 'you(?! (?!é).)', 'you é', true)) v (n, pattern, plain, hits) WHERE t.hits(v.plain, v.pattern) <> v.hits ORDER BY 1$$, 'SELECT 0 WHERE false', 'what may match; what is not understood may always');
SELECT is(pql.wording_hits('a b', '{b,NULL,x,a}'), '{1,4}', 'places in the array; NULL is no pattern');
SELECT is(pql.wording_hits('a', '{}'), '{}', 'no patterns');
SELECT is(pql.wording_hits(NULL, '{a}'), NULL, 'no text');
SELECT is(pql.is_refused(NULL, '{a}'), NULL, 'NULL text is neither');
SELECT is(pql.is_refused('Your score', pql.refused_patterns()), true, 'one is');
SELECT is(pql.is_refused('Your data', pql.refused_patterns()), false, 'one is not');

-- patterns by chance: PostgreSQL's regular expressions are asked first, and those that are none are left out
SELECT setseed(0.25) \g /dev/null
CREATE FUNCTION t.pieces(pieces text[], most int) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(pieces[1 + floor(random() * cardinality(pieces))::int], '') FROM generate_series(1, 1 + floor(random() * most)::int) $$;
CREATE FUNCTION t.chance() RETURNS TABLE (pattern text, plain text, matches boolean, hits boolean) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	FOR n IN 1 .. 6000 LOOP
		pattern := t.pieces('{you,log,ged,s,a,i,I,é,"<n>"," "," ",(?:,(?:,(?:,(,(?!,(?<!,(?=,(?<=,),),),),),),|,|,|,*,+,?,"{2}","{0,1}",*?,[ab],[^a],[a-z],[[:alnum:]],"[^[:space:]]",[]-],.,"\\S","\\S","\\w","\\D","\\.","\\m",^,$}', 12);
		FOR k IN 1 .. 4 LOOP
			plain := t.pieces(ARRAY['you', 'log', 'ged', 's', 'a', 'i', 'é', 'b', ' ', ' ', ' ', '.', '-', U&'\0001three\0002'], 10);
			BEGIN
				matches := plain ~* pql.wording_regex(pattern);
			EXCEPTION WHEN invalid_regular_expression THEN
				EXIT;
			END;
			hits := t.hits(plain, pattern);
			RETURN NEXT;
		END LOOP;
	END LOOP;
END
$$;
CREATE TABLE t.by_chance AS SELECT * FROM t.chance();
SELECT cmp_ok((SELECT count(*) FROM t.by_chance WHERE matches), '>', 500::bigint, 'patterns by chance, some of which match');
SELECT cmp_ok((SELECT count(*) FROM t.by_chance WHERE NOT matches AND NOT hits), '>', 500::bigint, 'and some do not');
SELECT is_empty('SELECT * FROM t.by_chance WHERE matches AND NOT hits ORDER BY 1, 2', 'none that matches is missed');

-- ---- placeholders, asks ----

SELECT is(pql.fill_template('Hi {first_name|there} of { company }, {{plain}} {plan|}.', '{"company": "{first_name}"}'), 'Hi there of {first_name}, {plain} .', 'filled once');
SELECT is(pql.fill_template('Hi {first_name}.', '{}'), NULL, 'not known, no fallback');
SELECT is(pql.fill_template('', '{}'), '', 'nothing to fill');
SELECT is(pql.fill_template(NULL, '{}'), NULL, 'NULL text');
SELECT results_eq($$SELECT * FROM pql.lint_outreach(NULL, 'Hi {firstname|there}')$$,
	$$SELECT 'unapproved placeholder', '{firstname}', 'Did you mean {first_name}? There are ' || (SELECT string_agg(p.placeholder, ', ' ORDER BY p.placeholder) FROM pql.placeholders() p) || '.'$$, 'a misspelt placeholder');
SELECT is((SELECT string_agg(words, ' ' ORDER BY words COLLATE "C") FROM pql.lint_outreach('{tier}', 'Of {score} and {employees} {invitee_email} {}')), '{employees} {invitee_email} {score} {tier} {}', 'placeholders that are not approved');
SELECT is((SELECT string_agg(placeholder, ' ' ORDER BY placeholder) FROM pql.placeholders() WHERE comes_from LIKE 'signal%'), 'integration_type', 'properties that signals say and may mention are approved');
SELECT results_eq($$SELECT problem, words FROM pql.lint_outreach(NULL, 'Hi {first_name|there} }')$$, $$VALUES ('stray brace', '}')$$, 'a brace without its fellow');
SELECT results_eq($$SELECT problem, words FROM pql.lint_outreach(NULL, 'Hi {first_name')$$, $$VALUES ('stray brace', '{')$$, 'on either side');
SELECT is((SELECT string_agg(problem, ' ') FROM pql.lint_outreach(NULL, NULL)), 'no text', 'no body');
SELECT is((SELECT string_agg(problem, ' ') FROM pql.lint_outreach('Hello', E' \n\u00a0')), 'no text', 'a blank one');
SELECT is((SELECT string_agg(problem || ' ' || words, ' ') FROM pql.lint_outreach('A question?', 'Is it?')), 'more than one ask 2 questions', 'two questions');
SELECT is((SELECT string_agg(problem, ' ') FROM pql.lint_outreach('A question', 'Really?!? (Yes.)')), NULL, 'one, with emphasis');
SELECT is((SELECT string_agg(problem || ' ' || words, ' ') FROM pql.lint_outreach(NULL, 'Is it？ Or not？')), 'more than one ask 2 questions', 'question marks of other scripts');
SELECT is((SELECT string_agg(problem, ' ') FROM pql.lint_outreach(NULL, 'See https://x.example/a?b=1&c=2?d. Is it?')), NULL, 'a link and its question');
SELECT is((SELECT string_agg(problem || ' ' || words, ' ') FROM pql.lint_outreach(NULL, 'See https://x.example or [this](www.y.example/a).')), 'more than one ask 2 links', 'two links');
SELECT is((SELECT string_agg(problem || ' ' || words, ' ') FROM pql.lint_outreach(NULL, 'See {resource_url} or {calendar_url|https://x.example}.')), 'more than one ask 2 links', 'two that are filled in');

-- ---- templates ----

CREATE FUNCTION t.save(body text, variant text DEFAULT NULL, subject text DEFAULT 'Hello') RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT t.error(format('INSERT INTO pql.template (template, use, touch, variant, subject, body) VALUES (''mine'', ''email'', 1, %L, %L, %L)', variant, subject, body)) $$;

SELECT is(t.save('You logged in 12 times.'),
	'23514 | template "mine" has surveillance wording: "you logged in 12 times" | What somebody looked at, and how often, is internal. Offer the answer: a word on plans and prices.', 'a bad template cannot be saved');
SELECT matches(t.save('Your score, {tire}? Yes?'), '^23514 [|] template "mine" has unapproved placeholder: "[{]tire[}]" [|] And surveillance wording: "your score"\nmore than one ask: "2 questions" [|] ', 'all problems are told');
SELECT matches(t.save('Hello.', 'multi_day'), '^23514 [|] template "mine" has signal that outreach may not mention: "multi_day" [|] Of model trial', 'a signal that may not be mentioned');
SELECT matches(t.save('Hello.', 'integrtions'), '^23514 [|] template "mine" has unknown signal: "integrtions" [|] Did you mean "integrations"', 'one that is not');
SELECT matches(t.save(NULL), '^23514 [|] template "mine" has no text [|] ', 'no body');
SELECT matches(t.save('Hello.', NULL, NULL), '^23514', 'no subject');
SELECT matches(t.save('Hello.', NULL, E'a\nb'), '^23514', 'a line break in the subject');
SELECT is(t.save('Hello.', 'invites'), 'no error', 'a good one');
SELECT isnt((SELECT checked_at FROM pql.template), NULL, 'is noted as checked');
SELECT matches(t.error($$UPDATE pql.template SET body = 'Your usage.'$$), '^23514', 'nor can it become bad');
INSERT INTO pql.surveillance_wording VALUES ('hello', 'Too short.');
SELECT results_eq($$SELECT t.template, p.words FROM pql.template t CROSS JOIN LATERAL pql.lint_template(t) p ORDER BY 1, 2$$, $$VALUES ('mine', 'hello')$$, 'what has become unfit is told');
SELECT matches(t.error($$UPDATE pql.template SET topic = 'x'$$), '^23514', 'cannot be saved again');
SELECT is(t.error($$UPDATE pql.template SET retired_at = '2026-03-01'$$), 'no error', 'but retired');
SELECT is(t.error($$INSERT INTO pql.template (template, use, topic, body, checked_at) VALUES ('restored', 'ask', 'x', 'Hello.', '2026-03-01')$$), 'no error', 'a row of a dump comes in before what it is checked against');
DELETE FROM pql.surveillance_wording WHERE source = 'own';
DELETE FROM pql.template;
SELECT matches(t.error($$INSERT INTO pql.template (template, use, body) VALUES ('mine', 'discovery', 'Why?')$$), '^23514', 'a prompt has a topic');
SELECT matches(t.error($$INSERT INTO pql.template (template, use, subject, body) VALUES ('mine', 'email', 'a', 'b')$$), '^23514', 'an e-mail has a touch');
SELECT matches(t.error($$INSERT INTO pql.template (template, use, touch, subject, body) VALUES ('mine', 'email', 4, 'a', 'b')$$), '^23514', 'of three');
SELECT matches(t.error($$INSERT INTO pql.outreach_setting VALUES ('colour', 'red')$$), '^23514', 'settings are those there are');

SELECT is_empty($$SELECT s.template, l.* FROM pql.shipped_templates() s CROSS JOIN LATERAL pql.lint_template(s) l ORDER BY 1$$, 'what is shipped is fit');
INSERT INTO pql.template (template, use, touch, subject, body) VALUES ('email_1_any', 'email', 1, 'Mine', 'My own words.');
SELECT is(pql.ship_templates(), (SELECT count(*)::int - 1 FROM pql.shipped_templates()), 'templates are shipped');
SELECT is(pql.ship_templates(), 0, 'once');
SELECT is((SELECT body FROM pql.template WHERE template = 'email_1_any'), 'My own words.', 'edits stay');
DELETE FROM pql.template WHERE template = 'email_1_any';
SELECT is(pql.ship_templates(), 1, 'what is missing comes back');
SELECT set_eq($$SELECT topic FROM pql.template WHERE use = 'discovery'$$, '{outcome,people,current_process,next_step,timeline,confidence}'::text[], 'six prompts');
SELECT set_eq($$SELECT topic FROM pql.template WHERE use = 'objection'$$, '{just_exploring,ask_manager,price,competitor}'::text[], 'four objections');
SELECT set_eq($$SELECT DISTINCT topic FROM pql.template WHERE use = 'ask'$$, '{ten_minutes,checklist}'::text[], 'small asks');
SELECT set_eq($$SELECT variant, intent FROM pql.template WHERE touch = 1$$,
	$$VALUES ('integrations', 'early'), ('integrations', 'high'), ('invites', 'early'), ('invites', 'high'), ('billing_views', 'early'), ('billing_views', 'high'), (NULL, NULL)$$, 'first touches');

-- ---- leads ----

INSERT INTO pql.account (account_id, name, employees) VALUES ('acme', 'Acme, Inc.', 800);
CREATE FUNCTION t.lead(user_id text, signals text[], full_name text DEFAULT 'Dana Lee', integration text DEFAULT 'google_sheets') RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO pql.person (user_id, email, full_name, account_id) VALUES (lead.user_id, lead.user_id || '@acme.example', full_name, 'acme');
	INSERT INTO pql.trial (user_id, started_at, plan) VALUES (lead.user_id, '2026-03-02 09:00', 'team');
	INSERT INTO pql.event (user_id, occurred_at, event, properties)
	SELECT lead.user_id, v.at::timestamptz, v.event, v.properties FROM (VALUES
		('activated', '2026-03-03 10:00', 'activation_complete', '{}'::jsonb),
		('invites', '2026-03-04 10:00', 'invite_sent', '{"invitee_email": "x@acme.example"}'), ('invites', '2026-03-04 11:00', 'invite_sent', '{"invitee_email": "y@acme.example"}'),
		('integrations', '2026-03-05 10:00', 'integration_connected', jsonb_build_object('integration_type', integration)),
		('billing_views', '2026-03-05 10:00', 'page_view', '{"page_path": "/pricing"}'), ('billing_views', '2026-03-06 10:00', 'page_view', '{"page_path": "/pricing"}'),
		('multi_day', '2026-03-03 10:00', 'session_start', '{}'), ('multi_day', '2026-03-04 10:00', 'session_start', '{}'), ('multi_day', '2026-03-05 10:00', 'session_start', '{}')) v (signal, at, event, properties)
	WHERE v.signal = 'activated' OR v.signal = ANY (signals);
	PERFORM pql.refresh_batch('2026-03-07');
	SELECT l.lead_id INTO made FROM pql.lead l WHERE l.user_id = lead.user_id AND l.model = 'trial';
	RETURN made;
END
$$;
CREATE TABLE t.made (name text PRIMARY KEY, lead_id bigint);
INSERT INTO t.made VALUES
	('integration', t.lead('u1', '{integrations,multi_day}')), ('invite', t.lead('u2', '{invites,multi_day}')), ('billing', t.lead('u3', '{billing_views,multi_day}')),
	('tie', t.lead('u4', '{integrations,invites}')), ('all', t.lead('u5', '{integrations,invites,billing_views,multi_day}'));
INSERT INTO t.made VALUES ('invite high', t.lead('u6', '{invites,billing_views,multi_day}'));
CREATE FUNCTION t.id(name text) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT m.lead_id FROM t.made m WHERE m.name = id.name $$;
CREATE FUNCTION t.chosen(name text, touch int DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS $$ SELECT concat_ws(' ', r.template, r.variant) FROM pql.render_outreach(t.id(name), chosen.touch, '2026-03-07') r $$;

SELECT is((SELECT count(lead_id) FROM t.made), 6::bigint, 'all are leads');
SELECT is(t.chosen('integration'), 'email_1_integration_early integrations', 'an integration');
SELECT is(t.chosen('invite'), 'email_1_invite_early invites', 'invites');
SELECT is(t.chosen('billing'), 'email_1_billing_high billing_views', 'billing views, which are intent; never the days');
SELECT is(t.chosen('tie'), 'email_1_integration_early integrations', 'of equals the integration');
SELECT is(t.chosen('all'), 'email_1_integration_high integrations', 'the highest tier is high intent');
SELECT is(t.chosen('invite high'), 'email_1_invite_high invites', 'invites, with intent');
SELECT is(pql.lead_intent(NULL), NULL, 'no lead has none');
SELECT is((SELECT pql.lead_intent(l) FROM pql.lead l WHERE l.lead_id = t.id('tie')), 'early', 'a medium tier without intent');

SELECT is((SELECT r.body FROM pql.render_outreach(t.id('integration'), 1, '2026-03-07') r),
	E'Hi Dana,\n\nThanks for trying our product. With Google Sheets connected, the hard part is behind you. What helps most now is one small result that matters to somebody at Acme, and I am glad to help you pick it.\n\nWould ten minutes this week be useful?\n\nBest,\nThe team\n\nIf you would rather not hear from me, a short "no thanks" is enough.', 'filled in');
SELECT results_eq($$SELECT channel, recipient, subject FROM pql.render_outreach(t.id('integration'), 1, '2026-03-07')$$, $$VALUES ('email', 'u1@acme.example', 'A first result with Google Sheets')$$, 'to whom');

SELECT results_eq($$SELECT r.template FROM pql.lead l CROSS JOIN LATERAL pql.rendered(l, 'email', 1) r WHERE l.lead_id = t.id('all')$$,
	$$VALUES ('email_1_integration_high'), ('email_1_invite_high'), ('email_1_billing_high'), ('email_1_any')$$, 'the best first');
SELECT results_eq($$SELECT r.template FROM pql.lead l CROSS JOIN LATERAL pql.rendered(l, 'email', 1, 2) r WHERE l.lead_id = t.id('all')$$, $$VALUES ('email_1_integration_high'), ('email_1_invite_high')$$, 'no more than are wanted');

INSERT INTO pql.rep (email, name) VALUES ('kim@pql.example', 'Kim Roe');
UPDATE pql.lead SET rep = 'kim@pql.example' WHERE lead_id = t.id('invite');
INSERT INTO pql.outreach_setting VALUES ('product', 'Lead Session Score'), ('footer', 'Example Ltd, 1 Example Road'), ('unsubscribe', 'Unsubscribe: {never filled}');
SELECT matches((SELECT r.body FROM pql.render_outreach(t.id('invite'), 1, '2026-03-07') r), 'trying Lead Session Score, .*\n\nBest,\nKim\n\nExample Ltd, 1 Example Road\n\nUnsubscribe: [{]never filled[}]$', 'settings stand as they are; our own names are no wording');
SELECT is(t.chosen('invite', 2), 'email_2_resource_on_reply', 'without a link the one that needs none');
INSERT INTO pql.outreach_setting VALUES ('resource_url', 'https://docs.example/start'), ('checklist_url', 'https://docs.example/list');
SELECT is(t.chosen('invite', 2), 'email_2_resource', 'with one the one that has it');
SELECT is(t.chosen('invite', 3), 'email_3_closing', 'the closing note');
UPDATE pql.lead SET touches = 1 WHERE lead_id = t.id('invite');
SELECT is(t.chosen('invite'), 'email_2_resource', 'NULL is the next touch');
UPDATE pql.lead SET touches = 3 WHERE lead_id = t.id('invite');
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('invite'), NULL, '2026-03-07')$$), '^55000 [|] lead \d+ has had its 3 touches', 'after the third there is none');
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('invite'), 4, '2026-03-07')$$), '^22023 [|] there is no touch 4', 'no fourth');
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('invite'), 0, '2026-03-07')$$), '^22023', 'nor one before the first');
UPDATE pql.lead SET touches = 0;

-- every shipped template renders for somebody; each first touch is somebody's
SELECT is_empty($$
	SELECT s.template FROM pql.shipped_templates() s
	WHERE s.template <> 'email_1_billing_early' AND s.template NOT IN (
		SELECT r.template FROM pql.lead l CROSS JOIN (SELECT DISTINCT use, touch FROM pql.template) u CROSS JOIN LATERAL pql.rendered(l, u.use, u.touch) r WHERE l.model = 'trial')
	ORDER BY 1$$, 'all shipped templates can be rendered');
SELECT is_empty($$
	SELECT r.template, f.* FROM pql.lead l CROSS JOIN (SELECT DISTINCT use, touch FROM pql.template) u CROSS JOIN LATERAL pql.rendered(l, u.use, u.touch) r
	CROSS JOIN LATERAL pql.find_wording(replace(concat_ws(E'\n', r.subject, r.body), 'Lead Session Score', 'x')) f WHERE l.model = 'trial' ORDER BY 1$$, 'and none says what may not be said');

-- ---- what data say ----

CREATE FUNCTION t.says(full_name text, company text, integration text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE shown text;
BEGIN
	UPDATE pql.person SET full_name = says.full_name WHERE user_id = 'u1';
	UPDATE pql.account SET name = company WHERE account_id = 'acme';
	UPDATE pql.lead SET explanation = jsonb_set(explanation, '{signals,3,says}', coalesce(to_jsonb('connected ' || integration), 'null')) WHERE lead_id = t.id('integration');
	SELECT r.subject || '/' || split_part(r.body, ',', 1) || '/' || substring(r.body FROM 'somebody at (.*), and') INTO shown FROM pql.render_outreach(t.id('integration'), 1, '2026-03-07') r;
	RETURN shown;
END
$$;
SELECT is(t.says('Dana Lee', 'Acme', 'Snowflake'), 'A first result with Snowflake/Hi Dana/Acme', 'as it is');
SELECT is(t.says(NULL, NULL, NULL), 'A first result with your data/Hi there/your company', 'nothing known');
SELECT is(t.says('{company}', '{first_name}', '{score}'), 'A first result with your data/Hi there/your company', 'braces are no placeholders');
SELECT is(t.says('Win at evil.example', 'See https://evil.example', '<b>x</b>'), 'A first result with your data/Hi there/your company', 'links and markup');
SELECT is(t.says('x@evil.example', repeat('long ', 20), E'Snow\nflake'), 'A first result with Snow flake/Hi there/your company', 'addresses, length, line breaks');
SELECT is(t.says('12345', 'You logged in 12 times', 'your score'), 'A first result with your data/Hi there/your company', 'numbers and wording');
SELECT is(t.says('LEE, DANA', 'Acme GmbH', 'big_query'), 'A first result with Big Query/Hi Dana/Acme', 'names of programs');
SELECT is(t.says('Dr. O’Hara', ' ', 'unknown'), 'A first result with your data/Hi O’Hara/your company', 'titles');
SELECT is(t.says('D. Lee', U&'\202E\200B', U&'Snow\200Bflake'), 'A first result with Snowflake/Hi there/your company', 'initials and invisible characters');
SELECT is(t.says('Dana Lee', 'You logged in 12 times', 'Snowflake'), 'A first result with Snowflake/Hi Dana/your company', 'one that is bad does not take the others with it');
INSERT INTO pql.template (template, use, touch, variant, intent, subject, body) VALUES ('a', 'email', 1, 'integrations', 'early', 'Hello', 'Hello {company|there} {plan|again}.');
UPDATE pql.trial SET plan = 'logged in' WHERE user_id = 'u1';
UPDATE pql.account SET name = 'You' WHERE account_id = 'acme';
SELECT matches((SELECT r.body FROM pql.render_outreach(t.id('integration'), 1, '2026-03-07') r), '^Hello there again[.]', 'values that make wording together');
DELETE FROM pql.template WHERE template = 'a';
UPDATE pql.trial SET plan = 'team' WHERE user_id = 'u1';
SELECT results_eq($$SELECT pql.first_name(n) FROM (VALUES (1, 'jean-luc picot'), (2, 'JEAN'), (3, 'Łucja Nowak'), (4, 'Mrs Kim Roe'), (5, ''), (6, NULL), (7, 'X'), (8, 'null'), (9, 'Jo')) v (k, n) ORDER BY k$$,
	$$VALUES ('Jean-Luc'), ('Jean'), ('Łucja'), ('Kim'), (NULL), (NULL), (NULL), (NULL), ('Jo')$$, 'first names');
SELECT is(pql.clean_value('a' || repeat('b', 9), 10), 'a' || repeat('b', 9), 'as long as may be');
SELECT is(pql.clean_value('a' || repeat('b', 10), 10), NULL, 'longer');

-- ---- models change ----

SELECT t.says('Dana Lee', 'Acme, Inc.', 'Snowflake') \g /dev/null
SELECT pql.put_model(pql.adapt('trial', '{"signals": {"integrations": {"may_mention": false}}}')) \g /dev/null
SELECT is(t.chosen('tie'), 'email_1_invite_early invites', 'what may not be mentioned any more is not: the next');
SELECT is(t.chosen('integration'), 'email_1_any', 'or none');
UPDATE pql.template SET body = body WHERE template = 'email_3_closing';
SELECT is((SELECT count(*) FROM pql.outreach_values((SELECT l FROM pql.lead l WHERE l.lead_id = t.id('tie'))) v WHERE v ? 'integration_type'), 0::bigint, 'nor is its property');
SELECT matches(t.error($$UPDATE pql.template SET body = body WHERE template = 'email_1_integration_early'$$), 'may not mention: "integrations"', 'its templates cannot be saved');
DELETE FROM pql.template WHERE template = 'email_1_integration_early';
SELECT is(pql.ship_templates(), 0, 'nor are they shipped');
SELECT pql.put_model(pql.adapt('trial', '{"signals": {"integrations": {"may_mention": true}, "billing_views": {"category": "interest"}}}')) \g /dev/null
SELECT is(pql.ship_templates(), 1, 'until they may be');
SELECT is(t.chosen('tie'), 'email_1_integration_early integrations', 'and are used');
SELECT is(t.chosen('billing'), 'email_1_billing_early billing_views', 'a model for which prices are no intent');
SELECT pql.put_model(pql.adapt('trial', '{"signals": {"invites": {"points": 5}}}')) \g /dev/null
SELECT is(t.chosen('tie'), 'email_1_integration_early integrations', 'points are those of the lead''s own verdict');
UPDATE pql.lead SET signals = '{invites,billing_views}' WHERE lead_id = t.id('integration');
SELECT is(t.chosen('integration'), 'email_1_invite_early invites', 'signals met since count, too');
UPDATE pql.lead SET explanation = NULL, signals = '{}' WHERE lead_id = t.id('integration');
SELECT is(t.chosen('integration'), 'email_1_any', 'a lead of which nothing is known');
INSERT INTO pql.surveillance_wording VALUES ('hard part', 'No.');
SELECT is(t.chosen('tie'), 'email_1_invite_early invites', 'wording added later keeps a template from being used');
DELETE FROM pql.surveillance_wording WHERE source = 'own';
UPDATE pql.template SET retired_at = '2026-03-01' WHERE touch = 3;
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('tie'), 3, '2026-03-07')$$), '^42704 [|] no template for touch 3 of lead \d+ [|] Of 0 .*ship_templates', 'no template');
UPDATE pql.template SET retired_at = NULL WHERE touch = 3;

-- ---- who may not be written to ----

SELECT matches(t.error($$SELECT * FROM pql.render_outreach(NULL)$$), '^22004 [|] lead_id is NULL', 'no lead_id');
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(1, 1, NULL)$$), '^22004 [|] as_of is NULL', 'no as_of');
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(-5)$$), '^42704 [|] unknown lead -5', 'no such lead');
UPDATE pql.lead SET state = 'control' WHERE lead_id = t.id('tie');
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('tie'))$$), '^55000 [|] lead \d+ is in the control arm', 'the control arm is left alone');
SELECT matches(t.error($$SELECT * FROM pql.outreach_kit(t.id('tie'))$$), '^55000', 'by phone, too');
UPDATE pql.lead SET state = 'claimed' WHERE lead_id = t.id('tie');
UPDATE pql.person SET opted_out_at = '2026-03-08 12:00' WHERE user_id = 'u4';
SELECT is(t.error($$SELECT * FROM pql.render_outreach(t.id('tie'), 1, '2026-03-08 11:59:59.999999')$$), 'no error', 'before somebody unsubscribed');
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('tie'), 1, '2026-03-08 12:00')$$), '^55000 [|] lead \d+ has unsubscribed [|] Nothing is sent until the person opts in again', 'and from then on');
UPDATE pql.person SET opted_out_at = NULL, suppressed_at = '2026-03-08 12:00' WHERE user_id = 'u4';
SELECT matches(t.error($$SELECT * FROM pql.outreach_kit(t.id('tie'), '2026-03-08 12:00')$$), '^55000 [|] lead \d+ is on a do-not-contact list', 'a list of whom to leave alone');
UPDATE pql.person SET suppressed_at = NULL WHERE user_id = 'u4';
UPDATE pql.lead SET stopped_at = '2026-03-08', stop_reason = 'converted' WHERE lead_id = t.id('tie');
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('tie'), 1, '2026-03-08')$$), '^55000 [|] outreach to lead \d+ has stopped [|] Since .*: converted', 'a sequence that has stopped');
SELECT is(t.error($$SELECT * FROM pql.render_outreach(t.id('tie'), 1, '2026-03-07')$$), 'no error', 'before it did');
UPDATE pql.lead SET stopped_at = NULL WHERE lead_id = t.id('tie');
UPDATE pql.person SET email = NULL WHERE user_id = 'u4';
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('tie'), 1, '2026-03-07')$$), '^55000 [|] no e-mail address of lead \d+ is known [|] .* is NULL[.] [|] Call instead', 'no address');
UPDATE pql.person SET email = 'nonsense' WHERE user_id = 'u4';
SELECT matches(t.error($$SELECT * FROM pql.render_outreach(t.id('tie'), 1, '2026-03-07')$$), 'is "nonsense"', 'one that is none');
SELECT cmp_ok((SELECT count(*) FROM pql.outreach_kit(t.id('tie'), '2026-03-07')), '>', 0::bigint, 'who can be called all the same');

-- ---- the kit, the talk track ----

CREATE FUNCTION t.prompts(name text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(k.topic, ' ' ORDER BY k.n) FROM pql.outreach_kit(t.id(name), '2026-03-07') WITH ORDINALITY k (kind, topic, text, template, n) WHERE k.kind = 'discovery' $$;
SELECT is(t.prompts('tie'), 'outcome current_process people', 'prompts: an open one, and about what was met');
SELECT is(t.prompts('invite'), 'outcome people next_step', 'one for the intent where there is room');
SELECT is(t.prompts('integration'), 'outcome next_step', 'two at least');
SELECT results_eq($$SELECT kind, count(*) FROM pql.outreach_kit(t.id('invite'), '2026-03-07') GROUP BY kind ORDER BY min(array_position('{call_opener,discovery,objection,ask}', kind))$$,
	$$VALUES ('call_opener', 1::bigint), ('discovery', 3), ('objection', 4), ('ask', 2)$$, 'all that a call needs');
SELECT matches((SELECT text FROM pql.outreach_kit(t.id('invite'), '2026-03-07') WHERE kind = 'call_opener'), '^Hi Dana, this is Kim from Lead Session Score', 'filled in');
SELECT is((SELECT template FROM pql.outreach_kit(t.id('invite'), '2026-03-07') WHERE topic = 'checklist'), 'ask_checklist', 'of each topic one');

SELECT is((SELECT pql.talk_track(l) FROM pql.lead l WHERE l.lead_id = t.id('tie')), 'Connected google_sheets on day 4 and 2 invites on day 3: ask what it is to be used for first.', 'a talk track');
SELECT is((SELECT pql.talk_track(l) FROM pql.lead l WHERE l.lead_id = t.id('invite')), '2 invites on day 3 and active on 3 days on day 4: ask who else needs it.', 'may count');
SELECT is((SELECT pql.talk_track(l) FROM pql.lead l WHERE l.lead_id = t.id('integration')), 'Nothing is known yet: ask what they hope to get done.', 'of what is not known');
SELECT is(pql.talk_track(NULL), NULL, 'no lead');

SELECT * FROM finish();
ROLLBACK;
