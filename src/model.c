/*
 * model.c: a model document as a whole: its sections, signals, effects, and whether it can ever
 * qualify anybody.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "language.h"

static const char *const top_keys[] = {"model",   "about",  "unit",    "timezone",
									   "window",  "events", "members", "signals",
									   "qualify", "hold",   "exclude", "tiers"};

static const char *const units[] = {"user", "account"};

/* Keys of a signal that belong to no measure. */
static const char *const signal_keys[] = {
	"signal", "category", "profile",    "all",  "any",         "not", "gate",   "points", "bands",
	"info",   "counted",  "if_unknown", "says", "may_mention", "why", "beware", "stage"};

/* As PqlStage has them. */
static const char *const stages[] = {"activated", "sustained"};

static const char *const effect_keys[] = {"gate", "points", "bands", "info"};

static bool
is_one_of(const char *key, const char *const *keys, int n)
{
	return pql_key_index(key, keys, n) >= 0;
}

/* An identifier that can become a column: what CRM columns and arrays of signals need. */
bool
pql_check_name(PqlReader *r, const char *path, const char *name, const char *what)
{
	bool ok = name[0] >= 'a' && name[0] <= 'z' && strlen(name) < NAMEDATALEN;

	for (const char *p = name; *p != '\0' && ok; p++)
		ok = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_';
	if (!ok)
		pql_reader_problem(r, path,
						   psprintf("\"%.80s\" is no name of a %s at %s", name, what, path),
						   psprintf("Names have lower-case letters, digits and underscores, begin "
									"with a letter, and have at most %d characters.",
									NAMEDATALEN - 1),
						   pstrdup("The words that people see go to \"says\" and \"about\"."));
	return ok;
}

/* ---- head ---- */

/* What only a trial has, and a model of accounts therefore cannot ask for. */
static void
refuse_of_trials(PqlReader *r, const PqlJson *doc)
{
	static const char *const keys[] = {"window", "hold"};

	for (int i = 0; i < lengthof(keys); i++)
		if (pql_json_get(doc, keys[i]) != NULL)
			pql_problem(r->problems, PQL_PATH("$", keys[i]),
						psprintf("an account has no %s at $.%s", keys[i], keys[i]),
						pstrdup("Its signals look at the account and its members as they are."),
						pstrdup("Remove it; conditions in \"members\" have windows of their own."));
	r->model->per_trial = false;
}

static void
read_head(PqlReader *r, const PqlJson *doc)
{
	PqlModel *m = r->model;
	PqlJson *json;

	pql_only_keys(r, "$", doc, NULL, top_keys, lengthof(top_keys));

	json = pql_json_get(doc, "model");
	m->name = json != NULL ? pql_read_string(r, "$.model", json) : NULL;
	if (json == NULL)
		pql_problem(r->problems, "$", pstrdup("the model has no name"),
					pstrdup("$.model is missing."), pstrdup("Add \"model\": \"a_name\"."));
	if (m->name != NULL)
		pql_check_name(r, "$.model", m->name, "model");
	else
		m->name = "?";

	json = pql_json_get(doc, "about");
	if (json != NULL)
		m->about = pql_read_string(r, "$.about", json);

	json = pql_json_get(doc, "unit");
	m->unit = json != NULL ? pql_read_string(r, "$.unit", json) : "user";
	if (m->unit != NULL && !is_one_of(m->unit, units, lengthof(units)))
		pql_problem(r->problems, "$.unit",
					psprintf("%s is no unit at $.unit", pql_json_brief(json)),
					pstrdup("A model judges users or accounts."),
					pstrdup("Set \"unit\": \"user\" or \"unit\": \"account\"."));

	json = pql_json_get(doc, "timezone");
	if (json == NULL)
		m->zone = pql_zone("UTC");
	else if (pql_read_string(r, "$.timezone", json) != NULL)
	{
		m->zone = pql_zone(json->string);
		if (m->zone == NULL)
			pql_problem(r->problems, "$.timezone",
						psprintf("unknown timezone %s at $.timezone", pql_json_brief(json)),
						pstrdup("Days are calendar dates in an IANA timezone."),
						pstrdup("Write a name such as \"Europe/Berlin\"; pg_timezone_names lists "
								"all."));
	}
	if (m->zone == NULL)
		m->zone = pql_zone("UTC");

	m->window = (PqlWindow){PQL_WINDOW_ALL, 0, 0};
	json = pql_json_get(doc, "window");
	if (json != NULL)
		pql_read_window(r, "$", doc, &m->window);
	m->per_trial = json != NULL && m->window.kind != PQL_WINDOW_LAST;
	if (pql_is_account_model(m))
		refuse_of_trials(r, doc);
}

/* Checks every entry, used or not. Words that nothing uses are classes without slots. */
static void
read_glossary_entries(PqlReader *r, const PqlJson *doc)
{
	static const char *const keys[] = {"event", "where", "source"};
	PqlJson *events = pql_json_get(doc, "events");

	if (events == NULL)
		return;
	if (events->kind != PQL_JSON_OBJECT)
	{
		pql_reader_expected(r, "$.events", events, "an object of words and event names");
		return;
	}
	r->glossary = events;
	for (int i = 0; i < events->n; i++)
	{
		PqlJson *entry = events->items[i];
		const char *path = PQL_PATH("$.events", events->keys[i]);

		if (strcmp(events->keys[i], "*") == 0)
			pql_problem(r->problems, path, pstrdup("the word * is taken at $.events"),
						pstrdup("It stands for any event."), pstrdup("Choose another word."));
		if (entry->kind == PQL_JSON_OBJECT)
		{
			if (pql_json_get(entry, "event") == NULL)
			{
				pql_problem(r->problems, path, psprintf("no \"event\" at %s", path),
							pstrdup("A glossary entry names the product's event."),
							pstrdup("Add \"event\": \"the product's name of it\"."));
				continue;
			}
			pql_only_keys(r, path, entry, NULL, keys, lengthof(keys));
		}
		else if (entry->kind != PQL_JSON_STRING && entry->kind != PQL_JSON_ARRAY)
		{
			pql_reader_expected(r, path, entry,
								"an event's name, several, or an object with \"event\"");
			continue;
		}
		/* reads what is inside, used or not */
		(void) pql_event_class(r, path, events->keys[i], NULL, NULL);
	}
}

/* Names first, so that signals, tiers and conditions may refer to one another in any order. */
static const char **
collect_names(const PqlJson *list, const char *key, int *n)
{
	const char **names;

	*n = 0;
	if (list == NULL || list->kind != PQL_JSON_ARRAY)
		return NULL;
	names = palloc0((list->n + 1) * sizeof(char *));
	for (int i = 0; i < list->n; i++)
	{
		PqlJson *name = pql_json_get(list->items[i], key);

		names[i] = name != NULL && name->kind == PQL_JSON_STRING ? name->string : "";
	}
	*n = list->n;
	return names;
}

