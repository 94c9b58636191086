/*
 * explanation.c: why a verdict is what it is.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "explanation.h"
#include "reading.h"

typedef struct Teller
{
	const PqlModel *model;
	const PqlProfile *profile;
	const PqlVerdict *v;
	PqlEyes eyes;
	int64 as_of;
	bool live;
	StringInfo out;
} Teller;

/* ---- JSON ---- */

static void
comma(StringInfo out)
{
	char last = out->len > 0 ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		appendStringInfoChar(out, ',');
}

static void
key(StringInfo out, const char *name)
{
	comma(out);
	escape_json(out, name);
	appendStringInfoChar(out, ':');
}

static void
text_field(StringInfo out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	key(out, name);
	escape_json(out, value);
}

static void
int_field(StringInfo out, const char *name, int value)
{
	key(out, name);
	appendStringInfo(out, "%d", value);
}

static void
bool_field(StringInfo out, const char *name, bool value)
{
	key(out, name);
	appendStringInfoString(out, value ? "true" : "false");
}

/* The number as a person writes it, and reading back the same. */
static char *
number_text(double value)
{
	char *s = psprintf("%.15g", value);

	return strtod(s, NULL) == value ? s : psprintf("%.17g", value);
}

static void
number_field(StringInfo out, const char *name, double value)
{
	if (!isfinite(value))
		return;
	key(out, name);
	appendStringInfoString(out, number_text(value));
}

/* ISO 8601 in UTC, the same in every session. */
static char *
instant_text(int64 at)
{
	struct pg_tm tm;
	fsec_t fsec;
	char *s;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		return pstrdup("");
	s = psprintf("%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour,
				 tm.tm_min, tm.tm_sec);
	if (fsec != 0)
	{
		char *end;

		s = psprintf("%s.%06d", s, (int) fsec);
		for (end = s + strlen(s); end[-1] == '0'; end--)
			end[-1] = '\0';
	}
	return psprintf("%sZ", s);
}

static void
instant_field(StringInfo out, const char *name, int64 at)
{
	if (at != PQL_NEVER && at != PQL_ALWAYS)
		text_field(out, name, instant_text(at));
}

/* ---- values ---- */

/* Does the number change with as_of while nothing happens? */
static bool
drifts(const PqlMeasure *m)
{
	switch (m->kind)
	{
		case PQL_M_DAU_MAU:
		case PQL_M_WEEKS_RISING:
		case PQL_M_WEEKS_FALLING:
		case PQL_M_TREND:
		case PQL_M_SPIKE:
		case PQL_M_DAYS_SINCE:
		case PQL_M_QUOTA:
			return true;
		default:
			return m->window.kind == PQL_WINDOW_LAST;
	}
}

static const PqlMeasure *
measure_of(const Teller *t, const PqlSignal *s)
{
	return s->when->kind == PQL_C_MEASURE ? &t->model->measures[s->when->index] : NULL;
}

static bool
signal_value(const Teller *t, const PqlSignal *s, double *value)
{
	const PqlMeasure *m = measure_of(t, s);
	PqlValue fact;

	if (m != NULL)
	{
		if ((drifts(m) && !t->live) || m->kind == PQL_M_ABSENT || m->kind == PQL_M_STARTED)
			return false;
		return pql_read_value(&t->eyes, m, t->as_of, value);
	}
	if (s->when->kind != PQL_C_FACT || (t->model->facts[s->when->index].is_days_left && !t->live))
		return false;
	fact = pql_fact_value(t->model, t->profile, s->when->index, t->v->ends_at, t->as_of);
	return pql_value_number(&fact, value);
}

/* The value as words show it: "10+" where evidence stopped counting. */
static char *
value_text(const Teller *t, const PqlSignal *s)
{
	const PqlMeasure *m = measure_of(t, s);
	double value;
	PqlValue fact;
	const char *bytes;
	int length;

	if (m != NULL)
	{
		const PqlSlot *slot = &t->model->layout.slots[m->slot];

		if (!signal_value(t, s, &value))
			return NULL;
		if ((m->kind == PQL_M_DISTINCT || (m->kind == PQL_M_DAYS && slot->kind == PQL_DAYS &&
										   m->window.kind != PQL_WINDOW_TRIAL)) &&
			value >= slot->capacity)
			return psprintf("%s+", number_text(value));
		return psprintf("%.6g", value);
	}
	if (s->when->kind != PQL_C_FACT)
		return NULL;
	fact = pql_fact_value(t->model, t->profile, s->when->index, t->v->ends_at, t->as_of);
	if (fact.kind == PQL_ABSENT)
		return NULL;
	bytes = pql_value_text(&fact, &length);
	return pnstrdup(bytes, Min(length, 80));
}

