-- Outreach: what is written to people, filled in for one lead, and never anything that sounds like watching.

-- ---- settings and wording ----

CREATE TABLE pql.outreach_setting (
	setting text PRIMARY KEY CHECK (setting IN ('product', 'resource_url', 'checklist_url', 'calendar_url', 'footer', 'unsubscribe')),
	value text NOT NULL CHECK (btrim(value) <> '')
);
COMMENT ON TABLE pql.outreach_setting IS 'What outreach says of your own company. No row: it is not said.';
COMMENT ON COLUMN pql.outreach_setting.setting IS 'product (its name), resource_url, checklist_url, calendar_url: placeholders of templates. footer: ends each e-mail, as with the postal address that many laws ask for. unsubscribe: takes the place of the shipped line on how to hear no more.';
SELECT pg_catalog.pg_extension_config_dump('pql.outreach_setting', '');

CREATE FUNCTION pql.wording_regex(patterns text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT '(?<![[:alnum:]])(?:' || replace(patterns, '<n>', chr(1) || '[^' || chr(2) || ']*' || chr(2)) || ')(?![[:alnum:]])';
END;
COMMENT ON FUNCTION pql.wording_regex(text) IS 'Patterns of pql.surveillance_wording, joined by |, as a regular expression for what pql.plain_wording gives: whole words, <n> any number.';

CREATE FUNCTION pql.check_wording(pattern text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF pattern ~ '\\[1-9]' OR btrim(pattern) = '' THEN
		RAISE EXCEPTION 'pattern "%" cannot be searched for', pattern
			USING ERRCODE = 'check_violation',
				DETAIL = CASE WHEN btrim(pattern) = '' THEN 'It is empty.' ELSE 'It refers back to a group.' END,
				HINT = 'Write the words as they stand in text, such as hot lead: they are matched whole, in any case. <n> is any number.';
	END IF;
	-- both alone and inside others, so that a|b) is none
	IF 'nothing like it' ~* pattern OR 'nothing like it' ~* pql.wording_regex(pattern) THEN
		RAISE EXCEPTION 'pattern "%" matches everything', pattern
			USING ERRCODE = 'check_violation', HINT = 'Give words that it must find.';
	END IF;
	RETURN true;
EXCEPTION WHEN invalid_regular_expression THEN
	RAISE EXCEPTION 'pattern "%" is no regular expression', pattern
		USING ERRCODE = 'check_violation', DETAIL = SQLERRM,
			HINT = 'Put a backslash before characters that stand for themselves: ( ) [ ] { } . * + ? ^ $ | \.';
END
$$;
COMMENT ON FUNCTION pql.check_wording(text) IS 'True; what cannot be a pattern of pql.surveillance_wording is an ERROR.';

CREATE TABLE pql.surveillance_wording (
	pattern text PRIMARY KEY CHECK (pql.check_wording(pattern)),
	why text NOT NULL CHECK (btrim(why) <> ''),
	source text NOT NULL DEFAULT 'own' CHECK (source IN ('shipped', 'own'))
);
COMMENT ON TABLE pql.surveillance_wording IS 'What outreach never says. Add your own, and those of other languages: the shipped ones are English.';
COMMENT ON COLUMN pql.surveillance_wording.pattern IS 'A regular expression of lower-case words, matched whole, in any case, across line breaks and markup. <n>: any number, in digits or words.';
COMMENT ON COLUMN pql.surveillance_wording.why IS 'What the author is told.';
COMMENT ON COLUMN pql.surveillance_wording.source IS 'shipped: came with pql. own: added here. Only own ones are dumped.';
SELECT pg_catalog.pg_extension_config_dump('pql.surveillance_wording', 'WHERE source = ''own''');

INSERT INTO pql.surveillance_wording (pattern, why, source)
SELECT p, 'Nobody likes to be watched. Say what you can help with, not what was seen.', 'shipped' FROM unnest(ARRAY[
	'(?<!you |you may have |you might have |you''ve |you''ll have |you will have |did you |if you |you''ll )(?:noticed?|noticing|spotted|saw)(?: that)? (?:you|your|how you|someone|somebody)(?:''ve|''re|''d)?',
	'(?:see|seen|seeing|observed?|observing|detected)(?: that)? you(?:''ve|''d| have| had| were| are using| use)',
	'(?:i|we|i''ve|we''ve|i''m|we''re|our \S+)(?: (?:have|had|are|am|were|was|been|be|also|just|often|always|currently|regularly|closely|actively|quietly|keep|kept))* (?:(?:watch|track|monitor|observ|record|log|count)(?:ed|es|e|ing|s)?|following|followed) (?:you|your|how|what|when|where|which|usage|activity|behaviou?r|everything|every)',
	'(?:i|we|i''ve|we''ve)(?: (?:have|had))? been (?:watching|tracking|monitoring|observing|following along)',
	'(?:keep|keeps|keeping|kept)(?: (?:a|an|our|my|close|eye|eyes|tabs))+ on (?:you|your|how|what)',
	'(?:our|the|my)(?: \S+)? (?:tracking|monitoring|telemetry|analytics|logs?|records?|data|system|systems|dashboards?|reports?|numbers?|stats|statistics|metrics|crm|tools?)(?: \S+)? (?:shows?|showed|says?|said|tells?|told|indicates?|suggests?|reveals?)(?: (?:that|me|us|how|when|where|what|which|it))* (?:you|you''ve|you''re|someone|somebody|your (?:team|trial|account|company|workspace|activity|usage|colleagues?))(?! (?:can|could|will|may|might|would|need|should|want))',
	'(?:our|my)(?: \S+)? (?:tracking|monitoring|telemetry|analytics|logs?|records?|data|system|systems|dashboards?|reports?|numbers?|stats|statistics|metrics|crm|tools?) (?:flagged|alerted|picked|noticed|detected|caught)',
	'(?:you|your \S+)(?: \S+)? (?:popped|came|come|showed|turned|lit|light) up (?:in|on) (?:our|my|the)',
	'(?:flagged|pinged|alerted|notified)(?: (?:that|us|me|to|by))* (?:you|your)',
	'(?:you|your \S+)(?:''ve| have| has|''re| were| was| are| is)?(?: been| just)* (?:flagged|tracked|monitored|identified|routed|assigned to me|prioriti[sz]ed)',
	'(?:i|we|i''ve|we''ve)(?: (?:was|were|been|just|got|get|have|received|had|an?))+ (?:alert|alerted|notified|notification|pinged)',
	'(?:looks|look|looked|seems|seemed|appears) (?:like|as if|as though|that|to me that) you(?:''ve|''re| have| are)? (?:been|visited|viewing|viewed|looked|looking|clicked|clicking|opened|read|spent|spending|used|using|invited|inviting|logged|logging|tried|trying|stuck|stopped|ran)',
	'(?:based on|judging by|judging from|according to|going by|given|from)(?: (?:the|your))? (?:how|what|where|when|way|pages?|features?|data|logs?) (?:much |often |many \S+ )?(?:you|your team)(?:''ve| have)?(?! (?:told|tell|said|say|wrote|write|mention|mentioned|shared?|described?|asked|ask|need|want|have told|have said|have shared|have described|like|prefer))',
	'(?:i|we)(?: can| could)? see(?: that)? (?:you|your team)(?:''ve|''re| have| are| has| is)? (?:\S+ed|\S+ing|ran|built|got|made|set)',
	'(?:i|we) (?:know|knew|can tell|could tell)(?: that)? (?:you|your team)(?:''ve|''re| have| are| were| has| is)? (?:(?:been|just|already) )*(?:compar|look|view|visit|us|try|tri|check|explor|click|invit|connect|log|sign)(?:ing|ed)']) p
UNION ALL
SELECT p, 'It tells people that their use is observed. Ask how it is going instead.', 'shipped' FROM unnest(ARRAY[
	'(?<!would )(?<!do )(?<!could )(?<!will )(?<!can )(?<!if )(?<!should )(?:you|your team)(?:''re| are)? (?:use|uses|using) (?:it|x|the (?:product|app|tool)|our \S+) (?:daily|every|each|so|often|heavily|regularly|<n>)',
	'your(?: (?:team''s|colleagues''|account''s|company''s|organi[sz]ation''s|workspace''s|recent|latest|current|daily|weekly|monthly|product|in-app|app|trial|own|user|overall|high|strong|low|growing|increased|feature|platform|past))* (?:activity|activities|usage|behaviou?r|engagement|telemetry|clicks?|click ?streams?|clickpath|keystrokes|mouse movements?|footprint|browsing(?: history)?|event history|event stream)',
	'your (?:\S+ )?use of (?:the|our|x)',
	'(?:user|usage|product|activity|engagement|behaviou?ral?|session|event) (?:logs?|history|recordings?|replays?|tracking|telemetry)',
	'(?:power|heavy|frequent|daily|most active|top|super)[ -](?:users?|visitors?)',
	'you(?:''re| are| were|''ve been| have been)(?: (?:so|very|quite|really|most|one of|our|the|super|highly|especially|particularly|pretty|clearly|just|been|<n>))* (?:active|engaged|inactive|online)',
	'(?<!how long |how )you(?:''ve| have)(?: \S+)? been (?:active|online|busy|back|clicking|poking|exploring|browsing|working|playing|digging|using|testing|trying)',
	'active(?: (?:user|on|for|over|during|in|since|all|at|across|the|last|past|about|almost|nearly))* (?:<n>|every|this|each|most)(?: \S+)? (?:times?|days?|weeks?|hours?|month|morning|evening|night)',
	'<n> (?:active|consecutive|straight|separate|distinct|different|successive) (?:days?|weeks?|occasions)',
	'<n> (?:days?|weeks?|nights?|mornings?|evenings?) (?:in a row|running|straight|on the trot|of (?:activity|usage|use))',
	'(?:on|of) (?:at least |more than |over )?<n>(?: of)?(?: the| your)?(?: last| past| first)? <n> days',
	'days? active']) p
UNION ALL
SELECT p, 'When and whether somebody logged in is theirs to know.', 'shipped' FROM unnest(ARRAY[
	'(?:you|your team)(?:''re| are| keep)? (?:log|sign|logging|signing)[ -]?in (?:daily|often|so|regularly|frequently|<n>|every(?! time)|each(?! time))',
	'(?<!once )(?<!after )(?<!when )(?<!if )(?<!as soon as )(?:you|your team|your colleagues?)(?:''ve|''d| have| had| has| just| already| also| recently| first| last| all| only| never| both| not| haven''t| hadn''t| often| always| keep| kept| were| was)* (?:log(?:ged|ging)|sign(?:ed|ing))[ -]?(?:back )?(?:in|on|into)',
	'(?:haven''t|have not|hasn''t|has not|didn''t|did not|never|not)(?: \S+)? (?:log(?:ged)?|sign(?:ed)?)[ -]?(?:back )?(?:in|on|into)',
	'(?:last|latest|previous|most recent|recent|first|since your) (?:log-?in|logon|sign-?in|session|visit|page view|time you (?:logged|signed|visited|were|used|opened))',
	'last (?:seen|active|online)',
	'your (?:(?:last|latest|recent|most|previous|long|longest|product|user|daily|weekly|active|trial|many|frequent|repeated|regular|late|nightly|early) )*(?:log-?ins?|logons?|sign-?ins?|sessions?|visits?|page-?views?|page views)(?! (?:details?|page|credentials?|link|name|screen|url|address|method|provider|with me|with us|with our|with x|is booked|is on|takes place))']) p
UNION ALL
SELECT p, 'How long somebody used the product is internal. The time you ask for is fine: ten minutes, a 15-minute call.', 'shipped' FROM unnest(ARRAY[
	'(?<!do )(?:you|your team) spends? (?:<n>|so much|much|most)(?: \S+)* (?:in|inside|with) (?:the |our |x)(?:app|product|tool|platform|editor|workspace)?',
	'your <n>(?:st|nd|rd|th)?[ -](?:minutes?|mins?|hours?|hrs?) (?:session|visit|stay)s?',
	'you(?:''ve|''d| have| had)?(?: (?:just|already|also|recently))* (?:had|ran|did|logged|completed|clocked|clocked up|racked up|put in|were in|were on|finished)(?: (?:a|an|the|over|about|around|almost|nearly|more|than))* (?:<n>|long|several)[ -](?:long |full |whole )?(?:sessions?|minutes?|mins?|hours?|hrs?)(?: \S+)?',
	'(?<!have )(?<!did )(?:you|your team|your colleagues)(?:''ve|''d| have| had| has)?(?: (?:already|just|also|all|clearly|recently|together))* (?:spent|been spending|are spending|were spending|invested)',
	'(?:time|minutes|mins|hours|days|afternoon|evening|morning|night|while)(?: that)? (?:you|your team)(?:''ve|''d| have| had| has)?(?: \S+)? (?:spent|spend|put in|put into|were|stayed)',
	'(?:long|longest|lengthy|short|average|extended|marathon)[ -](?:time in(?:side)? (?:the|our)|sessions?|stay)',
	'<n>[ +-]*(?:minutes?|mins?|hours?|hrs?|seconds?|secs?)(?: long)? (?:in|inside|using|with) (?:the |our |your )?(?:product|app|application|tool|platform|dashboard|workspace|editor|pricing|billing|trial|x)(?! (?:together|with|setup|set-up))',
	'<n>[ +-]*(?:minutes?|mins?|hours?|hrs?|seconds?|secs?) on (?:the|our|your) (?:\S+ )?(?:pages?|site|website|docs|documentation|pricing|billing|plans?)',
	'(?:session|dwell|on-page|in-app|screen)[ -](?:length|duration|time)',
	'time (?:on|in) (?:page|site|app|product)',
	'(?:you|your team|your colleagues)(?:''ve|''d| have| had| has)?(?: \S+)*(?<!asked|need|needed|take|takes|give|free|looking|there)(?: (?:in|on|with|over|it|x|the|app))* for (?:about |almost |nearly |over |more than |at least )?<n> ?(?:minutes?|mins?|hours?|hrs?)(?! (?:this|next|on|tomorrow|today|together|with))',
	'spent(?: \S+)* (?:hours|minutes|ages|time)(?: \S+)? (?:in|inside|with) (?:the |our |x)(?:app|product|tool|platform|editor|workspace)?']) p
UNION ALL
SELECT p, 'Counts of logins, sessions and visits are internal.', 'shipped' FROM unnest(ARRAY[
	'<n>[ -](?:(?:separate|different|active|long|short|recent|unique|distinct|whole|full|more|times|total|product|user|your|of|or|so|successful|trial) )*(?:log-?ins?|log ins|logons?|sign-?ins?|sign ins|sessions?|visits?|page-?views?|page views|page loads|clicks|app opens|screen ?views)',
	'(?:log-?in|logon|sign-?in|session|visit|page-?view|page view|click|event|usage|invite|invitation) (?:counts?|numbers?|totals?|frequency|lengths?|durations?|times?|rates?|streaks?|statistics|stats)',
	'(?:number|numbers|count|frequency|amount|length|duration|total|volume|lot|lots|all|most|few|many|each|every one|plenty|loads|several|dozens|multiple) of(?: your| the| these| those| all)?(?: \S+)? (?:log-?ins?|logons?|sign-?ins?|sessions?|visits?|page-?views|page views|clicks|events|invites|invitations)',
	'how (?:often|many times|frequently|long|much time|regularly|late|early)(?: (?:that|of the time))? (?:you|your team|your colleagues)(?:''ve|''re| have| are| were| had)?(?: \S+)? (?:visit(?:ed|ing)?|log(?:ged|ging)?|sign(?:ed)?|view(?:ed|ing)?|look(?:ed|ing)?|us(?:e|ed|ing) (?:it|the|our|x)|open(?:ed|ing)?|spen[dt]|spending|stay(?:ed)?|stopped|came|come|c[ao]me back|return(?:ed|ing)?|click(?:ed|ing)?|check(?:ed|ing)?|worked|active|online)']) p
UNION ALL
SELECT p, 'What somebody looked at, and how often, is internal. Offer the answer: a word on plans and prices.', 'shipped' FROM unnest(ARRAY[
	'(?<!have )(?<!once )(?<!when )(?<!if )(?<!after )(?<!until )(?<!before )(?:you|your team|your colleagues?|someone|somebody)(?:''ve|''d| have| had| has)?(?: (?:just|already|also|recently|been|repeatedly|often|keep|kept|were|was|are|''re|then|again|all|both|first|last|now))* (?:visit(?:ed|ing)|view(?:ed|ing)|browsed|browsing|revisited|revisiting|scroll(?:ed|ing)|hover(?:ed|ing)|landed|click(?:ed|ing)|look(?:ed|ing) (?:at|over|around|into|through)|check(?:ed|ing) (?:out )?(?:our|the|x|pricing|prices|plans)|came back|come back|coming back|came by|return(?:ed|ing) to|went back|gone back|stopped by|dropped by|opened (?:my|our|the|this|that|it)|opening (?:my|our|the)|downloaded|read (?:my|our|the|that)|searched|searching)',
	'(?:visit|view|look|peek|glance|trip|click|return)(?:s|ed|ing)?(?: \S+)? (?:at|to|of|on|through) (?:our |the |your |x )?(?:pricing|billing|price|plans?|upgrade|checkout|payment)(?: \S+)? (?:<n>|again|often|repeatedly|several|frequently)',
	'(?:pricing|billing|prices|plans?|upgrade|checkout|payment)(?: (?:page|pages|section|screen|tab|view|views|visits?))+(?: (?:at|for|over|about|almost|more than|at least))* (?:<n>|again|often|repeatedly|frequently)',
	'(?:viewed|visited|opened|clicked|checked|loaded|read|seen|revisited)(?: \S+)* <n>[ -]?(?:times|x)',
	'(?:you|your team|your colleagues?)(?:''ve|''re| have| had| has)? [^.?!]*<n>[ -]?times(?! (?:faster|quicker|as|more|less|the|cheaper|over|smaller|larger|higher|lower|longer|better|slower|bigger|a |per ))',
	'(?:you|your team|your colleagues?)(?:''ve| have| had| has)(?: \S+)* (?:twice|thrice|repeatedly|again and again|over and over|more than once|many times)(?! (?:as|the|a ))',
	'(?:you|your team|your colleagues?) (?:\S+ed|came|went|were|ran|did|saw|read)(?: \S+)* (?:twice|thrice|repeatedly|again and again|over and over)(?! (?:as|the|a ))',
	'(?:second|third|fourth|fifth|sixth|<n>(?:nd|rd|th|st)) (?:visit|session|log-?in|sign-?in|time (?:this week|today|you|in the app|on the))',
	'(?:repeated|frequent|multiple|recurring|regular|several|numerous) (?:visits?|log-?ins?|sessions?|views?|trips|clicks)',
	'opened (?:my|our|the|this|that)(?: \S+)? (?:e-?mails?|messages?|notes?|newsletters?|links?)',
	'(?:e-?mail|message|link) (?:opens?|clicks)']) p
UNION ALL
SELECT p, 'When somebody worked is internal. A time that you propose is fine: Tuesday at 3 pm.', 'shipped' FROM unnest(ARRAY[
	'(?:you|your team|your colleagues?)(?:''ve|''d| have| had| has)?(?: (?:just|already|also|recently|all|both|then|first|last))* (?:were|was|been|had|did|worked|began|ran|built|made|sent|put|set|got|came|\S+ed)(?<!asked|mentioned|wanted|needed|requested|replied|emailed|called|agreed|shared|promised|suggested)(?: [^.?! ]+)* (?:at <n>(?:[:.]<n>)? ?(?:am|pm|a\.m|p\.m|o''clock|h)|at midnight|at night|at noon|late at|last night|late last|in the (?:middle of the )?(?:night|evening|small hours)|after hours|after midnight|(?:over|on|at|during) the weekend|this (?:morning|afternoon|evening)|yesterday|earlier today|tonight|on (?:mon|tues|wednes|thurs|fri|satur|sun)day|<n> (?:minutes?|hours?|days?) ago|(?:a|an) (?:minute|hour|moment|day) ago|moments ago)',
	'(?:you|you''re|you were|you''ve been)(?: (?:still|been|are|were|really|always|often))* (?:up|working|burning|online|active|in there|at it)(?: \S+)? (?:late|early|at night|all night|until|till|past midnight|the midnight oil)',
	'(?:late|early)[ -](?:night|morning|hours)(?: \S+)? (?:sessions?|visits?|log-?ins?|work|activity|queries)',
	'(?:busy|long|late|productive|active) (?:night|evening|morning|weekend) (?:in|with|on) (?:x|the app|our|the product)']) p
UNION ALL
SELECT p, 'Say what was done without counting: inviting colleagues, connecting a source.', 'shipped' FROM unnest(ARRAY[
	'invit(?:ed|ing|es)(?: (?:over|about|around|almost|nearly|more than|at least|all|only|just|already|as many as|another|another of|your|our|the|other))* <n>',
	'(?:<n>|your|all your|many|pending)(?: (?:new|more|pending|sent|open|team|outstanding|accepted|different|of|your|the|of your|unique))*[ -](?:invites|invitations|invitees)',
	'<n> invite',
	'(?:added|brought|brought in|brought on|onboarded|signed up|got|pulled in)(?: (?:in|on|over|about|almost|more than|at least|another|already))* <n>(?: \S+)? (?:people|persons?|users?|colleagues?|teammates?|team ?mates|co-?workers|members?|seats?|accounts?)',
	'<n>(?: (?:of|your|the|other|more|new|different|active))* (?:people|users?|colleagues?|teammates?|team ?mates|co-?workers|members?)(?: \S+)? (?:have |has |had |already |just |recently )*(?:joined|signed up|signed in|logged in|accepted|are active|were active|registered|are using|use it|are in (?:the|our|your|x)|from you|at you|from your (?:company|team|domain|organi[sz]ation)|at your (?:company|organi[sz]ation))',
	'you(?:''ve|''d| have| had)?(?: (?:just|already|also|recently|now|all|clearly))* (?:connected|created|built|ran|run|made|exported|uploaded|imported|added|sent|shared|used|tried|set up|completed|finished|hit|reached|published|saved|queried|installed|configured|synced|loaded|deployed|executed|performed|generated|invited|written|wrote)(?: (?:over|about|around|almost|nearly|more than|at least|up to|only|all|just|as many as|a total of|your|the|first))* (?:<n>)(?! (?:of the templates|thing|good))',
	'<n>[ -](?:(?:new|more|different|saved|custom|shared|of|your|the|connected|active) )*(?:integrations|data ?sources|connections|queries|dashboards|reports|projects|workspaces|api calls|events|exports|features|actions)(?: (?:you|your team)|.? (?:connected|created|built|set up|ran|used) (?:by you|so far|already|this week|last week|in your))',
	'<n> ?(?:%|percent|per cent)(?: \S+)? (?:of|through) (?:your|the) (?:quota|limit|plan|seats?|storage|credits?|usage|allowance|setup|onboarding|checklist|trial)']) p
UNION ALL
SELECT p, 'Scores and points are internal.', 'shipped' FROM unnest(ARRAY[
	'your(?: \S+)?(?: \S+)? (?:scor(?:e|es|ing)|ranking|rating)',
	'(?:lead|engagement|usage|fit|intent|health|activity|account|user|propensity|qualification|priority|trial|pql|pqa|buying|readiness|sales|our|internal|customer|prospect|behaviou?r|conversion)[ -](?:scor(?:e|es|ed|ing)|ranking|rating)',
	'(?:high|higher|highest|top|low|strong|good|great|perfect|impressive|excellent)[ -](?:scores?|scoring)',
	'(?:i|we|i''ve|we''ve|our \S+|system|model|you|you''ve|your \S+|x)(?: (?:have|had|has|also|just|currently))* (?:scored|scores)',
	'scor(?:e|es|ed|ing)(?: (?:a|an|of|at|is|was|you|your|very|so|quite|right|about|over|above|as|in))* (?:<n>|you|your|high|highly|higher|low)',
	'<n> scores?',
	'you(?:''re| are| were|''ve been| have been)? (?:ranked|rank|rated|rate|graded)(?: \S+)? (?:<n>|high|highly|top|as|among|in|a|b)',
	'(?:you|your \S+)(?:''re| are| is| was| were|''ve| have| got| get| at)(?: (?:an?|at|now|currently|already|got))* <n>(?: out of | of |/| / )<n>',
	'(?:earn(?:ed|s|ing)?|scor(?:e|ed|es|ing)|worth|got|gets?|have|has|gave|gives?|reach(?:ed)?|gain(?:ed)?|collect(?:ed)?|assigned|awarded|added)(?: (?:you|your \S+|over|about|almost|more than|at least|only|a total of|already))* <n>[ -]points?(?! (?:i''d|i would|i want|to (?:discuss|cover|raise|make|check|compare|talk|add)|that|on|about|of|worth|where|here|from|for (?:you|our|the)))',
	'your points',
	'<n>[ -]points?(?: (?:out|in total|so far|on our|for (?:inviting|connecting|activating|signing|viewing|logging|visiting)))',
	'points (?:for (?:inviting|connecting|activating|signing|viewing|logging|visiting)|you(?:''ve)? (?:earned|have|got|collected))']) p
UNION ALL
SELECT p, 'Tiers are internal. Of what can be bought, speak of plans.', 'shipped' FROM unnest(ARRAY[
	'(?:in|into|to|reach(?:ed)?|hit|made|as|a|an|our|the|your)(?: (?:a|an|the|our))? (?:high|highest|medium|hot|warm|emerging|top|priority|upper|lead|first)[ -]tier(?:s)?(?! (?:support|service|vendor|provider|companies|firm|bank|supplier|plan|pricing|paid|of (?:our )?(?:pricing|plans|the plan)|storage|cloud|1 |tool))',
	'(?:high|hot|warm|priority|medium|lead)[ -]tier',
	'your tier',
	'tier(?: \S+)? (?:lead|leads|prospect|prospects|account)',
	'(?:high|top|hot)[ -]priority (?:lead|account|prospect|contact|user|customer|trial)s?']) p
UNION ALL
SELECT p, 'That is how we speak of people among ourselves, not with them.', 'shipped' FROM unnest(ARRAY[
	'(?:sales|hot|warm|cold|qualified|inbound|outbound|marketing|promising|high[ -]value|as a|as our|are a|you''re a|become a|became a|considered a|a good|a great|a strong|a new|a hot|our new|our best|of our|our|top|sales[ -]ready) leads?(?! (?:engineer|developer|designer|analyst|architect|manager|investigator|time|times|role|author|teacher|scientist|consultant|data|product|maintainer|counsel|to|the|by|with|sponsor|on the|on your|you))',
	'lead (?:scores?|scoring|status|routing|lists?|qualification|gen|generation|quality|owner|queue|id|record|grade|stage)',
	'(?:pql|pqls|pqa|pqas|mql|mqls|sql lead|icp|bant)',
	'(?:sales|marketing|product|pre)[ -]?qualified',
	'(?:you|you''re|you''ve|your (?:team|company|account|trial|organi[sz]ation))(?: (?:are|have|has|is|was|were|been|just|now|also|already|clearly|as|a|to|seem|seems|look|looks|may|might|would|highly|fully|well))* (?:dis)?(?:qualif(?:y|ied|ies)|well-qualified)(?! (?:vendors?|suppliers?|candidates?|partners?|them|new|your))',
	'(?:dis)?qualified (?:leads?|prospects?|accounts?|buyers?|users?|trials?|opportunit(?:y|ies)|customers?|signups?|you|your)',
	'qualifying (?:you|call|leads?|questions?)',
	'(?:a|an|hot|warm|good|great|our|top|target|key|ideal|high[ -]value|as|strong|best|promising|likely|potential) (?:sales )?prospects?(?! (?:of|for|that|to))',
	'target accounts?',
	'ideal customer(?: profile)?',
	'(?:fit|fits|fitted|match|matches|matched|meet|meets|met|hit|hits|pass|passed|tick|ticks)(?: all| most)?(?: of)? our(?: \S+)? (?:criteria|profile|thresholds?|rules?|boxes|requirements|model|filter|definition)',
	'(?:high|low|strong|buying|purchas(?:e|ing)|clear|hot)[ -](?:purchase |buying |buyer )?(?:intent|signals?)(?! to)',
	'(?:intent|buying|engagement|usage|behaviou?ral?|activity) (?:signals?|data)',
	'(?:likely|ready|about) to (?:buy|convert|upgrade|purchase|churn|pay)',
	'(?:your |the |our )?(?:sales|conversion) (?:funnel|pipeline)',
	'(?:in|into|enter(?:ed)?|from|to) our (?:funnel|pipeline|sequence|cadence)']) p;

CREATE FUNCTION pql.plain_wording(text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	plain text := text;
BEGIN
	-- what HTML would show
	plain := regexp_replace(plain, '&(?:rsquo|lsquo|apos|#39|#x27|#8217|#8216);', '''', 'gi');
	plain := regexp_replace(plain, '&(?:nbsp|ensp|emsp|thinsp|#160|#xa0|#32|#x20);', ' ', 'gi');
	plain := regexp_replace(plain, '&(?:shy|zwnj|zwj|#173|#xad|#820[3-7]|#x200[b-f]|#xfeff);', '', 'gi');
	plain := regexp_replace(plain, '<!--.*?-->|</?[a-z][^<>]*>', '', 'gi');
	-- one form for what looks alike: full-width and styled letters, blanks of any width, accents
	plain := normalize(plain, NFKD);
	plain := regexp_replace(plain, '[\u0300-\u036f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]', '', 'g');
	plain := translate(plain, 'ʼ‘’‚‛′ʹ`´“”„″‐‑‒–—―−', '''''''''''''''''''"""" -------');
	plain := translate(lower(plain), 'аеорсухіѕјһԁԛԝкмтвнαεικνορτυχ', 'aeopcyxisjhdqwkmtbhaeiknoptux');
	-- markup: [words](link), *bold*, _slanted_, and words broken at a line's end
	plain := regexp_replace(plain, '\[([^][]*)\]\([^()]*\)', '\1', 'g');
	plain := regexp_replace(plain, '[*~\\\u0001\u0002]', '', 'g');
	plain := regexp_replace(plain, '(?<![[:alnum:]])_+|_+(?![[:alnum:]])', '', 'g');
	plain := regexp_replace(plain, '(?<=[a-z])-\s*\n\s*(?=[a-z])', '', 'g');
	plain := btrim(regexp_replace(plain, '\s+', ' ', 'g'));
	-- l-o-g-i-n s, and 0 for o
	plain := regexp_replace(plain, '(?<=(?<![[:alnum:]])[a-z])[ ._-](?=[a-z](?![[:alnum:]''])[ ._-]?[a-z](?![[:alnum:]'']))|(?<=(?<![[:alnum:]])[a-z][ ._-][a-z])[ ._-](?=[a-z](?![[:alnum:]'']))', '', 'g');
	plain := regexp_replace(plain, '(?<=[a-z])0(?=[a-z])', 'o', 'g');
	plain := regexp_replace(plain, '(?<=[a-z])[1!|](?=[a-z])', 'i', 'g');
	plain := regexp_replace(plain, '(?<=[a-z])3(?=[a-z])', 'e', 'g');
	plain := regexp_replace(plain, '(?<=[a-z])[5$](?=[a-z])', 's', 'g');
	RETURN regexp_replace(plain,
		'(?<![[:alnum:]])((?:[0-9]+(?:[.,:][0-9]+)*)|(?:(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?|several|(?<!how )many|multiple|numerous|countless|(?:a )?(?:good )?(?:few|couple|dozen|handful|bunch|lot|hundred|thousand)|lots|dozens|hundreds|thousands|tons)(?: of)?(?![[:alnum:]])))',
		chr(1) || '\1' || chr(2), 'g');
END
$$;
COMMENT ON FUNCTION pql.plain_wording(text) IS 'Text as pql.surveillance_wording is matched with: lower case, one blank between words, without markup and invisible characters, look-alike letters as Latin ones, numbers between the characters 1 and 2.';

-- ---- what may be said ----

CREATE FUNCTION pql.outreach_signals(document jsonb)
RETURNS TABLE (signal text, n bigint, category text, may_mention boolean, points int, says text, property text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE -- not STRICT, so that it becomes part of queries
BEGIN ATOMIC
	SELECT s.signal ->> 'signal', s.n, s.signal ->> 'category', coalesce((s.signal ->> 'may_mention')::boolean, false),
		coalesce((s.signal ->> 'points')::int, (s.signal #>> '{bands,0,points}')::int, 0), s.signal ->> 'says', p.word[1]
	FROM jsonb_array_elements(document -> 'signals') WITH ORDINALITY s (signal, n)
	-- says names one property at most
	LEFT JOIN LATERAL regexp_matches(s.signal ->> 'says', '\{(?!value\}|days\}|s\})([^{}]*)\}') p (word) ON true;
END;
COMMENT ON FUNCTION pql.outreach_signals(jsonb) IS 'Of each signal of a model what outreach needs: its place, category, whether it may be mentioned, points (of bands the first), words, and the property that they name.';

CREATE FUNCTION pql.placeholders() RETURNS TABLE (placeholder text, comes_from text, about text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT v.placeholder, v.comes_from, v.about
	FROM (VALUES
		('first_name', 'pql.person.full_name', 'Of whom it is written to.'),
		('company', 'pql.account.name', 'Without its legal form.'),
		('plan', 'pql.trial.plan', 'Of the trial.'),
		('rep_name', 'pql.rep.name', 'Whose lead it is.'),
		('rep_first_name', 'pql.rep.name', 'The first of it.'),
		('product', 'pql.outreach_setting', 'Your product''s name.'),
		('resource_url', 'pql.outreach_setting', 'Something to read.'),
		('checklist_url', 'pql.outreach_setting', 'A checklist.'),
		('calendar_url', 'pql.outreach_setting', 'Where to book a time.')) v (placeholder, comes_from, about)
	UNION ALL
	SELECT s.property, format('signal %s of model %s', string_agg(DISTINCT s.signal, ', '), string_agg(DISTINCT m.model, ', ')),
		'Property of the first event that counted.'
	FROM pql.active_model m CROSS JOIN LATERAL pql.outreach_signals(m.document) s
	WHERE s.may_mention AND s.property <> ALL (ARRAY['first_name', 'company', 'plan', 'rep_name', 'rep_first_name', 'product', 'resource_url', 'checklist_url', 'calendar_url'])
		AND s.property ~ '^[A-Za-z_][A-Za-z0-9_.]*$'
	GROUP BY s.property;
END;
COMMENT ON FUNCTION pql.placeholders() IS 'What templates may name between braces, and where it comes from: a few approved fields, your settings, and properties that signals of active models say and may mention.';

CREATE FUNCTION pql.plain_pattern(pattern text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	-- letters as pql.plain_wording leaves them; all else is the expression's
	SELECT CASE WHEN pattern ~ '^[\u0001-\u007f]*$' THEN pattern
		ELSE translate(regexp_replace(normalize(pattern, NFKD), '[\u0300-\u036f]', '', 'g'), 'ʼ‘’АВЕКМНОРСТХаеорсухіѕјһԁԛԝкмтвнαεικνορτυχ', '''''''abekmhopctxaeopcyxisjhdqwkmtbhaeiknoptux') END;
END;
COMMENT ON FUNCTION pql.plain_pattern(text) IS 'A pattern of pql.surveillance_wording with letters as pql.plain_wording gives them: no accents, look-alikes as Latin ones.';

CREATE FUNCTION pql.refused_wording() RETURNS TABLE (pattern text, why text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pql.plain_pattern(w.pattern), w.why FROM pql.surveillance_wording w
	UNION ALL
	SELECT v.pattern, format('Signal %s of model %s may not be mentioned.', v.signal, v.model)
	FROM (
		SELECT m.model, s.signal, x.pattern
		FROM pql.active_model m CROSS JOIN LATERAL pql.outreach_signals(m.document) s
		CROSS JOIN LATERAL (VALUES
			-- a plain word may be a signal's name, too
			(CASE WHEN s.signal ~ '_' THEN lower(s.signal) END),
			(CASE WHEN regexp_replace(s.says, '\{[^{}]*\}', '', 'g') ~ '[[:alpha:]]{4}' THEN (
				SELECT string_agg(CASE WHEN t.token[1] IN ('{value}', '{days}') THEN '<n>' WHEN t.token[1] = '{s}' THEN 's?'
						WHEN t.token[1] ~ '^\{' THEN '\S+' ELSE regexp_replace(lower(t.token[1]), '([^[:alnum:] ])', '\\\1', 'g') END, '' ORDER BY t.k)
				FROM regexp_matches(s.says, '(\{[^{}]*\}|[^{}]+)', 'g') WITH ORDINALITY t (token, k)) END)) x (pattern)
		WHERE NOT s.may_mention AND x.pattern IS NOT NULL) v;
END;
COMMENT ON FUNCTION pql.refused_wording() IS 'All patterns that outreach is searched for: pql.surveillance_wording, and names and words (says) of signals of active models that may not be mentioned.';

CREATE FUNCTION pql.refused_patterns() RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT array_agg(replace(w.pattern, '<n>', chr(1) || '[^' || chr(2) || ']*' || chr(2)) ORDER BY w.pattern COLLATE "C", w.why) FROM pql.refused_wording() w);
END
$$;
COMMENT ON FUNCTION pql.refused_patterns() IS 'The patterns of pql.refused_wording, by pattern and why, with <n> spelt out: what many texts are searched for.';

CREATE FUNCTION pql.wording_hits(plain text, patterns text[]) RETURNS int[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'pql_wording_hits';
COMMENT ON FUNCTION pql.wording_hits(text, text[]) IS 'Places (from 1) of the patterns of pql.refused_patterns that may match what pql.plain_wording gives: never too few, seldom too many. All patterns are tried in one pass, which takes a fraction of a millisecond; what is found is for pql.wording_regex to decide.';

CREATE FUNCTION pql.is_refused(text text, patterns text[]) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	plain text := pql.plain_wording(text);
	hit int;
BEGIN
	FOREACH hit IN ARRAY pql.wording_hits(plain, patterns) LOOP
		IF plain ~* pql.wording_regex(patterns[hit]) THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;
COMMENT ON FUNCTION pql.is_refused(text, text[]) IS 'Whether pql.find_wording finds something, with pql.refused_patterns given. NULL text: NULL.';

CREATE FUNCTION pql.find_wording(text text) RETURNS TABLE (words text, why text)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	plain text := pql.plain_wording(text);
	patterns text[] := pql.refused_patterns();
	hits int[] := pql.wording_hits(plain, patterns);
BEGIN
	IF hits = '{}' THEN
		RETURN;
	END IF;
	RETURN QUERY
		WITH refused AS (SELECT w.why, row_number() OVER (ORDER BY w.pattern COLLATE "C", w.why) AS n FROM pql.refused_wording() w),
		found AS MATERIALIZED (
			SELECT DISTINCT ON (1) btrim(translate(m.words[1], chr(1) || chr(2), '')) AS words, w.why
			FROM unnest(hits) h (n)
			JOIN refused w ON w.n = h.n
			CROSS JOIN LATERAL regexp_matches(plain, '(' || pql.wording_regex(patterns[h.n]) || ')', 'gi') m (words)
			ORDER BY 1, 2)
		-- the longest says it all
		SELECT f.words, f.why FROM found f
		WHERE NOT EXISTS (SELECT FROM found x WHERE x.words <> f.words AND strpos(x.words, f.words) > 0)
		ORDER BY 1;
END
$$;
COMMENT ON FUNCTION pql.find_wording(text) IS 'Words of a text that outreach may not use, and why. No rows: there are none.';

-- ---- templates ----

CREATE TABLE pql.template (
	template text PRIMARY KEY CHECK (btrim(template) <> ''),
	use text NOT NULL CHECK (use IN ('email', 'call_opener', 'discovery', 'objection', 'ask')),
	touch int CHECK (touch BETWEEN 1 AND 3),
	variant text,
	intent text CHECK (intent IN ('early', 'high')),
	topic text CHECK (btrim(topic) <> ''),
	subject text CHECK (subject !~ '[\r\n]'),
	body text NOT NULL,
	retired_at timestamptz,
	checked_at timestamptz,
	CHECK ((use = 'email') = (touch IS NOT NULL)),
	CHECK ((use = 'email') = (subject IS NOT NULL)),
	CHECK (use NOT IN ('discovery', 'objection', 'ask') OR topic IS NOT NULL)
);
COMMENT ON TABLE pql.template IS 'What reps write and say. A template that would sound like watching, or names what is not approved, cannot be saved: pql.lint_outreach tells why.';
COMMENT ON COLUMN pql.template.use IS 'email, call_opener, discovery (a prompt), objection (the answer to one), ask (a small one to end with).';
COMMENT ON COLUMN pql.template.touch IS 'Of e-mails: which of the three.';
COMMENT ON COLUMN pql.template.variant IS 'The signal that it is about: used only for leads that met it, while their model lets outreach mention it. NULL: any lead.';
COMMENT ON COLUMN pql.template.intent IS 'Used only for leads of this intent; NULL: of any. pql.lead_intent tells which a lead has.';
COMMENT ON COLUMN pql.template.topic IS 'Of prompts, objections and asks: of each topic one is chosen.';
COMMENT ON COLUMN pql.template.subject IS 'Of e-mails.';
COMMENT ON COLUMN pql.template.body IS 'With placeholders: {first_name|there} is the first name, or there. A brace itself is written twice.';
COMMENT ON COLUMN pql.template.retired_at IS 'Since when it is used no longer; NULL: it is in use.';
COMMENT ON COLUMN pql.template.checked_at IS 'When it was saved and found fit; do not write it. A row that brings it is one of a dump that is restored, before what it is checked against may be there: it is checked again when it is used.';
SELECT pg_catalog.pg_extension_config_dump('pql.template', '');

CREATE FUNCTION pql.template_tokens(text text)
RETURNS TABLE (n bigint, words text, placeholder text, fallback text, stray boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE -- not STRICT, so that it becomes part of queries
BEGIN ATOMIC
	SELECT t.n,
		CASE WHEN t.token[1] IN ('{{', '}}') THEN left(t.token[1], 1) WHEN t.token[1] !~ '^\{.*\}$' THEN t.token[1] END,
		CASE WHEN t.token[1] ~ '^\{.*\}$' THEN btrim(split_part(btrim(t.token[1], '{}'), '|', 1)) END,
		CASE WHEN t.token[1] ~ '^\{.*\|.*\}$' THEN substring(t.token[1] FROM '^\{[^|]*\|(.*)\}$') END,
		t.token[1] IN ('{', '}')
	FROM regexp_matches(text, '(\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}])', 'g') WITH ORDINALITY t (token, n);
END;
COMMENT ON FUNCTION pql.template_tokens(text) IS 'A template''s text in order: words as they stand, or a placeholder with its fallback; stray: a brace without its fellow.';

CREATE FUNCTION pql.fill_template(text text, known jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (
		SELECT CASE WHEN NOT coalesce(bool_or(t.filled IS NULL), false) THEN coalesce(string_agg(t.filled, '' ORDER BY t.n), '') END
		FROM (SELECT t.n, coalesce(t.words, known ->> t.placeholder, t.fallback) AS filled FROM pql.template_tokens(text) t) t);
END
$$;
COMMENT ON FUNCTION pql.fill_template(text, jsonb) IS 'A template''s text with what is known in place of placeholders, else their fallback. What is filled in is not read again. NULL when something is not known and has no fallback.';

CREATE FUNCTION pql.lint_outreach(subject text, body text) RETURNS TABLE (problem text, words text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	link CONSTANT text := '(?:https?://|www\.|mailto:)[^\s<>()\[\]]+|(?<![[:alnum:]@.-])(?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s<>()\[\]]*';
	approved text[] := ARRAY(SELECT p.placeholder FROM pql.placeholders() p ORDER BY 1);
	shown text := concat_ws(E'\n', subject, body);
	with_fallbacks text;
	found int;
BEGIN
	IF btrim(regexp_replace(coalesce(body, ''), '[\s\u00a0\u200b\ufeff]+', '', 'g')) = '' THEN
		RETURN QUERY SELECT 'no text', NULL::text, 'Write what is to be said.';
	END IF;
	RETURN QUERY
		SELECT 'stray brace', t.words, 'Write a brace twice where it stands for itself; a placeholder is {first_name|there}, with no brace inside.'
		FROM pql.template_tokens(shown) t WHERE t.stray LIMIT 1;
	RETURN QUERY
		SELECT DISTINCT 'unapproved placeholder', '{' || t.placeholder || '}',
			coalesce('Did you mean {' || pql.nearest_word(lower(t.placeholder), approved) || '}? ', '') || format('There are %s.', array_to_string(approved, ', '))
		FROM pql.template_tokens(shown) t WHERE t.placeholder <> ALL (approved) ORDER BY 2;
	SELECT string_agg(coalesce(t.words, CASE WHEN t.placeholder ~ '_url$' THEN 'https://x/' END, t.fallback, 'x'), '' ORDER BY t.n)
	INTO with_fallbacks FROM pql.template_tokens(shown) t;
	-- each with its fallback, and as if it were the reader's own name
	RETURN QUERY
		SELECT DISTINCT ON (f.words) 'surveillance wording', f.words, f.why
		FROM (VALUES (subject), (body)) part (text)
		CROSS JOIN LATERAL (
			SELECT string_agg(coalesce(t.words, t.fallback, 'x'), '' ORDER BY t.n),
				string_agg(coalesce(t.words, CASE WHEN t.placeholder IN ('first_name', 'company') THEN 'you' ELSE 'x' END), '' ORDER BY t.n)
			FROM pql.template_tokens(part.text) t) read (one, other)
		CROSS JOIN LATERAL (SELECT read.one UNION SELECT read.other) one_reading (text)
		CROSS JOIN LATERAL pql.find_wording(one_reading.text) f
		ORDER BY f.words;
	SELECT count(*) INTO found FROM regexp_matches(with_fallbacks, link, 'gi');
	IF found > 1 THEN
		RETURN QUERY SELECT 'more than one ask', format('%s links', found), 'One message, one thing to do: keep the link that matters.';
	END IF;
	SELECT count(*) INTO found
	FROM regexp_matches(normalize(regexp_replace(with_fallbacks, link, '', 'gi'), NFKC), '[?\u061f\u203d\u2048\u2049]+[?!\s"'')\u2019\u201d*_]*', 'g');
	IF found > 1 THEN
		RETURN QUERY SELECT 'more than one ask', format('%s questions', found), 'One message, one question, the subject''s counted: make a statement of the others.';
	END IF;
END
$$;
COMMENT ON FUNCTION pql.lint_outreach(text, text) IS 'All that keeps a text from being sent: unapproved placeholders, wording of pql.refused_wording, more than one question or link (subject and body together), stray braces, no text. words: the offending ones, as they read without markup. No rows: it is fit. The subject may be NULL.';

CREATE FUNCTION pql.lint_template(template pql.template) RETURNS TABLE (problem text, words text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known text[] := ARRAY(SELECT DISTINCT s.signal FROM pql.active_model m CROSS JOIN LATERAL pql.outreach_signals(m.document) s WHERE s.may_mention ORDER BY 1);
	withheld text;
BEGIN
	IF template.variant IS NOT NULL THEN
		SELECT string_agg(m.model, ', ' ORDER BY m.model) INTO withheld
		FROM pql.active_model m CROSS JOIN LATERAL pql.outreach_signals(m.document) s
		WHERE s.signal = template.variant AND NOT s.may_mention;
		IF withheld IS NOT NULL THEN
			RETURN QUERY SELECT 'signal that outreach may not mention', template.variant, format('Of model %s. Signals that it may: %s.', withheld, array_to_string(known, ', '));
		ELSIF template.variant <> ALL (known) THEN
			RETURN QUERY SELECT 'unknown signal', template.variant,
				coalesce('Did you mean "' || pql.nearest_word(template.variant, known) || '"? ', '') || format('Signals that outreach may mention: %s.', array_to_string(known, ', '));
		END IF;
	END IF;
	RETURN QUERY SELECT l.* FROM pql.lint_outreach(template.subject, template.body) l;
END
$$;
COMMENT ON FUNCTION pql.lint_template(pql.template) IS 'All that keeps a template from being saved: pql.lint_outreach, and a variant that is no signal of an active model or may not be mentioned. After models or wording changed: SELECT t.template, p.* FROM pql.template t, pql.lint_template(t) p.';

CREATE FUNCTION pql.check_template() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	first record;
	others text;
BEGIN
	-- retired ones are not used, and one that has become unfit must be retirable
	IF NEW.retired_at IS NOT NULL OR TG_OP = 'INSERT' AND NEW.checked_at IS NOT NULL THEN
		RETURN NEW;
	END IF;
	SELECT * INTO first FROM pql.lint_template(NEW) LIMIT 1;
	IF FOUND THEN
		SELECT string_agg(concat_ws(': ', l.problem, '"' || l.words || '"'), E'\n') INTO others
		FROM pql.lint_template(NEW) WITH ORDINALITY l (problem, words, hint, n) WHERE l.n > 1;
		RAISE EXCEPTION '%', format('template "%s" has %s', NEW.template, concat_ws(': ', first.problem, '"' || first.words || '"'))
			USING ERRCODE = 'check_violation', DETAIL = coalesce('And ' || others, ''), HINT = first.hint;
	END IF;
	NEW.checked_at := clock_timestamp();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION pql.check_template() IS 'Trigger: a template that pql.lint_template finds a problem with cannot be saved, unless it is retired.';
CREATE TRIGGER template_is_fit BEFORE INSERT OR UPDATE ON pql.template
FOR EACH ROW EXECUTE FUNCTION pql.check_template();

CREATE FUNCTION pql.shipped_templates() RETURNS SETOF pql.template
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT s.template, s.use, s.touch, s.variant, s.intent, s.topic, s.subject, s.body, NULL::timestamptz, NULL::timestamptz
	FROM (VALUES
		('email_1_integration_early'::text, 'email'::text, 1::int, 'integrations'::text, 'early'::text, NULL::text, 'A first result with {integration_type|your data}'::text, E'Hi {first_name|there},\n\nThanks for trying {product|our product}. With {integration_type|your own data} connected, the hard part is behind you. What helps most now is one small result that matters to somebody at {company|your company}, and I am glad to help you pick it.\n\nWould ten minutes this week be useful?\n\nBest,\n{rep_first_name|The team}'::text),
		('email_1_integration_high', 'email', 1, 'integrations', 'high', NULL, '{integration_type|Your data} and the next step', E'Hi {first_name|there},\n\nGood to have {integration_type|your own data} connected to {product|our product}. Teams at this stage usually want three things settled before they go on: access rights, who looks after the connection, and what it costs as it grows. I can answer all of them in one short call.\n\nWould ten minutes this week help?\n\nBest,\n{rep_first_name|The team}'),
		('email_1_invite_early', 'email', 1, 'invites', 'early', NULL, 'Getting your colleagues started in {product|our product}', E'Hi {first_name|there},\n\nThanks for trying {product|our product}, and for bringing colleagues along. A shared start goes better with a little order: one place to begin, and one result that all can see. I have a simple way to set that up.\n\nShall I show you in ten minutes this week?\n\nBest,\n{rep_first_name|The team}'),
		('email_1_invite_high', 'email', 1, 'invites', 'high', NULL, '{product|Our product} for the team at {company|your company}', E'Hi {first_name|there},\n\nGood to know that colleagues are trying {product|our product} with you. When a team decides together, people tend to ask about roles, security and price, each at a different moment. I can help you have the answers ready.\n\nWhat would your colleagues want to know first?\n\nBest,\n{rep_first_name|The team}'),
		('email_1_billing_early', 'email', 1, 'billing_views', 'early', NULL, 'Plans and prices, in plain words', E'Hi {first_name|there},\n\nThanks for trying {product|our product}. Plans and prices raise questions that a page cannot always answer, so here is a person who can. If a smaller plan does the job, I will say so.\n\nWhich question can I answer for you?\n\nBest,\n{rep_first_name|The team}'),
		('email_1_billing_high', 'email', 1, 'billing_views', 'high', NULL, 'Finding the right plan for {company|your company}', E'Hi {first_name|there},\n\nChoosing a plan is easier with somebody who knows where each one ends. Tell me how {company|your company} would use {product|the product}, and I will say which plan fits, what it costs, and what you can leave out.\n\nWould ten minutes this week help?\n\nBest,\n{rep_first_name|The team}'),
		('email_1_any', 'email', 1, NULL, NULL, NULL, 'A hand with {product|your trial}', E'Hi {first_name|there},\n\nThanks for trying {product|our product}. I help teams get from a first look to something that saves them work, and I am glad to do the same for {company|you}.\n\nWhat would you like to get done with it?\n\nBest,\n{rep_first_name|The team}'),
		('email_2_resource', 'email', 2, NULL, NULL, NULL, 'Something to read, for when it suits you', E'Hi {first_name|there},\n\nFollowing up with something useful rather than a reminder. This is what new teams tell us helped them most in {product|our product}:\n\n{resource_url}\n\nIf it leaves a question open, just reply; I read every answer.\n\nBest,\n{rep_first_name|The team}'),
		('email_2_resource_on_reply', 'email', 2, NULL, NULL, NULL, 'A short checklist, if it helps', E'Hi {first_name|there},\n\nFollowing up with something useful rather than a reminder. I keep a one-page checklist for teams who are setting up {product|our product}: what to do first, what can wait, and who should be in the room.\n\nShall I send it over?\n\nBest,\n{rep_first_name|The team}'),
		('email_3_closing', 'email', 3, NULL, NULL, NULL, 'Closing the loop', E'Hi {first_name|there},\n\nI do not want to fill your inbox, so this is my last note for now. {product|Our product} stays open to you as before, with or without me.\n\nIf there comes a moment when a person would help, reply to this message and I will be there.\n\nBest,\n{rep_first_name|The team}'),
		('call_opener', 'call_opener', NULL, NULL, NULL, NULL, NULL, 'Hi {first_name|there}, this is {rep_first_name|a colleague} from {product|the team}. You are trying it at {company|your company}, and I help people get something out of that. Do you have two minutes, or shall we find a better time?'),
		('discovery_outcome', 'discovery', NULL, NULL, NULL, 'outcome', NULL, 'What would have to be true in three months for you to say that this was worth it?'),
		('discovery_people', 'discovery', NULL, 'invites', NULL, 'people', NULL, 'Who else would work with it, and what would each of them need from it?'),
		('discovery_current_process', 'discovery', NULL, 'integrations', NULL, 'current_process', NULL, 'How do you get this done today, from the data to the person who needs the answer?'),
		('discovery_timeline', 'discovery', NULL, 'billing_views', NULL, 'timeline', NULL, 'Is there a date by which this should be in place, and what sets it?'),
		('discovery_next_step', 'discovery', NULL, NULL, 'early', 'next_step', NULL, 'What is the next thing you would like to try, and what stands in the way?'),
		('discovery_confidence', 'discovery', NULL, NULL, 'high', 'confidence', NULL, 'If your manager asked tomorrow whether to go ahead, what would make you confident in a yes?'),
		('objection_just_exploring', 'objection', NULL, NULL, NULL, 'just_exploring', NULL, 'That is a good way to begin, and there is nothing to decide today. If you tell me the one thing you hope to find out, I can point you to the shortest way to it.'),
		('objection_ask_manager', 'objection', NULL, NULL, NULL, 'ask_manager', NULL, 'Of course. People who decide mostly ask what it replaces, what it costs and who looks after it. Shall I put that on one page for you, so that you do not have to write it?'),
		('objection_price', 'objection', NULL, NULL, NULL, 'price', NULL, 'It should pay for itself, or it is the wrong choice. Let us put what the work costs you today beside the plan that you would need; if the sum does not come out in your favour, stay with what you have.'),
		('objection_competitor', 'objection', NULL, NULL, NULL, 'competitor', NULL, 'That is a sound product, and changing for its own sake helps nobody. What is the one thing that you wish it did differently?'),
		('ask_ten_minutes', 'ask', NULL, NULL, NULL, 'ten_minutes', NULL, 'Would ten minutes this week be useful? You bring one question, I bring the answer, and we stop on time.'),
		('ask_checklist', 'ask', NULL, NULL, NULL, 'checklist', NULL, 'Here is a one-page checklist that makes the start easier, yours to keep: {checklist_url}'),
		('ask_checklist_on_reply', 'ask', NULL, NULL, NULL, 'checklist', NULL, 'Shall I send you the one-page checklist that makes the start easier? It is yours to keep either way.')) s (template, use, touch, variant, intent, topic, subject, body);
END;
COMMENT ON FUNCTION pql.shipped_templates() IS 'The templates that come with pql; pql.ship_templates stores them.';

CREATE FUNCTION pql.ship_templates() RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	shipped pql.template;
	unfit record;
	inserted int := 0;
BEGIN
	FOR shipped IN SELECT * FROM pql.shipped_templates() s
		WHERE NOT EXISTS (SELECT FROM pql.template t WHERE t.template = s.template) ORDER BY s.template
	LOOP
		SELECT * INTO unfit FROM pql.lint_template(shipped) LIMIT 1;
		IF FOUND THEN
			RAISE NOTICE 'shipped template "%" is left out', shipped.template
				USING DETAIL = concat_ws(': ', unfit.problem, '"' || unfit.words || '"'), HINT = unfit.hint;
			CONTINUE;
		END IF;
		INSERT INTO pql.template SELECT (shipped).* ON CONFLICT DO NOTHING;
		IF FOUND THEN
			inserted := inserted + 1;
		END IF;
	END LOOP;
	RETURN inserted;
END
$$;
COMMENT ON FUNCTION pql.ship_templates() IS 'Inserts the shipped templates of which there is none of that name, and returns how many; what was edited or retired stays. One that does not fit the active models or your wording is left out, with a NOTICE.';

-- ---- one lead ----

CREATE FUNCTION pql.clean_value(value text, longest int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	clean text := regexp_replace(normalize(value, NFC), '[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]', '', 'g');
BEGIN
	clean := btrim(regexp_replace(clean, '[\s\u0001-\u001f\u007f-\u00a0]+', ' ', 'g'), ' ,;-');
	IF clean ~ '[[:alnum:]]' AND length(clean) <= longest
		-- links, addresses, markup, questions: no names of anything
		AND clean !~ '[][<>{}|\\^~*@?;=]|//|[[:alnum:]]\.[[:alpha:]]{2}|[\u0001-\u001f]'
		AND lower(clean) <> ALL (ARRAY['null', 'none', 'n/a', 'na', 'nil', 'undefined', 'unknown', 'other', 'test', 'true', 'false', 'company', 'name'])
	THEN
		RETURN clean;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.clean_value(text, int) IS 'What data say, fit to stand in a sentence: without control and invisible characters, blanks joined. NULL when it is too long, has markup, a link or an address in it, or says nothing.';

CREATE FUNCTION pql.first_name(full_name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	name text := pql.clean_value(full_name, 100);
BEGIN
	-- Lee, Dana is Dana; Dr. Dana is Dana; D. is nobody; DANA and dana are Dana
	IF name ~ '^[^,]+, *[^,]+$' THEN
		name := split_part(name, ',', 2);
	END IF;
	name := split_part(regexp_replace(btrim(name), '^(?:(?:mr|mrs|ms|miss|mx|dr|prof|sir|herr|frau)\.? +)+', '', 'i'), ' ', 1);
	IF name !~ '^[[:alpha:]][[:alpha:]''’-]*[[:alpha:]]$' OR length(name) > 30 THEN
		RETURN NULL;
	END IF;
	IF name = lower(name) OR name = upper(name) AND length(name) > 2 THEN
		RETURN initcap(name);
	END IF;
	RETURN name;
END
$$;
COMMENT ON FUNCTION pql.first_name(text) IS 'The first name, to begin a message with; NULL when it is none that one would write.';

CREATE FUNCTION pql.lead_signals(lead pql.lead)
RETURNS TABLE (signal text, rank bigint, category text, points int, property text, value text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT s.signal,
		-- ties: what is connected, who was invited, interest in prices, then the model's order
		row_number() OVER (ORDER BY p.points DESC, coalesce(array_position(ARRAY['integrations', 'invites', 'billing_views'], s.signal), 4), s.n),
		s.category, p.points, s.property,
		-- what the words say where they name the property: as of the version that wrote them
		CASE WHEN s.property = o.property THEN (regexp_match(e.signal ->> 'says', '^' || (
			SELECT string_agg(CASE WHEN t.token[1] = '{s}' THEN 's?' WHEN t.token[1] IN ('{value}', '{days}') THEN '[0-9.,+]+'
				WHEN t.token[1] ~ '^\{' THEN '(.*)' ELSE regexp_replace(t.token[1], '([^[:alnum:] ])', '\\\1', 'g') END, '' ORDER BY t.k)
			FROM regexp_matches(o.says, '(\{[^{}]*\}|[^{}]+)', 'g') WITH ORDINALITY t (token, k)) || '$'))[1] END
	FROM pql.outreach_signals(pql.model((lead).model)) s
	LEFT JOIN LATERAL (SELECT x.signal FROM jsonb_array_elements((lead).explanation -> 'signals') x (signal) WHERE x.signal ->> 'signal' = s.signal LIMIT 1) e ON true
	LEFT JOIN pql.model_version v ON v.model = (lead).model AND v.version = (lead).version
	LEFT JOIN LATERAL (SELECT x.says, x.property FROM pql.outreach_signals(v.document) x WHERE x.signal = s.signal LIMIT 1) o ON true
	CROSS JOIN LATERAL (SELECT CASE WHEN e.signal ->> 'met' = 'true' THEN (e.signal ->> 'points')::int ELSE s.points END AS points) p
	WHERE s.may_mention AND p.points >= 0 AND (e.signal ->> 'met' = 'true' OR s.signal = ANY ((lead).signals));
END;
COMMENT ON FUNCTION pql.lead_signals(pql.lead) IS 'The signals that a lead met and outreach may mention (as the model says now), the strongest first: most points, then integration, invite, billing. value: of the property that its words name.';

CREATE FUNCTION pql.lead_intent(lead pql.lead) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF lead.model IS NULL THEN
		RETURN NULL;
	END IF;
	IF lead.tier = pql.model(lead.model) #>> '{tiers,0,tier}' OR EXISTS (SELECT FROM pql.lead_signals(lead) s WHERE s.category = 'intent') THEN
		RETURN 'high';
	END IF;
	RETURN 'early';
END
$$;
COMMENT ON FUNCTION pql.lead_intent(pql.lead) IS 'high: the lead has its model''s highest tier, or met a signal of the category intent that may be mentioned. Else early.';

CREATE FUNCTION pql.outreach_values(lead pql.lead, patterns text[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	refused text[] := coalesce(patterns, pql.refused_patterns());
BEGIN
	RETURN (
		SELECT coalesce(jsonb_object_agg(v.name, v.value ORDER BY v.name), '{}')
		FROM (
			SELECT DISTINCT ON (x.name) x.name, x.value
			FROM (
				SELECT 0 AS place, 'first_name' AS name, pql.first_name(p.full_name) AS value FROM pql.person p WHERE p.user_id = lead.user_id
				UNION ALL
				SELECT 0, 'company', nullif(btrim(regexp_replace(pql.clean_value(a.name, 60), '[, ]+(?:inc|llc|ltd|limited|gmbh|ag|corp|corporation|co|plc|bv|b\.v|oy|ab|srl|pty ltd|kg|s\.a|sas)\.?$', '', 'i')), '')
				FROM pql.account a WHERE a.account_id = lead.account_id
				UNION ALL
				SELECT 0, 'plan', pql.clean_value(t.plan, 40) FROM pql.trial t WHERE t.user_id = lead.user_id AND t.started_at = lead.started_at
				UNION ALL
				SELECT 0, r.name, r.value FROM pql.rep p CROSS JOIN LATERAL (VALUES ('rep_name', pql.clean_value(p.name, 60)), ('rep_first_name', pql.first_name(p.name))) r (name, value)
				WHERE p.email = lead.rep
				UNION ALL
				-- google_sheets is what programs call Google Sheets
				SELECT s.rank, s.property, CASE WHEN c.value = lower(c.value) THEN initcap(replace(c.value, '_', ' ')) ELSE replace(c.value, '_', ' ') END
				FROM pql.lead_signals(lead) s CROSS JOIN LATERAL (SELECT pql.clean_value(s.value, 40) AS value OFFSET 0) c
				WHERE s.property IN (SELECT h.placeholder FROM pql.placeholders() h WHERE h.comes_from LIKE 'signal %')
				-- each is found once, however often it is looked at
				OFFSET 0) x
			WHERE x.value IS NOT NULL AND NOT pql.is_refused(x.value, refused)
			ORDER BY x.name, x.place) v);
END
$$;
COMMENT ON FUNCTION pql.outreach_values(pql.lead, text[]) IS 'What is known of a lead for placeholders: only approved fields, cleaned; what would look bad in a sentence is left out, so that the fallback stands there. patterns: pql.refused_patterns(), where it is known already.';

CREATE FUNCTION pql.outreach_lead(lead_id bigint, as_of timestamptz) RETURNS pql.lead
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	lead pql.lead;
	barrier text;
BEGIN
	IF lead_id IS NULL OR as_of IS NULL THEN
		RAISE EXCEPTION '% is NULL', CASE WHEN lead_id IS NULL THEN 'lead_id' ELSE 'as_of' END
			USING ERRCODE = 'null_value_not_allowed', HINT = 'pql.lead lists the leads there are.';
	END IF;
	SELECT * INTO lead FROM pql.lead l WHERE l.lead_id = outreach_lead.lead_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'unknown lead %', lead_id
			USING ERRCODE = 'undefined_object', HINT = 'pql.lead lists the leads there are.';
	END IF;
	IF lead.state = 'control' THEN
		RAISE EXCEPTION 'lead % is in the control arm', lead_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'What outreach is worth is measured against leads that get none.', HINT = 'Leave it alone; the product goes on as for everybody.';
	END IF;
	barrier := pql.contact_barrier(lead.user_id, as_of);
	IF barrier IS NOT NULL THEN
		RAISE EXCEPTION 'lead % %', lead_id, CASE barrier WHEN 'opted_out' THEN 'has unsubscribed' ELSE 'is on a do-not-contact list' END
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = CASE barrier WHEN 'opted_out' THEN 'Nothing is sent until the person opts in again.' ELSE 'Nothing is sent while the person is on it.' END;
	END IF;
	IF lead.stopped_at <= as_of THEN
		RAISE EXCEPTION 'outreach to lead % has stopped', lead_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('Since %s%s.', lead.stopped_at, coalesce(': ' || lead.stop_reason, '')), HINT = 'There is nothing more to send.';
	END IF;
	RETURN lead;
END
$$;
COMMENT ON FUNCTION pql.outreach_lead(bigint, timestamptz) IS 'A lead that may be written to or called. An unknown one, one in the control arm, one whose outreach has stopped, and a person who has unsubscribed or is on a do-not-contact list is an ERROR.';

CREATE FUNCTION pql.rendered(lead pql.lead, of_use text, of_touch int DEFAULT NULL, most int DEFAULT NULL)
RETURNS TABLE (template text, topic text, variant text, intent text, rank bigint, subject text, body text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan -- no value changes a plan, and planning takes longer than all else
AS $$
DECLARE
	refused CONSTANT text[] := pql.refused_patterns();
	met CONSTANT text[] := ARRAY(SELECT s.signal FROM pql.lead_signals(lead) s ORDER BY s.rank);
	of_intent CONSTANT text := pql.lead_intent(lead);
	known CONSTANT jsonb := pql.outreach_values(lead, refused);
	own CONSTANT jsonb := (SELECT coalesce(jsonb_object_agg(o.setting, o.value), '{}') FROM pql.outreach_setting o);
	-- our own names are not searched for wording
	masked CONSTANT jsonb := (SELECT coalesce(jsonb_object_agg(o.setting, 'x'), '{}') FROM pql.outreach_setting o);
	candidate record;
	said jsonb;
	fit int := 0;
BEGIN
	FOR candidate IN
		SELECT t.template, t.topic, t.variant, t.intent, array_position(met, t.variant)::bigint AS place, t.subject, t.body
		FROM pql.template t
		WHERE t.use = of_use AND t.touch IS NOT DISTINCT FROM of_touch AND t.retired_at IS NULL
			AND (t.variant IS NULL OR t.variant = ANY (met)) AND (t.intent IS NULL OR t.intent = of_intent)
		ORDER BY place NULLS LAST, t.intent NULLS LAST, t.template
	LOOP
		EXIT WHEN fit >= most;
		-- what data say may make wording of what was none: then it is left out
		FOREACH said IN ARRAY ARRAY[known, '{}'] LOOP
			CONTINUE WHEN pql.is_refused(pql.fill_template(candidate.subject, said || masked), refused)
				OR pql.is_refused(pql.fill_template(candidate.body, said || masked), refused);
			template := candidate.template;
			topic := candidate.topic;
			variant := candidate.variant;
			intent := candidate.intent;
			rank := candidate.place;
			subject := pql.fill_template(candidate.subject, said || own);
			body := pql.fill_template(candidate.body, said || own);
			IF body IS NOT NULL AND (candidate.subject IS NULL OR subject IS NOT NULL) THEN
				RETURN NEXT;
				fit := fit + 1;
			END IF;
			EXIT;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.rendered(pql.lead, text, int, int) IS 'The templates of a use (and touch) that fit a lead, filled in, the best first; at most so many, of which no more are looked at than it takes. rank: of the signal that it is about, 1 the strongest. Left out: those that lack a value without fallback, and those whose wording has become unfit.';

CREATE FUNCTION pql.render_outreach(lead_id bigint, touch int DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (template text, variant text, channel text, recipient text, subject text, body text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	lead pql.lead := pql.outreach_lead(lead_id, as_of);
	number int := coalesce(touch, lead.touches + 1);
	address text;
	footer text;
	unsubscribe text;
BEGIN
	IF number NOT BETWEEN 1 AND 3 THEN
		RAISE EXCEPTION '%', CASE WHEN touch IS NULL THEN format('lead %s has had its 3 touches', lead_id) ELSE format('there is no touch %s', touch) END
			USING ERRCODE = CASE WHEN touch IS NULL THEN 'object_not_in_prerequisite_state' ELSE 'invalid_parameter_value' END,
				DETAIL = 'A sequence has touches 1 to 3.',
				HINT = CASE WHEN touch IS NULL THEN 'Give the lead a disposition, or wait: it closes by itself.' ELSE 'Leave it out for the next one.' END;
	END IF;
	SELECT btrim(p.email) INTO address FROM pql.person p WHERE p.user_id = lead.user_id;
	IF pql.email_host(address) IS NULL THEN
		RAISE EXCEPTION 'no e-mail address of lead % is known', lead_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('pql.person.email of user %s is %s.', lead.user_id, coalesce('"' || address || '"', 'NULL')),
				HINT = format('Call instead: SELECT * FROM pql.outreach_kit(%s).', lead_id);
	END IF;
	SELECT max(o.value) FILTER (WHERE o.setting = 'footer'), max(o.value) FILTER (WHERE o.setting = 'unsubscribe')
	INTO footer, unsubscribe FROM pql.outreach_setting o;
	RETURN QUERY
		SELECT r.template, r.variant, 'email', address, r.subject,
			concat_ws(E'\n\n', rtrim(r.body), footer, coalesce(unsubscribe, 'If you would rather not hear from me, a short "no thanks" is enough.'))
		FROM pql.rendered(lead, 'email', number, 1) r;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no template for touch % of lead %', number, lead_id
			USING ERRCODE = 'undefined_object',
				DETAIL = format('Of %s for this touch that are not retired, none fits: another signal or intent, a value without fallback that is not known, or wording.',
					(SELECT count(*) FROM pql.template t WHERE t.touch = number AND t.retired_at IS NULL)),
				HINT = 'SELECT pql.ship_templates() brings the shipped ones; SELECT t.template, p.* FROM pql.template t, pql.lint_template(t) p tells what is wrong with those there are.';
	END IF;
END
$$;
COMMENT ON FUNCTION pql.render_outreach(bigint, int, timestamptz) IS 'The e-mail to a lead for a touch (NULL: the next), filled in: that of the strongest signal met that may be mentioned, else of the next, else one about none; of several the one for the lead''s intent, then by name. The footer and how to unsubscribe end it. A lead that may not be written to, a touch beyond 3, no address and no fitting template are ERRORs.';

CREATE FUNCTION pql.outreach_kit(lead_id bigint, as_of timestamptz DEFAULT now())
RETURNS TABLE (kind text, topic text, text text, template text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	lead pql.lead := pql.outreach_lead(lead_id, as_of);
BEGIN
	RETURN QUERY
		WITH best AS (
			SELECT u.place, u.use, r.*, row_number() OVER (PARTITION BY u.use, r.topic ORDER BY r.rank NULLS LAST, r.intent NULLS LAST, r.template) AS choice,
				-- prompts: an open one, two about what the lead has met, one for its intent
				CASE WHEN u.use <> 'discovery' THEN 0 WHEN r.variant IS NOT NULL THEN 2 WHEN r.intent IS NOT NULL THEN 3 ELSE 1 END AS class
			FROM (VALUES (1, 'call_opener'), (2, 'discovery'), (3, 'objection'), (4, 'ask')) u (place, use)
			CROSS JOIN LATERAL pql.rendered(lead, u.use) r),
		chosen AS (
			SELECT b.*, row_number() OVER (PARTITION BY b.use, b.class ORDER BY b.rank NULLS LAST, b.template) AS of_class
			FROM best b WHERE b.choice = 1),
		counted AS (
			SELECT c.*, row_number() OVER (PARTITION BY c.use ORDER BY c.class <> 0 AND c.of_class > CASE c.class WHEN 2 THEN 2 ELSE 1 END, c.class, c.rank NULLS LAST, c.template) AS n
			FROM chosen c)
		SELECT c.use, c.topic, c.body, c.template
		FROM counted c
		WHERE c.use <> 'discovery' OR c.n <= 3
		ORDER BY c.place, c.n;
END
$$;
COMMENT ON FUNCTION pql.outreach_kit(bigint, timestamptz) IS 'For a call: the opener, three discovery prompts (an open one, those about the strongest signals met, one for the intent), answers to objections, small asks; each filled in, of each topic one. A lead that may not be called is an ERROR.';

CREATE FUNCTION pql.talk_track(lead pql.lead) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH met AS (
		SELECT s.signal ->> 'says' AS says, s.signal ->> 'category' AS category, (s.signal ->> 'points')::int AS points, s.n,
			s.signal ->> 'signal' = (lead).explanation ->> 'strongest' AS strongest,
			((s.signal ->> 'first_met_at')::timestamptz AT TIME ZONE z.zone)::date - ((lead).started_at AT TIME ZONE z.zone)::date + 1 AS day
		FROM jsonb_array_elements((lead).explanation -> 'signals') WITH ORDINALITY s (signal, n)
		CROSS JOIN LATERAL (SELECT coalesce(pql.model((lead).model) ->> 'timezone', 'UTC') AS zone) z
		WHERE s.signal ->> 'met' = 'true' AND (s.signal ->> 'points')::int > 0 AND s.signal ->> 'says' IS NOT NULL),
	told AS (
		SELECT m.*, row_number() OVER (ORDER BY m.strongest DESC NULLS LAST, m.points DESC, m.n) AS rank FROM met m)
	SELECT coalesce((
		SELECT upper(left(string_agg(t.says || d.day, ' and ' ORDER BY t.rank), 1)) || substr(string_agg(t.says || d.day, ' and ' ORDER BY t.rank), 2)
			|| ': ' || CASE min(t.category) FILTER (WHERE t.rank = 1)
				WHEN 'breadth' THEN 'ask who else needs it.'
				WHEN 'collaboration' THEN 'ask who else needs it.'
				WHEN 'depth' THEN 'ask what it is to be used for first.'
				WHEN 'feature_usage' THEN 'ask what they want to do next.'
				WHEN 'intent' THEN 'ask what they need to know to decide.'
				WHEN 'velocity' THEN 'ask what made it urgent.'
				WHEN 'firmographic' THEN 'ask who the work is for.'
				ELSE 'ask what they hope to get done.' END
		FROM told t
		-- days far from the start say nothing
		CROSS JOIN LATERAL (SELECT CASE WHEN t.day BETWEEN 1 AND 60 THEN ' on day ' || t.day ELSE '' END AS day) d
		WHERE t.rank <= 2
		HAVING count(*) > 0),
		nullif((lead).explanation ->> 'summary', '') || ': ask what they hope to get done.',
		'Nothing is known yet: ask what they hope to get done.')
	WHERE (lead).lead_id IS NOT NULL;
END;
COMMENT ON FUNCTION pql.talk_track(pql.lead) IS 'One line for the rep: the two strongest signals with the days on which they were met, and what to ask. It cites numbers: never send it. NULL lead: NULL.';