/* ---- signals ---- */

static char *
optional_string(PqlReader *r, const char *path, const PqlJson *object, const char *key)
{
	PqlJson *json = pql_json_get(object, key);

	return json != NULL ? pql_read_string(r, PQL_PATH(path, key), json) : NULL;
}

static bool
optional_bool(PqlReader *r, const char *path, const PqlJson *object, const char *key)
{
	PqlJson *json = pql_json_get(object, key);
	bool value = false;

	if (json != NULL)
		pql_read_bool(r, PQL_PATH(path, key), json, &value);
	return value;
}

/* Exactly one of gate, points, bands, info. */
static const char *
read_effect(PqlReader *r, const char *path, const PqlJson *json)
{
	const char *found = NULL;

	for (int i = 0; i < lengthof(effect_keys); i++)
	{
		if (pql_json_get(json, effect_keys[i]) == NULL)
			continue;
		if (found != NULL)
		{
			pql_reader_problem(
				r, path, psprintf("both \"%s\" and \"%s\" at %s", found, effect_keys[i], path),
				pstrdup("A signal has exactly one effect."),
				pstrdup("Keep one of gate, points, bands, info."));
			return found;
		}
		found = effect_keys[i];
	}
	if (found == NULL)
		pql_reader_problem(r, path, psprintf("no effect at %s", path),
						   pstrdup("A signal is a gate, earns points (or bands of them), or is for "
								   "information."),
						   pstrdup("Add \"gate\": true, \"points\": 3, \"bands\": […] or \"info\": "
								   "true."));
	return found;
}

static void
read_bands(PqlReader *r, const char *path, const PqlJson *json, PqlTestFor what, PqlSignal *s)
{
	double before = -INFINITY;

	if (json->kind != PQL_JSON_ARRAY || json->n == 0 || json->n > PQL_MAX_BANDS)
	{
		pql_reader_expected(r, path, json, psprintf("an array of 1 to %d bands", PQL_MAX_BANDS));
		return;
	}
	s->bands = palloc0(json->n * sizeof(PqlBand));
	for (int i = 0; i < json->n; i++)
	{
		const char *at = PQL_INDEX(path, i);
		PqlJson *item = json->items[i];
		PqlJson *points = pql_json_get(item, "points");
		PqlBand *band = &s->bands[s->nbands];
		const char *keys[32];
		int n;
		const char *const *tests = pql_test_keys(what, &n);
		double threshold;

		if (item->kind != PQL_JSON_OBJECT)
		{
			pql_reader_expected(r, at, item, "a band such as {\"at_least\": 1, \"points\": 10}");
			continue;
		}
		memcpy(keys, tests, n * sizeof(char *));
		keys[n++] = "points";
		pql_only_keys(r, at, item, NULL, keys, n);
		if (points == NULL)
			pql_reader_problem(r, at, psprintf("no points at %s", at), NULL,
							   pstrdup("Add \"points\": and an integer."));
		else
			pql_read_int(r, PQL_PATH(at, "points"), points, -PQL_MAX_POINTS, PQL_MAX_POINTS,
						 &band->points);
		pql_read_tests(r, at, item, what, &band->ntests, &band->tests);
		if (band->ntests == 0)
		{
			pql_reader_problem(r, at, psprintf("no threshold at %s", at), NULL,
							   pstrdup("Add for example \"at_least\": 3."));
			continue;
		}
		threshold = isfinite(band->tests[0].low) ? band->tests[0].low : band->tests[0].high;
		if (isfinite(threshold) && threshold <= before)
			pql_reader_problem(r, at, psprintf("band out of order at %s", at),
							   pstrdup("The highest band met wins, so bands ascend."),
							   pstrdup("Write the lowest threshold first."));
		before = threshold;
		s->nbands++;
	}
}

static PqlTestFor
band_tests(const char *measure)
{
	if (measure == NULL)
		return PQL_FOR_FACT;
	return strcmp(measure, "time_to") == 0 ? PQL_FOR_DURATION : PQL_FOR_NUMBER;
}

/* Keys that neither every signal nor this one's measure has. */
static void
check_signal_keys(PqlReader *r, const char *path, const PqlJson *json, const char *measure)
{
	const char *known[128];
	int n = lengthof(signal_keys);

	memcpy(known, signal_keys, sizeof(signal_keys));
	if (measure != NULL)
	{
		known[n++] = measure;
		pql_measure_parameters(measure, known, &n);
	}
	else if (pql_json_get(json, "profile") != NULL)
	{
		int ntests;
		const char *const *tests = pql_test_keys(PQL_FOR_FACT, &ntests);

		memcpy(known + n, tests, ntests * sizeof(char *));
		n += ntests;
	}
	else
	{
		int nmeasures;
		const char *const *measures = pql_measure_keys(&nmeasures);

		memcpy(known + n, measures, nmeasures * sizeof(char *));
		n += nmeasures;
	}
	for (int i = 0; i < json->n; i++)
	{
		const char *key = json->keys[i];
		char *detail = NULL;

		if (is_one_of(key, known, n) || pql_is_measure_key(key))
			continue;
		if (measure != NULL)
		{
			int ntests;
			const char *const *tests = pql_test_keys(band_tests(measure), &ntests);
			const char *near = pql_nearest(key, known, n);

			if (near != NULL && is_one_of(near, tests, ntests))
				detail = psprintf("\"%s\" needs a threshold, and \"%s\": %s is not one.", measure,
								  key, pql_json_brief(json->items[i]));
			else
				detail = psprintf("It is no key of a signal that measures \"%s\".", measure);
		}
		pql_unknown_key(r, path, key, detail, known, n);
	}
}

static PqlCond *
read_profile(PqlReader *r, const char *path, const PqlJson *json, PqlSignal *s, bool banded)
{
	char *dotted = pql_read_string(r, PQL_PATH(path, "profile"), pql_json_get(json, "profile"));
	int ntests = 0;
	PqlTest *tests = NULL;

	if (dotted == NULL)
		return NULL;
	pql_read_tests(r, path, json, PQL_FOR_FACT, &ntests, &tests);
	if (ntests == 0 && !banded)
	{
		int n;
		const char *const *keys = pql_test_keys(PQL_FOR_FACT, &n);

		for (int i = 0; i < json->n; i++)
			if (pql_nearest(json->keys[i], keys, n) != NULL)
				return NULL; /* misspelt, and noted */
		pql_reader_problem(r, path, psprintf("\"profile\" needs a comparison at %s", path), NULL,
						   pstrdup("Add for example \"at_least\": 50 or \"exists\": true."));
		return NULL;
	}
	return pql_fact_condition(r, PQL_PATH(path, "profile"), dotted, ntests, tests);
}