/*
 * Fills {value}, {days} and the property into the signal's words. {s} is the plural's s of the
 * number before it.
 */
static char *
says(const Teller *t, const PqlSignal *s)
{
	StringInfoData out;
	char *number = NULL;
	const PqlText *text =
		s->text_slot < 0 ? NULL : pql_evidence_slot(t->eyes.evidence, s->text_slot);
	const PqlMeasure *m = measure_of(t, s);

	if (s->says == NULL)
	{
		char *name = pstrdup(s->name);

		for (char *p = name; *p != '\0'; p++)
			if (*p == '_')
				*p = ' ';
		return name;
	}
	initStringInfo(&out);
	for (const char *p = s->says; *p != '\0'; p++)
	{
		const char *end = *p == '{' ? strchr(p, '}') : NULL;
		char *fill = NULL;

		if (end == NULL)
		{
			appendStringInfoChar(&out, *p);
			continue;
		}
		if (strncmp(p, "{value}", 7) == 0)
			fill = number = value_text(t, s);
		else if (strncmp(p, "{days}", 6) == 0)
		{
			if (m != NULL && (!drifts(m) || t->live))
				fill = number = psprintf("%d", pql_read_days(&t->eyes, m, t->as_of));
		}
		else if (strncmp(p, "{s}", 3) == 0)
			fill = number != NULL && strcmp(number, "1") == 0 ? "" : "s";
		else if (text != NULL)
			fill = pnstrdup(text->bytes, text->length);
		if (fill == NULL)
			fill = pstrdup("…");
		appendStringInfoString(&out, fill);
		p = end;
	}
	return out.data;
}

/* ---- thresholds in words ---- */

static char *
bound_text(double bound, bool duration)
{
	static const struct
	{
		const char *name;
		double seconds;
	} units[] = {{"day", SECS_PER_DAY}, {"hour", SECS_PER_HOUR}, {"minute", SECS_PER_MINUTE}};

	if (!duration)
		return number_text(bound);
	for (int i = 0; i < lengthof(units); i++)
		if (bound >= units[i].seconds && fmod(bound, units[i].seconds) == 0)
			return psprintf("%g %s%s", bound / units[i].seconds, units[i].name,
							bound == units[i].seconds ? "" : "s");
	return psprintf("%g seconds", bound);
}

static char *
choices_text(const PqlTest *test)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < test->nchoices; i++)
	{
		int length;
		const char *bytes = pql_value_text(&test->choices[i], &length);

		appendStringInfo(&out, "%s%.*s", i > 0 ? ", " : "", length, bytes);
	}
	return out.data;
}

static char *
test_text(const PqlTest *test, bool duration)
{
	switch (test->op)
	{
		case PQL_AT_LEAST:
			return psprintf("at least %s", bound_text(test->low, duration));
		case PQL_MORE_THAN:
			return psprintf("more than %s", bound_text(test->low, duration));
		case PQL_AT_MOST:
			return psprintf("at most %s", bound_text(test->high, duration));
		case PQL_LESS_THAN:
			return psprintf("less than %s", bound_text(test->high, duration));
		case PQL_BETWEEN:
			return psprintf("%s to %s", bound_text(test->low, duration),
							bound_text(test->high, duration));
		case PQL_EQUALS:
			return test->nchoices > 0 ? choices_text(test) : bound_text(test->low, duration);
		case PQL_ONE_OF:
			return psprintf("one of %s", choices_text(test));
		case PQL_STARTS_WITH:
			return psprintf("starts with %s", choices_text(test));
		case PQL_UNDER:
			return psprintf("under %s", choices_text(test));
		case PQL_CONTAINS:
			return psprintf("contains %s", choices_text(test));
		case PQL_MATCHES:
			return psprintf("matches %s", text_to_cstring(test->pattern));
		case PQL_EXISTS:
			return pstrdup(test->exists ? "known" : "not known");
		case PQL_IN_LIST:
			return psprintf("in list %s", test->list);
	}
	return NULL;
}