/* The properties that `says` names, and whether value and days are among them. */
static void
read_words(PqlReader *r, const char *path, const PqlJson *json, PqlSignal *s)
{
	const char *p;

	s->says = optional_string(r, path, json, "says");
	r->shows_value = r->shows_days = false;
	for (p = s->says; p != NULL && (p = strchr(p, '{')) != NULL; p++)
	{
		const char *end = strchr(p, '}');
		char *name;

		if (end == NULL)
			break;
		name = pnstrdup(p + 1, end - p - 1);
		if (strcmp(name, "value") == 0)
			r->shows_value = !r->brief;
		else if (strcmp(name, "days") == 0)
			r->shows_days = !r->brief;
		else if (strcmp(name, "s") == 0)
			continue;
		else if (s->text_name != NULL && strcmp(s->text_name, name) != 0)
			pql_reader_problem(
				r, PQL_PATH(path, "says"), psprintf("\"says\" names two properties at %s", path),
				psprintf("Evidence keeps one property of the first event, and \"%s\" "
						 "and \"%s\" are two.",
						 s->text_name, name),
				pstrdup("Name one of them, {value} or {days}."));
		else
			s->text_name = name;
	}
}

static PqlStage
read_stage(PqlReader *r, const char *path, const PqlJson *json)
{
	const char *stage = optional_string(r, path, json, "stage");
	int index;

	if (stage == NULL)
		return PQL_NO_STAGE;
	index = pql_key_index(stage, stages, lengthof(stages));
	if (index < 0)
		pql_reader_problem(r, PQL_PATH(path, "stage"),
						   psprintf("unknown stage \"%s\" at %s", stage, path),
						   pstrdup("A stage is a step of the funnel between sign-up and payment."),
						   pstrdup("Write \"activated\" or \"sustained\"."));
	return index + 1;
}

static void
read_signal(PqlReader *r, const char *path, const PqlJson *json, PqlSignal *s)
{
	PqlModel *m = r->model;
	const char *measure;
	const char *effect;
	PqlJson *value;
	bool compound =
		pql_json_get(json, "all") || pql_json_get(json, "any") || pql_json_get(json, "not");
	bool profile = pql_json_get(json, "profile") != NULL;
	bool banded = pql_json_get(json, "bands") != NULL;

	s->text_slot = -1;
	s->name = r->default_signal != NULL ? (char *) r->default_signal : "?";
	measure = pql_measure_key(r, path, json);
	check_signal_keys(r, path, json, measure);
	read_words(r, path, json, s);
	s->category = optional_string(r, path, json, "category");
	s->why = optional_string(r, path, json, "why");
	s->beware = optional_string(r, path, json, "beware");
	s->if_unknown = optional_string(r, path, json, "if_unknown");
	s->may_mention = optional_bool(r, path, json, "may_mention");
	s->counted = optional_bool(r, path, json, "counted");
	s->stage = read_stage(r, path, json);
	effect = read_effect(r, path, json);

	if ((measure != NULL) + profile + compound != 1)
	{
		pql_reader_problem(r, path,
						   psprintf("%s at %s",
									measure == NULL && !profile && !compound
										? "nothing is measured"
										: "more than one thing is measured",
									path),
						   pstrdup("A signal measures events, looks at the profile, or combines "
								   "others with all, any, not."),
						   pstrdup("Write for example \"count\": \"an_event\", \"at_least\": 1."));
		return;
	}
	value = effect != NULL ? pql_json_get(json, effect) : NULL;
	if (effect != NULL && strcmp(effect, "points") == 0)
	{
		s->effect = PQL_SCORING;
		s->by_value =
			profile && value->kind == PQL_JSON_STRING && strcmp(value->string, "value") == 0;
		if (!s->by_value)
			pql_read_int(r, PQL_PATH(path, "points"), value, -PQL_MAX_POINTS, PQL_MAX_POINTS,
						 &s->points);
	}
	else if (effect != NULL && strcmp(effect, "bands") == 0)
	{
		s->effect = PQL_SCORING;
		if (compound)
			pql_reader_problem(r, path, psprintf("bands of a compound signal at %s", path),
							   pstrdup("Bands are thresholds of one number."),
							   pstrdup("Use \"points\", or one signal for each band."));
		read_bands(r, PQL_PATH(path, "bands"), value, band_tests(measure), s);
	}
	else if (effect != NULL)
	{
		bool yes = true;

		s->effect = effect[0] == 'g' ? PQL_GATE : PQL_INFO;
		if (pql_read_bool(r, PQL_PATH(path, effect), value, &yes) && !yes)
			pql_reader_problem(r, PQL_PATH(path, effect),
							   psprintf("\"%s\": false at %s", effect, path),
							   pstrdup("An effect is stated where there is one."),
							   psprintf("Write \"%s\": true or another effect.", effect));
	}
	if (s->if_unknown != NULL && s->effect != PQL_GATE)
		pql_reader_problem(r, PQL_PATH(path, "if_unknown"),
						   psprintf("\"if_unknown\" without a gate at %s", path),
						   pstrdup("It names the reason why a gate stays open."),
						   pstrdup("Remove it, or make the signal a gate."));

	if (measure != NULL)
	{
		s->when = pql_read_measure(r, path, json, measure, s->nbands, s->bands);
		if (s->when != NULL && s->text_name != NULL && !r->brief)
		{
			PqlMeasure *pm = &m->measures[s->when->index];

			s->text_slot = pql_slot(r, PQL_TEXT, pm->event_class, pql_property(r, s->text_name),
									pm->window, 0, 0);
		}
	}
	else if (profile)
		s->when = read_profile(r, path, json, s, banded);
	else
	{
		PqlJson only = *json;

		/* the condition's keys alone */
		only.keys = palloc(3 * sizeof(char *));
		only.items = palloc(3 * sizeof(PqlJson *));
		only.n = 0;
		for (int i = 0; i < json->n; i++)
			if (is_one_of(json->keys[i], signal_keys + 3, 3))
			{
				only.keys[only.n] = json->keys[i];
				only.items[only.n++] = json->items[i];
			}
		s->when = pql_read_condition(r, path, &only);
	}
	if (s->when != NULL && banded && s->when->ntests > 0)
		pql_reader_problem(r, path, psprintf("a threshold beside bands at %s", path),
						   pstrdup("Bands have their own thresholds."),
						   pstrdup("Move it into a band."));
	if (s->text_name != NULL && measure == NULL)
		pql_reader_problem(r, PQL_PATH(path, "says"),
						   psprintf("{%s} cannot be told at %s", s->text_name, path),
						   pstrdup("Properties belong to events; this signal measures none."),
						   pstrdup("Use {value}."));
}

static void
read_signals(PqlReader *r, const PqlJson *doc)
{
	PqlModel *m = r->model;
	PqlJson *list = pql_json_get(doc, "signals");

	if (list == NULL || list->kind != PQL_JSON_ARRAY || list->n == 0 || list->n > PQL_MAX_SIGNALS)
	{
		pql_problem(
			r->problems, "$.signals", pstrdup("the model has no list of signals"),
			psprintf("$.signals is an array of 1 to %d signals.", PQL_MAX_SIGNALS),
			pstrdup("Add for example {\"signal\": \"active\", \"days\": \"*\", \"at_least\": "
					"3, \"points\": 2}."));
		return;
	}
	m->signals = palloc0(list->n * sizeof(PqlSignal));
	m->nsignals = list->n;
	for (int i = 0; i < list->n; i++)
	{
		const char *path = PQL_INDEX("$.signals", i);
		PqlJson *json = list->items[i];
		PqlJson *name;

		m->signals[i].text_slot = -1;
		m->signals[i].name = "?";
		if (json->kind != PQL_JSON_OBJECT)
		{
			pql_reader_expected(r, path, json, "a signal, an object");
			continue;
		}
		name = pql_json_get(json, "signal");
		if (name == NULL)
			pql_problem(r->problems, path, psprintf("the signal at %s has no name", path), NULL,
						pstrdup("Add \"signal\": \"a_name\"."));
		else if (pql_read_string(r, PQL_PATH(path, "signal"), name) != NULL)
		{
			pql_check_name(r, PQL_PATH(path, "signal"), name->string, "signal");
			for (int j = 0; j < i; j++)
				if (strcmp(r->signal_names[j], name->string) == 0)
					pql_problem(r->problems, path,
								psprintf("two signals are named \"%s\" at %s", name->string, path),
								psprintf("The other is $.signals[%d].", j),
								pstrdup("Give one of them another name."));
			r->default_signal = name->string;
		}
		read_signal(r, path, json, &m->signals[i]);
		r->default_signal = NULL;
	}
}

/* Compound signals may not go in circles. `state`: 0 new, 1 under way, 2 done. */
static bool
circle(PqlModel *m, const PqlCond *cond, int *state)
{
	if (cond == NULL)
		return false;
	if (cond->kind == PQL_C_SIGNAL)
	{
		int s = cond->index;

		if (state[s] == 0)
		{
			bool found;

			state[s] = 1;
			found = circle(m, m->signals[s].when, state);
			state[s] = 2;
			return found;
		}
		return state[s] == 1;
	}
	for (int i = 0; i < cond->n; i++)
		if (circle(m, cond->parts[i], state))
			return true;
	return false;
}

/* Score, tier and the like are made of signals, so signals cannot ask for them. */
bool
pql_asks_for_score(const PqlCond *cond)
{
	if (cond == NULL)
		return false;
	if (cond->kind >= PQL_C_SCORE)
		return true;
	for (int i = 0; i < cond->n; i++)
		if (pql_asks_for_score(cond->parts[i]))
			return true;
	return false;
}

static void
check_signals(PqlReader *r)
{
	PqlModel *m = r->model;

	for (int i = 0; i < m->nsignals; i++)
	{
		const char *path = PQL_INDEX("$.signals", i);
		int *state = palloc0(m->nsignals * sizeof(int));

		state[i] = 1;
		if (circle(m, m->signals[i].when, state))
		{
			pql_problem(r->problems, path,
						psprintf("signal \"%s\" depends on itself at %s", m->signals[i].name, path),
						pstrdup("Compound signals may not go in circles."),
						pstrdup("Break the circle."));
			m->signals[i].when = NULL;
		}
		if (pql_asks_for_score(m->signals[i].when))
			pql_problem(
				r->problems, path,
				psprintf("signal \"%s\" asks for the score at %s", m->signals[i].name, path),
				pstrdup("Score, tier, signals_met and counted_days are made of signals."),
				pstrdup("Ask for them in \"qualify\", \"tiers\" or \"exclude\"."));
	}
}

/* ---- tiers, qualification, hold, exclusions ---- */

/* A number and a unit: "2 business hours", "1 business day", "24 hours". */
static void
check_span(PqlReader *r, const char *path, const char *text, const char *what, int nunits,
		   const char *const *units, const char *detail, const char *hint)
{
	int n;
	int end = 0;

	if (text == NULL)
		return;
	if (sscanf(text, "%5d %n", &n, &end) == 1 && n > 0 && end > 0 &&
		is_one_of(text + end, units, nunits))
		return;
	pql_reader_problem(r, path, psprintf("\"%s\" is no time to %s at %s", text, what, path),
					   pstrdup(detail), pstrdup(hint));
}

static void
check_first_touch(PqlReader *r, const char *path, const char *text)
{
	static const char *const units[] = {
		"business hour", "business hours",   "business day", "business days", "hour",
		"hours",         "business minutes", "minutes",      "day",           "days"};

	check_span(r, path, text, "the first touch", lengthof(units), units,
			   "It is a number and (business) hours or days.",
			   "Write for example \"2 business hours\".");
}

static void
check_breach(PqlReader *r, const char *path, const char *text)
{
	static const char *const units[] = {"hour", "hours", "day", "days"};

	check_span(r, path, text, "a breach", lengthof(units), units,
			   "It is a number and hours or days, from the assignment on.",
			   "Write for example \"48 hours\".");
}

static void
read_tiers(PqlReader *r, const PqlJson *doc)
{
	static const char *const keys[] = {"tier", "when", "first_touch", "breach", "route"};
	static const char *const routes[] = {"at_once", "same_business_day", "next_business_day"};
	PqlModel *m = r->model;
	PqlJson *list = pql_json_get(doc, "tiers");

	if (list == NULL)
		return;
	if (list->kind != PQL_JSON_ARRAY || list->n > PQL_MAX_TIERS)
	{
		pql_reader_expected(
			r, "$.tiers", list,
			psprintf("an array of at most %d tiers, the highest first", PQL_MAX_TIERS));
		return;
	}
	m->tiers = palloc0(Max(1, list->n) * sizeof(PqlTier));
	for (int i = 0; i < list->n; i++)
	{
		const char *path = PQL_INDEX("$.tiers", i);
		PqlJson *json = list->items[i];
		PqlTier *tier = &m->tiers[m->ntiers++];
		PqlJson *when;

		tier->name = "?";
		tier->when = pql_new_condition(PQL_C_ALL);
		if (json->kind != PQL_JSON_OBJECT)
		{
			pql_reader_expected(r, path, json, "a tier, an object");
			continue;
		}
		pql_only_keys(r, path, json, NULL, keys, lengthof(keys));
		if (pql_json_get(json, "tier") == NULL)
			pql_problem(r->problems, path, psprintf("the tier at %s has no name", path), NULL,
						pstrdup("Add \"tier\": \"a_name\"."));
		else
		{
			char *name = optional_string(r, path, json, "tier");

			if (name != NULL && pql_check_name(r, PQL_PATH(path, "tier"), name, "tier"))
				tier->name = name;
			for (int j = 0; j < i; j++)
				if (name != NULL && strcmp(m->tiers[j].name, name) == 0)
					pql_problem(r->problems, path,
								psprintf("two tiers are named \"%s\" at %s", name, path), NULL,
								pstrdup("Give one of them another name."));
		}
		tier->first_touch = optional_string(r, path, json, "first_touch");
		tier->route = optional_string(r, path, json, "route");
		check_first_touch(r, PQL_PATH(path, "first_touch"), tier->first_touch);
		check_breach(r, PQL_PATH(path, "breach"), optional_string(r, path, json, "breach"));
		if (tier->route != NULL && !is_one_of(tier->route, routes, lengthof(routes)))
			pql_reader_problem(r, PQL_PATH(path, "route"),
							   psprintf("unknown route \"%s\" at %s.route", tier->route, path),
							   NULL, pql_suggest(tier->route, routes, lengthof(routes)));
		when = pql_json_get(json, "when");
		if (when == NULL)
			pql_problem(r->problems, path,
						psprintf("tier \"%s\" has no condition at %s", tier->name, path), NULL,
						pstrdup("Add for example \"when\": {\"score\": {\"at_least\": 7}}."));
		else
			tier->when = pql_read_condition(r, PQL_PATH(path, "when"), when);
	}
}