static char *
tests_text(const Teller *t, const PqlSignal *s, int ntests, const PqlTest *tests)
{
	const PqlMeasure *m = measure_of(t, s);
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < ntests; i++)
	{
		if (i > 0)
			appendStringInfoString(&out, " and ");
		if (m != NULL && m->kind == PQL_M_TREND)
			appendStringInfoString(&out, tests[i].low < 0   ? "declining"
										 : tests[i].low > 0 ? "growing"
															: "flat");
		else
			appendStringInfoString(&out,
								   test_text(&tests[i], m != NULL && m->kind == PQL_M_TIME_TO));
	}
	return out.data;
}

/* The band met, or the next one above when none is. */
static const PqlBand *
told_band(const Teller *t, const PqlSignal *s, int index)
{
	if (t->v->now.signal[index] == PQL_TRUE)
		for (int i = s->nbands - 1; i >= 0; i--)
			if (s->bands[i].points == t->v->now.points[index])
				return &s->bands[i];
	return &s->bands[0];
}

static char *
threshold_text(const Teller *t, const PqlSignal *s, int index)
{
	const PqlCond *cond = s->when;
	const PqlMeasure *m = measure_of(t, s);
	char *text;

	if (s->nbands > 0)
	{
		const PqlBand *band = told_band(t, s, index);

		return tests_text(t, s, band->ntests, band->tests);
	}
	if (m != NULL && m->kind == PQL_M_ABSENT)
		return m->span > 0 ? psprintf("none by the age of %s",
									  bound_text((double) m->span / USECS_PER_SEC, true))
						   : pstrdup("none");
	if (m != NULL && m->kind == PQL_M_STARTED)
		return psprintf("not finished within %s",
						bound_text((double) m->span / USECS_PER_SEC, true));
	if (m == NULL && cond->kind != PQL_C_FACT)
		return pstrdup("combination");
	text = tests_text(t, s, cond->ntests, cond->tests);
	if (cond->on_days != NULL)
		text = psprintf("%s on at least %g days", text, cond->on_days->low);
	if (cond->full_within != NULL)
		text = psprintf("%s and full within %g days", text, cond->full_within->high);
	return text;
}

/* ---- notes ---- */

static char *
note_of(const Teller *t, const PqlSignal *s, PqlTruth met)
{
	const PqlMeasure *m = measure_of(t, s);

	if (met == PQL_UNKNOWN && s->if_unknown != NULL)
		return s->if_unknown;
	if (met == PQL_UNKNOWN && s->when->kind == PQL_C_FACT)
		return psprintf("%s is not known", t->model->facts[s->when->index].dotted);
	if (m != NULL && m->kind == PQL_M_DAYS_SINCE)
	{
		const int64 *last = pql_evidence_slot(t->eyes.evidence, m->slot);

		return last != NULL ? psprintf("last seen %s", instant_text(*last)) : pstrdup("never seen");
	}
	if (met == PQL_UNKNOWN)
		return pstrdup("not enough is known");
	return met == PQL_TRUE ? says(t, s) : NULL;
}

static void
tell_signal(const Teller *t, int index)
{
	const PqlSignal *s = &t->model->signals[index];
	const PqlStanding *now = &t->v->now;
	PqlTruth met = now->signal[index];
	StringInfo out = t->out;
	double value;

	comma(out);
	appendStringInfoChar(out, '{');
	text_field(out, "signal", s->name);
	text_field(out, "category", s->category);
	text_field(out, "effect",
			   s->effect == PQL_GATE ? "gate" : (s->effect == PQL_SCORING ? "points" : "info"));
	if (met == PQL_UNKNOWN)
	{
		key(out, "met");
		appendStringInfoString(out, "null");
	}
	else
		bool_field(out, "met", met == PQL_TRUE);
	if (signal_value(t, s, &value))
		number_field(out, "value", value);
	text_field(out, "threshold", threshold_text(t, s, index));
	/* the points listed sum to the score: nothing counts while a gate is open */
	int_field(out, "points",
			  s->effect == PQL_SCORING && met == PQL_TRUE && now->gates ? now->points[index] : 0);
	if (s->effect == PQL_SCORING && met == PQL_TRUE && !now->gates)
		int_field(out, "waiting", now->points[index]);
	if (met == PQL_TRUE)
	{
		instant_field(out, "first_met_at", t->v->first_met[index]);
		text_field(out, "says", says(t, s));
	}
	text_field(out, "note", note_of(t, s, met));
	bool_field(out, "may_mention", s->may_mention);
	text_field(out, "why", s->why);
	text_field(out, "beware", s->beware);
	appendStringInfoChar(out, '}');
}