static void
read_qualify(PqlReader *r, const PqlJson *doc)
{
	PqlJson *json = pql_json_get(doc, "qualify");

	r->model->qualify = pql_new_condition(PQL_C_ALL);
	if (json == NULL)
		pql_problem(r->problems, "$",
					psprintf("model \"%s\" does not say who qualifies", r->model->name),
					pstrdup("$.qualify is missing."),
					pstrdup("Add for example \"qualify\": {\"score\": {\"at_least\": 4}}, or "
							"\"nobody\" where it only scores."));
	else if (json->kind == PQL_JSON_STRING && strcmp(json->string, "nobody") == 0)
	{
		/* it only scores: any of nothing */
		r->model->qualify->kind = PQL_C_ANY;
		r->model->only_scores = true;
	}
	else
		r->model->qualify = pql_read_condition(r, "$.qualify", json);
}

static void
read_hold(PqlReader *r, const PqlJson *doc)
{
	static const char *const keys[] = {"missing_only", "for", "from", "released_by",
									   "on_a_later_day"};
	PqlModel *m = r->model;
	PqlJson *json = pql_json_get(doc, "hold");
	PqlJson *part;
	PqlWindow window = {PQL_WINDOW_TRIAL, 1, 0};
	char *word;
	int class;

	if (json == NULL)
		return;
	if (json->kind != PQL_JSON_OBJECT)
	{
		pql_reader_expected(r, "$.hold", json, "an object");
		return;
	}
	pql_only_keys(r, "$.hold", json, NULL, keys, lengthof(keys));
	for (int i = 0; i < lengthof(keys); i++)
		if (pql_json_get(json, keys[i]) == NULL)
		{
			pql_problem(r->problems, "$.hold", psprintf("no \"%s\" at $.hold", keys[i]), NULL,
						psprintf("Add \"%s\".", keys[i]));
			return;
		}
	word = optional_string(r, "$.hold", json, "missing_only");
	if (word != NULL && strcmp(word, "counted_days") != 0)
		pql_reader_expected(r, "$.hold.missing_only", pql_json_get(json, "missing_only"),
							"\"counted_days\", the one thing a hold can wait for");
	word = optional_string(r, "$.hold", json, "from");
	if (word != NULL && strcmp(word, "last_counted_event") != 0)
		pql_reader_expected(r, "$.hold.from", pql_json_get(json, "from"), "\"last_counted_event\"");
	part = pql_json_get(json, "on_a_later_day");
	if (part->kind != PQL_JSON_BOOL || !part->truth)
		pql_problem(r->problems, "$.hold.on_a_later_day",
					psprintf("%s is not true at $.hold.on_a_later_day", pql_json_brief(part)),
					pstrdup("A hold waits for a second day; evidence keeps the first event of each "
							"day."),
					pstrdup("Set \"on_a_later_day\": true."));
	if (m->counted_days != 2)
		pql_problem(
			r->problems, "$.hold", pstrdup("a hold without two counted days at $.hold"),
			pstrdup("A hold waits for the second of two counted days."),
			pstrdup("Ask for \"counted_days\": {\"at_least\": 2} in $.qualify, or remove the "
					"hold."));
	if (m->window.kind != PQL_WINDOW_TRIAL)
	{
		pql_problem(r->problems, "$.hold", pstrdup("a hold without trial days at $.hold"),
					pstrdup("What releases a hold is looked for in the days of the window."),
					pstrdup("Add \"window\": {\"trial_days\": [1, 10]}."));
		return;
	}
	if (!pql_read_duration(r, "$.hold.for", pql_json_get(json, "for"), &m->hold.span))
		return;
	/* a hold of 24 hours begun on the last day can cross a day of 23 */
	window.to = m->window.to + (int) (m->hold.span / USECS_PER_DAY) + 2;
	if (window.to > 64)
	{
		pql_problem(r->problems, "$.hold", pstrdup("window and hold are too long at $.hold"),
					pstrdup("The first event of each day is kept up to day 64."),
					pstrdup("Shorten the window or the hold."));
		return;
	}
	word = optional_string(r, "$.hold", json, "released_by");
	if (word == NULL)
		return;
	if (r->lean && strcmp(word, "*") == 0)
	{
		m->hold.defined = true;
		m->hold.slot = -1;
		return;
	}
	class = pql_event_class(r, "$.hold.released_by", word, NULL, NULL);
	if (class < 0)
		return;
	m->hold.slot = pql_slot(r, PQL_DAY_FIRSTS, class, -1, window, 0, window.to);
	m->hold.defined = true;
}

static void
read_exclusions(PqlReader *r, const PqlJson *doc)
{
	static const char *const keys[] = {"reason", "when"};
	PqlModel *m = r->model;
	PqlJson *list = pql_json_get(doc, "exclude");

	if (list == NULL)
		return;
	if (list->kind != PQL_JSON_ARRAY || list->n > PQL_MAX_EXCLUSIONS)
	{
		pql_reader_expected(r, "$.exclude", list,
							psprintf("an array of at most %d exclusions", PQL_MAX_EXCLUSIONS));
		return;
	}
	m->exclusions = palloc0(Max(1, list->n) * sizeof(PqlExclusion));
	for (int i = 0; i < list->n; i++)
	{
		const char *path = PQL_INDEX("$.exclude", i);
		PqlJson *json = list->items[i];
		PqlExclusion *e = &m->exclusions[m->nexclusions++];

		e->reason = "?";
		e->when = pql_new_condition(PQL_C_ANY);
		if (json->kind != PQL_JSON_OBJECT)
		{
			pql_reader_expected(r, path, json, "an exclusion, an object");
			continue;
		}
		pql_only_keys(r, path, json, NULL, keys, lengthof(keys));
		if (pql_json_get(json, "reason") == NULL || pql_json_get(json, "when") == NULL)
		{
			pql_problem(r->problems, path, psprintf("incomplete exclusion at %s", path),
						pstrdup("An exclusion has a reason and a condition."),
						pstrdup("Add \"reason\" and \"when\"."));
			continue;
		}
		e->reason = optional_string(r, path, json, "reason");
		if (e->reason == NULL || !pql_check_name(r, PQL_PATH(path, "reason"), e->reason, "reason"))
			e->reason = "?";
		for (int j = 0; j < i; j++)
			if (strcmp(m->exclusions[j].reason, e->reason) == 0 && strcmp(e->reason, "?") != 0)
				pql_problem(
					r->problems, path,
					psprintf("two exclusions have the reason \"%s\" at %s", e->reason, path), NULL,
					pstrdup("Combine them with \"any\"."));
		e->when = pql_read_condition(r, PQL_PATH(path, "when"), pql_json_get(json, "when"));
	}
}