/* ---- the strongest signal ---- */

/* Among equal points outreach speaks best of depth, then breadth, then intent. */
static int
category_rank(const char *category)
{
	static const char *const ranks[] = {"depth", "breadth", "intent"};

	for (int i = 0; category != NULL && i < lengthof(ranks); i++)
		if (strcmp(category, ranks[i]) == 0)
			return i;
	return lengthof(ranks);
}

static int
strongest(const Teller *t)
{
	const PqlModel *m = t->model;
	int best = -1;

	for (int i = 0; i < m->nsignals; i++)
	{
		const PqlSignal *s = &m->signals[i];
		const PqlSignal *b = best < 0 ? NULL : &m->signals[best];
		int more;

		if (s->effect != PQL_SCORING || t->v->now.signal[i] != PQL_TRUE || t->v->now.points[i] <= 0)
			continue;
		more = b == NULL ? 1 : t->v->now.points[i] - t->v->now.points[best];
		if (more == 0)
			more = (int) s->may_mention - (int) b->may_mention;
		if (more == 0)
			more = category_rank(b->category) - category_rank(s->category);
		if (more > 0)
			best = i;
	}
	return best;
}

/* ---- one line ---- */

/* Something that people did: events, or what members of an account do. */
static bool
is_news(const Teller *t, const PqlSignal *s)
{
	return measure_of(t, s) != NULL ||
		   (s->when->kind == PQL_C_FACT &&
			strcmp(t->model->facts[s->when->index].section.name, "members") == 0);
}

static char *
summary(const Teller *t)
{
	const PqlModel *m = t->model;
	int *order = palloc(m->nsignals * sizeof(int));
	int n = 0;
	StringInfoData out;

	for (int i = 0; i < m->nsignals; i++)
	{
		int k = n;

		/* the profile is not news, and what costs points is no achievement */
		if (t->v->now.signal[i] != PQL_TRUE || !is_news(t, &m->signals[i]) ||
			t->v->now.points[i] < 0)
			continue;
		for (; k > 0 && t->v->first_met[order[k - 1]] > t->v->first_met[i]; k--)
			order[k] = order[k - 1];
		order[k] = i;
		n++;
	}
	initStringInfo(&out);
	for (int k = 0; k < n; k++)
	{
		int64 at = t->v->first_met[order[k]];

		if (k > 0)
			appendStringInfoString(&out, "; ");
		appendStringInfoString(&out, says(t, &m->signals[order[k]]));
		if (at != PQL_NEVER && t->profile->started_at != PQL_ALWAYS)
			appendStringInfo(&out, " day %d",
							 pql_day(m->zone, at) - pql_day(m->zone, t->profile->started_at) + 1);
	}
	if (n == 0)
		appendStringInfoString(&out, "No signals yet");
	out.data[0] = pg_toupper((unsigned char) out.data[0]);
	return out.data;
}

/* ---- next steps ---- */

#define MOST_CANDIDATES 12

typedef struct Candidate
{
	int signal;
	int gain; /* points */
	double cost;
	char *words;
} Candidate;

static char *
event_words(const char *event, bool many)
{
	char *words;

	if (strcmp(event, "*") == 0)
		event = "event";
	words = psprintf("%s%s", event, many ? "s" : "");
	for (char *p = words; *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	return words;
}

/* How much is missing for a set of tests, in events or days; NULL words when events cannot mend it.
 */
static bool
missing(const Teller *t, const PqlCond *cond, int ntests, const PqlTest *tests, Candidate *c)
{
	const PqlMeasure *m = &t->model->measures[cond->index];
	double value = 0;
	double more = 0;
	double more_days = 0;
	double days_to_go = INFINITY;

	if (m->kind != PQL_M_COUNT && m->kind != PQL_M_DISTINCT && m->kind != PQL_M_DAYS)
		return false;
	if (m->window.kind == PQL_WINDOW_TRIAL && t->profile->started_at != PQL_ALWAYS)
		days_to_go = m->window.to - (pql_day(t->model->zone, t->as_of) -
									 pql_day(t->model->zone, t->profile->started_at));
	if (days_to_go < 1)
		return false;
	pql_read_value(&t->eyes, m, t->as_of, &value);
	for (int i = 0; i < ntests; i++)
	{
		if (value > tests[i].high)
			return false;
		if (isfinite(tests[i].low))
			more = Max(more, tests[i].op == PQL_MORE_THAN ? floor(tests[i].low) + 1 - value
														  : ceil(tests[i].low) - value);
	}
	if (cond->on_days != NULL)
		more_days = Max(0, cond->on_days->low - pql_read_days(&t->eyes, m, t->as_of));
	if ((more <= 0 && more_days <= 0) ||
		Max(more_days, m->kind == PQL_M_DAYS ? more : 0) > days_to_go)
		return false;
	/* a day is harder to come by than an event */
	c->cost = m->kind == PQL_M_DAYS ? 2 * more : Max(more, 2 * more_days);
	if (m->kind == PQL_M_DAYS)
		c->words = psprintf("%s on %g more day%s", event_words(m->event, false), more,
							more == 1 ? "" : "s");
	else if (more_days > 0)
		c->words = psprintf("%g more %s on %g more day%s", Max(more, more_days),
							event_words(m->event, Max(more, more_days) != 1), more_days,
							more_days == 1 ? "" : "s");
	else
		c->words = psprintf("%g more %s", more, event_words(m->event, more != 1));
	return true;
}

static bool
candidate_of(const Teller *t, int index, Candidate *c)
{
	const PqlSignal *s = &t->model->signals[index];
	int earned = t->v->now.signal[index] == PQL_TRUE ? t->v->now.points[index] : 0;

	c->signal = index;
	if (s->effect != PQL_SCORING || s->when->kind != PQL_C_MEASURE)
		return false;
	for (int i = 0; i < s->nbands; i++)
		if (s->bands[i].points > earned &&
			missing(t, s->when, s->bands[i].ntests, s->bands[i].tests, c))
		{
			c->gain = s->bands[i].points - earned;
			return true;
		}
	if (s->nbands > 0 || t->v->now.signal[index] == PQL_TRUE || s->points <= 0)
		return false;
	c->gain = s->points;
	return missing(t, s->when, s->when->ntests, s->when->tests, c);
}

/* The least score of a tier that asks for nothing else; INT_MAX when it asks for more. */
static int
tier_score(const PqlTier *tier)
{
	const PqlCond *cond = tier->when;

	if (cond->kind != PQL_C_SCORE || cond->ntests != 1 || !isfinite(cond->tests[0].low))
		return INT_MAX;
	return (int) ceil(cond->tests[0].low) + (cond->tests[0].op == PQL_MORE_THAN);
}

static void
tell_step(StringInfo out, const char *signal, const char *text, int points, const char *leads_to)
{
	comma(out);
	appendStringInfoChar(out, '{');
	text_field(out, "signal", signal);
	text_field(out, "text", leads_to != NULL ? psprintf("%s → %s", text, leads_to) : text);
	int_field(out, "points", points);
	text_field(out, "leads_to", leads_to);
	appendStringInfoChar(out, '}');
}

/* Single steps that reach the tier, cheapest first; else the cheapest set that does. */
static void
tell_way_to(const Teller *t, const PqlTier *tier, int gap)
{
	Candidate list[MOST_CANDIDATES];
	int n = 0;
	int told = 0;
	int best = 0;
	double best_cost = INFINITY;
	StringInfoData signals;
	StringInfoData words;
	int points = 0;

	for (int i = 0; i < t->model->nsignals && n < MOST_CANDIDATES; i++)
		if (candidate_of(t, i, &list[n]))
			n++;
	for (int i = 1; i < n; i++)
	{
		Candidate c = list[i];
		int k = i;

		for (; k > 0 && list[k - 1].cost > c.cost; k--)
			list[k] = list[k - 1];
		list[k] = c;
	}
	for (int i = 0; i < n && told < 3; i++)
		if (list[i].gain >= gap)
		{
			tell_step(t->out, t->model->signals[list[i].signal].name, list[i].words, list[i].gain,
					  tier->name);
			told++;
		}
	if (told > 0)
		return;
	for (int set = 1; set < 1 << n; set++)
	{
		int gain = 0;
		double cost = 0;

		for (int i = 0; i < n; i++)
			if (set & (1 << i))
			{
				gain += list[i].gain;
				cost += list[i].cost;
			}
		if (gain >= gap && cost < best_cost)
		{
			best = set;
			best_cost = cost;
		}
	}
	if (best == 0)
		return;
	initStringInfo(&signals);
	initStringInfo(&words);
	for (int i = 0; i < n; i++)
		if (best & (1 << i))
		{
			appendStringInfo(&signals, "%s%s", signals.len > 0 ? ", " : "",
							 t->model->signals[list[i].signal].name);
			appendStringInfo(&words, "%s%s", words.len > 0 ? " and " : "", list[i].words);
			points += list[i].gain;
		}
	tell_step(t->out, signals.data, words.data, points, tier->name);
}

static void
tell_gates(const Teller *t)
{
	for (int i = 0; i < t->model->nsignals; i++)
	{
		const PqlSignal *s = &t->model->signals[i];
		Candidate c;

		if (s->effect != PQL_GATE || t->v->now.signal[i] == PQL_TRUE)
			continue;
		if (s->when->kind == PQL_C_FACT && t->v->now.signal[i] == PQL_UNKNOWN)
			tell_step(t->out, s->name,
					  psprintf("find out %s", t->model->facts[s->when->index].dotted), 0, NULL);
		else if (s->when->kind == PQL_C_MEASURE &&
				 missing(t, s->when, s->when->ntests, s->when->tests, &c))
			tell_step(t->out, s->name, c.words, 0, NULL);
	}
}

static void
tell_next_steps(const Teller *t)
{
	const PqlStanding *now = &t->v->now;
	int target = now->tier < 0 ? t->model->ntiers - 1 : now->tier - 1;

	if (t->v->status == PQL_CONVERTED || t->v->status == PQL_EXPIRED ||
		t->v->status == PQL_EXCLUDED)
		return;
	if (t->v->status == PQL_HOLD)
		tell_step(t->out, NULL,
				  psprintf("anything on a later day before %s", instant_text(t->v->hold_until)), 0,
				  "qualified");
	if (t->v->status == PQL_MONITOR)
		tell_step(t->out, NULL, "one more counted day", 0, "qualified");
	if (!now->gates)
		tell_gates(t);
	/* the next tier above that the score so far does not reach already */
	for (int i = target; i >= 0; i--)
	{
		int score = tier_score(&t->model->tiers[i]);

		if (score != INT_MAX && score > now->potential)
		{
			tell_way_to(t, &t->model->tiers[i], score - now->potential);
			return;
		}
	}
}

/* ---- the whole ---- */

/* The word that a status is best counted by: what excludes, or which gate is open. */
static const char *
reason(const Teller *t)
{
	const PqlModel *m = t->model;

	if (t->v->status == PQL_EXCLUDED)
	{
		for (int i = 0; i < m->nexclusions; i++)
			if (t->v->now.exclusion[i])
				return m->exclusions[i].reason;
	}
	else if (t->v->status == PQL_GATED)
	{
		for (int i = 0; i < m->nsignals; i++)
			if (m->signals[i].effect == PQL_GATE && t->v->now.signal[i] != PQL_TRUE)
				return t->v->now.signal[i] == PQL_UNKNOWN && m->signals[i].if_unknown != NULL
						   ? m->signals[i].if_unknown
						   : psprintf("not_%s", m->signals[i].name);
	}
	return NULL;
}

void
pql_explain_verdict(const PqlModel *model, const PqlEvidence *evidence, const PqlProfile *profile,
					const PqlVerdict *verdict, int64 as_of, bool live, StringInfo out)
{
	Teller t = {model, profile, verdict, {model, evidence, profile->started_at}, as_of, live, out};
	int best = strongest(&t);

	appendStringInfoChar(out, '{');
	text_field(out, "status", pql_status_names[verdict->status]);
	text_field(out, "reason", reason(&t));
	text_field(out, "summary", summary(&t));
	int_field(out, "score", verdict->now.score);
	if (best >= 0)
		text_field(out, "strongest", model->signals[best].name);
	instant_field(out, "hold_until", verdict->hold_until);
	key(out, "signals");
	appendStringInfoChar(out, '[');
	for (int i = 0; i < model->nsignals; i++)
		tell_signal(&t, i);
	appendStringInfoChar(out, ']');
	key(out, "exclusions");
	appendStringInfoChar(out, '[');
	for (int i = 0; i < model->nexclusions; i++)
		if (verdict->now.exclusion[i])
		{
			comma(out);
			escape_json(out, model->exclusions[i].reason);
		}
	appendStringInfoChar(out, ']');
	key(out, "next_steps");
	appendStringInfoChar(out, '[');
	tell_next_steps(&t);
	appendStringInfoString(out, "]}");
}