/* ---- what conditions need ---- */

static bool can_be_met(const PqlModel *m, int signal);

/* PQL_DAYS of the events behind a counted signal. */
static void
count_days_of(PqlReader *r, const PqlCond *cond)
{
	if (cond == NULL)
		return;
	if (cond->kind == PQL_C_MEASURE)
	{
		PqlMeasure *m = &r->model->measures[cond->index];
		int slot = pql_measure_days_slot(r, m, r->model->counted_days);

		/* trailing measures keep their own for on_days */
		if (m->window.kind != PQL_WINDOW_LAST)
			m->days_slot = slot;
	}
	for (int i = 0; i < cond->n; i++)
		count_days_of(r, cond->parts[i]);
}

static bool
past_only(const PqlModel *m, const PqlCond *cond)
{
	if (cond == NULL)
		return true;
	if (cond->kind == PQL_C_MEASURE)
		return m->measures[cond->index].past;
	if (cond->kind == PQL_C_SIGNAL)
		return past_only(m, m->signals[cond->index].when);
	for (int i = 0; i < cond->n; i++)
		if (!past_only(m, cond->parts[i]))
			return false;
	return true;
}

static bool
at_least_only(int ntests, const PqlTest *tests)
{
	for (int i = 0; i < ntests; i++)
		if (tests[i].op != PQL_AT_LEAST && tests[i].op != PQL_MORE_THAN)
			return false;
	return true;
}

static bool only_grows(const PqlModel *m, const PqlCond *cond);

static bool
signal_only_grows(const PqlModel *m, const PqlSignal *s)
{
	for (int i = 0; i < s->nbands; i++)
		if (s->bands[i].points < (i > 0 ? s->bands[i - 1].points : 0) ||
			!at_least_only(s->bands[i].ntests, s->bands[i].tests))
			return false;
	return s->points >= 0 && !s->by_value && only_grows(m, s->when);
}

/* Do the score, the signals met and their days only grow, while facts stay as they are? */
static bool
score_only_grows(const PqlModel *m)
{
	for (int i = 0; i < m->nsignals; i++)
		if (m->signals[i].effect != PQL_INFO && !signal_only_grows(m, &m->signals[i]))
			return false;
	return true;
}

/* Does a condition that holds go on holding while facts stay as they are? */
static bool
only_grows(const PqlModel *m, const PqlCond *cond)
{
	const PqlMeasure *measure;

	if (cond == NULL)
		return true;
	switch (cond->kind)
	{
		case PQL_C_ALL:
		case PQL_C_ANY:
			for (int i = 0; i < cond->n; i++)
				if (!only_grows(m, cond->parts[i]))
					return false;
			return true;
		case PQL_C_SIGNAL:
			return signal_only_grows(m, &m->signals[cond->index]);
		case PQL_C_FACT:
			return !m->facts[cond->index].is_days_left;
		case PQL_C_MEASURE:
			measure = &m->measures[cond->index];
			if (measure->kind == PQL_M_TIME_TO)
				return true;
			return measure->past && measure->window.kind != PQL_WINDOW_LAST &&
				   (measure->kind == PQL_M_COUNT || measure->kind == PQL_M_DISTINCT ||
					measure->kind == PQL_M_DAYS || measure->kind == PQL_M_MAX) &&
				   at_least_only(cond->ntests, cond->tests) &&
				   (cond->on_days == NULL || at_least_only(1, cond->on_days)) &&
				   cond->full_within == NULL;
		case PQL_C_TIER:
			/* that tier or a higher one */
			if (cond->ntests > 0)
				return false;
			for (int i = 0; i <= cond->index; i++)
				if (!only_grows(m, m->tiers[i].when))
					return false;
			return true;
		case PQL_C_SCORE:
		case PQL_C_SIGNALS_MET:
		case PQL_C_COUNTED_DAYS:
			return at_least_only(cond->ntests, cond->tests) && score_only_grows(m);
		default:
			return false;
	}
}

/* Leaves that time alone can turn get a number. */
static void
number_atoms(PqlModel *m, PqlCond *cond)
{
	bool timed = false;

	if (cond == NULL)
		return;
	if (cond->kind == PQL_C_MEASURE)
	{
		PqlMeasure *measure = &m->measures[cond->index];

		timed = !measure->past || measure->kind == PQL_M_ABSENT;
	}
	else if (cond->kind == PQL_C_FACT)
		timed = m->facts[cond->index].is_days_left;
	if (timed)
	{
		m->atoms = m->atoms == NULL ? palloc(sizeof(PqlCond *))
									: repalloc(m->atoms, (m->natoms + 1) * sizeof(PqlCond *));
		cond->atom = m->natoms;
		m->atoms[m->natoms++] = cond;
	}
	for (int i = 0; i < cond->n; i++)
		number_atoms(m, cond->parts[i]);
}

static void
finish_conditions(PqlReader *r)
{
	PqlModel *m = r->model;

	m->exact = m->per_trial && past_only(m, m->qualify);
	for (int i = 0; i < m->nsignals; i++)
	{
		PqlSignal *s = &m->signals[i];
		int most = 0;
		int least = 0;

		if (m->counted_days > 0 && (s->counted || s->effect == PQL_SCORING))
			count_days_of(r, s->when);
		if (s->effect != PQL_INFO && !past_only(m, s->when))
			m->exact = false;
		s->past = !pql_is_account_model(m) && past_only(m, s->when);
		if (s->stage != PQL_NO_STAGE && !s->past)
			pql_reader_problem(r, PQL_PATH(PQL_INDEX("$.signals", i), "stage"),
							   psprintf("signal \"%s\" cannot be a stage", s->name),
							   pstrdup("It looks at the last days only, so that nobody can tell "
									   "when it was first met."),
							   pstrdup("Give \"stage\" to a signal over days of the trial."));
		m->has_stages |= s->stage != PQL_NO_STAGE;
		if (s->nbands > 0 && s->when != NULL)
			s->when->banded = s;
		most = can_be_met(m, i) ? Max(0, s->points) : 0;
		least = Min(0, s->points);
		if (s->by_value)
		{
			most = PQL_MAX_VALUE_POINTS;
			least = -PQL_MAX_VALUE_POINTS;
		}
		for (int j = 0; j < s->nbands; j++)
		{
			most = Max(most, s->bands[j].points);
			least = Min(least, s->bands[j].points);
		}
		m->max_score += most;
		m->min_score += least;
		number_atoms(m, s->when);
	}
	for (int i = 0; i < m->nexclusions; i++)
	{
		m->exact &= past_only(m, m->exclusions[i].when);
		number_atoms(m, m->exclusions[i].when);
	}
	for (int i = 0; i < m->ntiers; i++)
	{
		m->exact &= past_only(m, m->tiers[i].when);
		number_atoms(m, m->tiers[i].when);
	}
	number_atoms(m, m->qualify);
	m->grows = m->exact && only_grows(m, m->qualify);
	for (int i = 0; i < m->nsignals; i++)
		if (m->signals[i].effect == PQL_GATE)
			m->grows &= signal_only_grows(m, &m->signals[i]);
}

/* ---- can anybody ever qualify? ---- */

/* Why not, in words; the path of the number to mend. */
typedef struct Impossible
{
	char *detail;
	char *hint;
} Impossible;

static bool
reachable(const PqlCond *cond, double low, double high)
{
	for (int i = 0; i < cond->ntests; i++)
	{
		const PqlTest *t = &cond->tests[i];

		if (t->low > high || (t->op == PQL_MORE_THAN && t->low >= high))
			return false;
		if (t->high < low || (t->op == PQL_LESS_THAN && t->high <= low))
			return false;
	}
	return true;
}

static double
wanted(const PqlCond *cond)
{
	double low = 0;

	for (int i = 0; i < cond->ntests; i++)
		if (isfinite(cond->tests[i].low))
			low = Max(low, cond->tests[i].low + (cond->tests[i].op == PQL_MORE_THAN));
	return low;
}

static bool possible(const PqlModel *m, const PqlCond *cond, const char *path, Impossible *why);

/* The least tier that will do must be reachable: a higher one that is easier is a slip. */
static bool
tier_possible(const PqlModel *m, const PqlCond *cond, Impossible *why)
{
	const PqlTier *tier = &m->tiers[cond->index];

	if (possible(m, tier->when, psprintf("$.tiers[%d].when", cond->index), why))
		return true;
	if (tier->when->kind == PQL_C_SCORE)
		why->detail = psprintf("Tier \"%s\" needs a score of %g; the scoring signals sum to %d.",
							   tier->name, wanted(tier->when), m->max_score);
	return false;
}

static bool
measure_possible(const PqlModel *m, const PqlCond *cond, const char *path, Impossible *why)
{
	const PqlMeasure *measure = &m->measures[cond->index];
	int days = measure->window.kind == PQL_WINDOW_TRIAL
				   ? measure->window.to - measure->window.from + 1
				   : (measure->window.kind == PQL_WINDOW_LAST ? measure->window.to : INT_MAX);
	double most = INFINITY;

	if (measure->kind == PQL_M_DAYS)
		most = days;
	if (measure->kind == PQL_M_DAU_MAU)
		most = 1;
	if (measure->kind == PQL_M_TREND || measure->kind == PQL_M_SPIKE ||
		measure->kind == PQL_M_SUM || measure->kind == PQL_M_MAX || measure->kind == PQL_M_LATEST)
		return true;
	if (cond->on_days != NULL && cond->on_days->low > days)
	{
		why->detail =
			psprintf("It asks for %g days, and its window has %d.", cond->on_days->low, days);
		why->hint = psprintf("Lower %s.on_days to %d or less.", path, days);
		return false;
	}
	if (!reachable(cond, 0, most))
	{
		why->detail =
			psprintf("It asks for %g, and no more than %g can be reached.", wanted(cond), most);
		why->hint = psprintf("Lower the threshold at %s to %g or less.", path, most);
		return false;
	}
	return true;
}

static bool
possible(const PqlModel *m, const PqlCond *cond, const char *path, Impossible *why)
{
	int scoring = 0;

	switch (cond->kind)
	{
		case PQL_C_ALL:
			for (int i = 0; i < cond->n; i++)
				if (!possible(m, cond->parts[i], path, why))
					return false;
			return true;
		case PQL_C_ANY:
			for (int i = 0; i < cond->n; i++)
				if (possible(m, cond->parts[i], path, why))
					return true;
			return false;
		case PQL_C_SIGNAL:
			return m->signals[cond->index].when == NULL || m->signals[cond->index].nbands > 0 ||
				   possible(m, m->signals[cond->index].when, psprintf("$.signals[%d]", cond->index),
							why);
		case PQL_C_MEASURE:
			return measure_possible(m, cond, path, why);
		case PQL_C_SCORE:
			if (reachable(cond, m->min_score, m->max_score))
				return true;
			why->detail = psprintf("A score of %g is asked for; the scoring signals sum to %d.",
								   wanted(cond), m->max_score);
			why->hint = psprintf("Lower %s.score.at_least to %d or less, or raise points.", path,
								 m->max_score);
			return false;
		case PQL_C_TIER:
			return m->ntiers == 0 || tier_possible(m, cond, why);
		case PQL_C_SIGNALS_MET:
			for (int i = 0; i < m->nsignals; i++)
				scoring += m->signals[i].effect == PQL_SCORING;
			if (reachable(cond, 0, scoring))
				return true;
			why->detail = psprintf("%g signals are to be met, and the model has %d that score.",
								   wanted(cond), scoring);
			why->hint = psprintf("Lower %s.signals_met to %d or less.", path, scoring);
			return false;
		case PQL_C_COUNTED_DAYS:
			if (m->window.kind != PQL_WINDOW_TRIAL ||
				reachable(cond, 0, m->window.to - m->window.from + 1))
				return true;
			why->detail = psprintf("%g counted days are asked for, and the window has %d.",
								   wanted(cond), m->window.to - m->window.from + 1);
			why->hint = pstrdup("Lower $.qualify.counted_days, or widen $.window.");
			return false;
		case PQL_C_NOT:
		case PQL_C_FACT:
			return true;
	}
	return true;
}

static bool
can_be_met(const PqlModel *m, int signal)
{
	Impossible why;
	const PqlSignal *s = &m->signals[signal];

	return s->nbands > 0 || s->when == NULL ||
		   possible(m, s->when, PQL_INDEX("$.signals", signal), &why);
}

/* Signals that score and tiers, apart from whether somebody can qualify without them. */
static void
check_parts_possible(PqlReader *r)
{
	PqlModel *m = r->model;
	Impossible why;
	char *path;

	for (int i = 0; i < m->nsignals; i++)
	{
		const PqlSignal *s = &m->signals[i];

		path = PQL_INDEX("$.signals", i);
		why = (Impossible){NULL, NULL};
		if (s->effect == PQL_SCORING && s->nbands == 0 && s->when != NULL &&
			!possible(m, s->when, path, &why))
			pql_problem(r->problems, path, psprintf("signal \"%s\" can never be met", s->name),
						why.detail, why.hint);
	}
	for (int i = 0; i < m->ntiers; i++)
	{
		path = psprintf("$.tiers[%d].when", i);
		why = (Impossible){NULL, NULL};
		if (!possible(m, m->tiers[i].when, path, &why))
			pql_problem(r->problems, path,
						psprintf("nobody can ever reach tier \"%s\"", m->tiers[i].name), why.detail,
						why.hint);
	}
}

static void
check_possible(PqlReader *r)
{
	PqlModel *m = r->model;
	Impossible why = {NULL, NULL};
	const char *path = "$.qualify";
	bool ok = m->only_scores || possible(m, m->qualify, path, &why);

	for (int i = 0; i < m->nsignals && ok; i++)
		if (m->signals[i].effect == PQL_GATE && m->signals[i].when != NULL)
		{
			path = PQL_INDEX("$.signals", i);
			ok = possible(m, m->signals[i].when, path, &why);
			if (!ok)
				why.detail = psprintf("Gate \"%s\" can never pass. %s", m->signals[i].name,
									  why.detail != NULL ? why.detail : "");
		}
	if (!ok)
		pql_problem(r->problems, path, psprintf("model \"%s\" can never qualify anybody", m->name),
					why.detail, why.hint);
}

/* ---- the whole ---- */

static PqlModel *
compile(PqlJson *document, PqlProblems *problems, bool brief, bool lean)
{
	PqlReader r = {0};
	PqlModel *m = palloc0(sizeof(PqlModel));

	r.model = m;
	r.brief = brief;
	r.lean = lean;
	r.problems = problems;
	if (document == NULL)
		return NULL;
	if (document->kind != PQL_JSON_OBJECT)
	{
		pql_problem(problems, "$",
					psprintf("a model is an object, not %s", pql_json_kind_name(document)), NULL,
					pstrdup("Start from an example: SELECT pql.model_text('trial')."));
		return NULL;
	}
	r.signal_names = collect_names(pql_json_get(document, "signals"), "signal", &r.nsignal_names);
	r.tier_names = collect_names(pql_json_get(document, "tiers"), "tier", &r.ntier_names);
	read_head(&r, document);
	read_glossary_entries(&r, document);
	pql_read_members(&r, document);
	read_signals(&r, document);
	read_tiers(&r, document);
	read_qualify(&r, document);
	read_hold(&r, document);
	read_exclusions(&r, document);
	check_signals(&r);
	if (problems->list != NIL)
		return NULL;
	finish_conditions(&r);
	check_possible(&r);
	/* what qualification says is impossible already is not said twice */
	if (problems->list == NIL)
		check_parts_possible(&r);
	pql_finish_layout(&r);
	return problems->list == NIL ? m : NULL;
}

PqlModel *
pql_model_compile(PqlJson *document, PqlProblems *problems)
{
	return compile(document, problems, false, false);
}

static PqlModel *
compile_jsonb(Jsonb *document, bool brief, bool lean)
{
	PqlProblems problems = {NIL};
	PqlModel *m = compile(pql_document_from_jsonb(document, &problems), &problems, brief, lean);

	pql_problems_raise(&problems);
	return m;
}

PqlModel *
pql_model_from_jsonb(Jsonb *document)
{
	return compile_jsonb(document, false, false);
}

PqlModel *
pql_model_brief(Jsonb *document)
{
	return compile_jsonb(document, true, false);
}

PqlModel *
pql_model_lean(Jsonb *document)
{
	return compile_jsonb(document, true, true);
}

int
pql_model_signal(const PqlModel *model, const char *name)
{
	for (int i = 0; i < model->nsignals; i++)
		if (strcmp(model->signals[i].name, name) == 0)
			return i;
	return -1;
}

/* ---- canonical order ---- */

/* The order in which a person would write keys. Words of the user's own keep their place after. */
static const char *const key_order[] = {"model",
										"about",
										"unit",
										"timezone",
										"window",
										"events",
										"members",
										"signals",
										"qualify",
										"hold",
										"exclude",
										"tiers",
										"reason",
										"tier",
										"when",
										"first_touch",
										"breach",
										"route",
										"signal",
										"category",
										"count",
										"distinct",
										"days",
										"time_to",
										"dau_mau",
										"weeks_rising",
										"weeks_falling",
										"trend",
										"spike",
										"days_since",
										"absent",
										"started",
										"quota",
										"sum",
										"max",
										"latest",
										"profile",
										"all",
										"any",
										"not",
										"limit",
										"of",
										"event",
										"where",
										"source",
										"trial_days",
										"last_days",
										"against_days",
										"after_age",
										"not_finished",
										"within",
										"at_least",
										"at_most",
										"more_than",
										"less_than",
										"between",
										"equals",
										"is",
										"one_of",
										"starts_with",
										"under",
										"contains",
										"matches",
										"exists",
										"in_list",
										"on_days",
										"full_within",
										"gate",
										"bands",
										"points",
										"info",
										"counted",
										"if_unknown",
										"says",
										"may_mention",
										"stage",
										"why",
										"beware",
										"missing_only",
										"for",
										"from",
										"released_by",
										"on_a_later_day",
										"score",
										"signals_met",
										"counted_days"};

static int
key_rank(const char *key)
{
	for (int i = 0; i < lengthof(key_order); i++)
		if (strcmp(key, key_order[i]) == 0)
			return i;
	return lengthof(key_order);
}

static void
order_object(PqlJson *json)
{
	/* insertion sort: stable, and objects are small */
	for (int i = 1; i < json->n; i++)
	{
		char *key = json->keys[i];
		PqlJson *item = json->items[i];
		int rank = key_rank(key);
		int j = i;

		for (; j > 0 && key_rank(json->keys[j - 1]) > rank; j--)
		{
			json->keys[j] = json->keys[j - 1];
			json->items[j] = json->items[j - 1];
		}
		json->keys[j] = key;
		json->items[j] = item;
	}
}

void
pql_model_order_keys(PqlJson *json)
{
	check_stack_depth();
	if (json->kind == PQL_JSON_OBJECT)
		order_object(json);
	for (int i = 0; i < json->n; i++)
		/* the words of a glossary are the user's own, whatever they are called */
		if (json->kind == PQL_JSON_OBJECT && strcmp(json->keys[i], "events") == 0 &&
			json->items[i]->kind == PQL_JSON_OBJECT)
			for (int j = 0; j < json->items[i]->n; j++)
				pql_model_order_keys(json->items[i]->items[j]);
		else
			pql_model_order_keys(json->items[i]);
}
