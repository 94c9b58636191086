/*
 * measure.c: measures of the model language, the classes of events they look at and the slots that
 * keep what they need.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "language.h"

/* What a measure allows beside its event. */
#define HAS_OF (1 << 0)         /* its value is a property, `of` names the event */
#define HAS_WINDOW (1 << 1)     /* window, trial_days, last_days */
#define HAS_ON_DAYS (1 << 2)    /* on_days */
#define HAS_LAST_DAYS (1 << 3)  /* last_days as its own period */
#define HAS_AGAINST (1 << 4)    /* against_days */
#define HAS_AGE (1 << 5)        /* after_age */
#define HAS_FINISH (1 << 6)     /* not_finished, within */
#define HAS_LIMIT (1 << 7)      /* limit, full_within */
#define NEEDS_PERIOD (1 << 8)   /* last_days is required */
#define NO_TEST (1 << 9)        /* holds or not by itself */
#define ANCHORED_ONLY (1 << 10) /* its window cannot be trailing */

typedef struct MeasureWord
{
	const char *key;
	PqlMeasureKind kind;
	PqlTestFor tests;
	int flags;
} MeasureWord;

static const MeasureWord words[] = {
	{"count", PQL_M_COUNT, PQL_FOR_NUMBER, HAS_WINDOW | HAS_ON_DAYS},
	{"distinct", PQL_M_DISTINCT, PQL_FOR_NUMBER, HAS_OF | HAS_WINDOW | HAS_ON_DAYS},
	{"days", PQL_M_DAYS, PQL_FOR_NUMBER, HAS_WINDOW},
	{"time_to", PQL_M_TIME_TO, PQL_FOR_DURATION, HAS_WINDOW | ANCHORED_ONLY},
	{"dau_mau", PQL_M_DAU_MAU, PQL_FOR_NUMBER, 0},
	{"weeks_rising", PQL_M_WEEKS_RISING, PQL_FOR_NUMBER, 0},
	{"weeks_falling", PQL_M_WEEKS_FALLING, PQL_FOR_NUMBER, 0},
	{"trend", PQL_M_TREND, PQL_FOR_TREND, HAS_LAST_DAYS | NEEDS_PERIOD},
	{"spike", PQL_M_SPIKE, PQL_FOR_NUMBER, HAS_LAST_DAYS | NEEDS_PERIOD | HAS_AGAINST},
	{"days_since", PQL_M_DAYS_SINCE, PQL_FOR_NUMBER, 0},
	{"absent", PQL_M_ABSENT, PQL_FOR_NUMBER, HAS_AGE | NO_TEST},
	{"started", PQL_M_STARTED, PQL_FOR_NUMBER, HAS_FINISH | NO_TEST},
	{"quota", PQL_M_QUOTA, PQL_FOR_NUMBER, HAS_OF | HAS_LAST_DAYS | HAS_LIMIT},
	{"sum", PQL_M_SUM, PQL_FOR_NUMBER, HAS_OF | HAS_WINDOW},
	{"max", PQL_M_MAX, PQL_FOR_NUMBER, HAS_OF | HAS_WINDOW},
	{"latest", PQL_M_LATEST, PQL_FOR_NUMBER, HAS_OF | HAS_WINDOW},
};

/* Parameters and what must be set for each to be allowed. */
static const struct
{
	const char *key;
	int flag; /* 0: always */
} parameters[] = {
	{"where", 0},
	{"source", 0},
	{"of", HAS_OF},
	{"on_days", HAS_ON_DAYS},
	{"window", HAS_WINDOW},
	{"trial_days", HAS_WINDOW},
	{"last_days", HAS_WINDOW | HAS_LAST_DAYS},
	{"against_days", HAS_AGAINST},
	{"after_age", HAS_AGE},
	{"not_finished", HAS_FINISH},
	{"within", HAS_FINISH},
	{"limit", HAS_LIMIT},
	{"full_within", HAS_LIMIT},
};

/* Words show values exactly up to this many, whatever the threshold. */
#define SHOWN_CAPACITY 10
/* Beyond this many, single instants are not kept: only the total. */
#define MOST_INSTANTS 256
#define QUOTA_DAYS 14
#define DAU_MAU_DAYS 30

static const MeasureWord *
measure_word(const char *key)
{
	for (int i = 0; i < lengthof(words); i++)
		if (strcmp(key, words[i].key) == 0)
			return &words[i];
	return NULL;
}

bool
pql_is_measure_key(const char *key)
{
	return measure_word(key) != NULL;
}

const char *const *
pql_measure_keys(int *n)
{
	static const char *keys[lengthof(words)];

	for (int i = 0; i < lengthof(words); i++)
		keys[i] = words[i].key;
	*n = lengthof(words);
	return keys;
}

void
pql_measure_parameters(const char *measure, const char **keys, int *n)
{
	const MeasureWord *word = measure_word(measure);
	int ntests;
	const char *const *tests = pql_test_keys(word->tests, &ntests);

	for (int i = 0; i < lengthof(parameters); i++)
		if (parameters[i].flag == 0 || (parameters[i].flag & word->flags) != 0)
			keys[(*n)++] = parameters[i].key;
	if ((word->flags & NO_TEST) == 0)
		for (int i = 0; i < ntests; i++)
			keys[(*n)++] = tests[i];
}

bool
pql_is_measure_parameter(const char *measure, const char *key)
{
	const char *keys[64];
	int n = 0;

	pql_measure_parameters(measure, keys, &n);
	for (int i = 0; i < n; i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

const char *
pql_measure_key(PqlReader *r, const char *path, const PqlJson *object)
{
	const char *found = NULL;

	for (int i = 0; i < object->n; i++)
	{
		if (!pql_is_measure_key(object->keys[i]))
			continue;
		if (found != NULL)
		{
			pql_reader_problem(
				r, path,
				psprintf("both \"%s\" and \"%s\" are measured at %s", found, object->keys[i], path),
				pstrdup("One object measures one thing."),
				pstrdup("Split it in two, and combine them with \"all\"."));
			return found;
		}
		found = object->keys[i];
	}
	return found;
}

/* ---- classes of events ---- */

static void
class_names(PqlReader *r, const char *path, const PqlJson *json, PqlClass *class)
{
	int n = json->kind == PQL_JSON_ARRAY ? json->n : 1;

	class->names = palloc0(Max(1, n) * sizeof(PqlName));
	if (n == 0)
		pql_reader_expected(r, path, json, "an event's name");
	for (int i = 0; i < n; i++)
	{
		const PqlJson *item = json->kind == PQL_JSON_ARRAY ? json->items[i] : json;
		const char *at = json->kind == PQL_JSON_ARRAY ? PQL_INDEX(path, i) : path;
		char *name = pql_read_string(r, at, item);

		if (name == NULL)
			continue;
		if (strcmp(name, "*") == 0)
			class->any_event = true;
		class->names[class->nnames].name = name;
		class->names[class->nnames++].length = strlen(name);
	}
}

/* Both must hold; either may be NULL. */
static PqlWhere *
where_and(PqlWhere *a, PqlWhere *b)
{
	PqlWhere *both;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	both = palloc0(sizeof(PqlWhere));
	both->kind = PQL_ALL;
	both->n = 2;
	both->parts = palloc(2 * sizeof(PqlWhere *));
	both->parts[0] = a;
	both->parts[1] = b;
	return both;
}

static PqlWhere *
source_where(PqlReader *r, const char *path, const PqlJson *json)
{
	PqlWhere *leaf = palloc0(sizeof(PqlWhere));

	if (pql_read_string(r, path, json) == NULL)
		return NULL;
	leaf->kind = PQL_LEAF;
	leaf->property = pql_property(r, "source");
	pql_read_test(r, path, "equals", json, PQL_FOR_PROPERTY, &leaf->test);
	return leaf;
}

/* The glossary's entry of a word; NULL after noting that there is none. "*" has none and needs
 * none. */
static PqlJson *
glossary_entry(PqlReader *r, const char *path, const char *word)
{
	PqlJson *entry = pql_json_get(r->glossary, word);
	int n = r->glossary != NULL ? r->glossary->n : 0;

	if (entry == NULL)
		pql_reader_problem(
			r, path, psprintf("unknown event \"%s\" at %s", word, path),
			pstrdup("Events are named in $.events, and nowhere else."),
			n > 0 ? pql_suggest(word, (const char *const *) r->glossary->keys, n)
				  : psprintf("Add \"events\": {\"%s\": \"the product's name of it\"}.", word));
	return entry;
}

static void
read_glossary(PqlReader *r, const char *word, const PqlJson *entry, PqlClass *class)
{
	const char *at = PQL_PATH("$.events", word);
	PqlJson *part;

	if (entry->kind != PQL_JSON_OBJECT)
	{
		class_names(r, at, entry, class);
		return;
	}
	part = pql_json_get(entry, "event");
	if (part != NULL)
		class_names(r, PQL_PATH(at, "event"), part, class);
	part = pql_json_get(entry, "where");
	if (part != NULL)
		class->where = pql_read_where(r, PQL_PATH(at, "where"), part);
	part = pql_json_get(entry, "source");
	if (part != NULL)
		class->where = where_and(class->where, source_where(r, PQL_PATH(at, "source"), part));
}

int
pql_event_class(PqlReader *r, const char *path, const char *word, const PqlJson *where,
				const PqlJson *source)
{
	PqlModel *m = r->model;
	PqlClass class = {0};
	PqlJson *entry = NULL;
	bool any_event = strcmp(word, "*") == 0;

	if (!any_event)
	{
		entry = glossary_entry(r, path, word);
		if (entry == NULL)
			return -1;
	}
	class.identity = any_event ? "*" : pql_document_text(entry);
	if (where != NULL)
		class.identity = psprintf("%s where %s", class.identity, pql_document_text(where));
	if (source != NULL)
		class.identity = psprintf("%s source %s", class.identity, pql_document_text(source));
	for (int i = 0; i < m->nclasses; i++)
		if (strcmp(m->classes[i].identity, class.identity) == 0)
			return i;

	class.any_event = any_event;
	class.first_slot = -1;
	if (entry != NULL)
		read_glossary(r, word, entry, &class);
	if (where != NULL)
		class.where = where_and(class.where, pql_read_where(r, PQL_PATH(path, "where"), where));
	if (source != NULL)
		class.where = where_and(class.where, source_where(r, PQL_PATH(path, "source"), source));
	m->classes = m->classes == NULL ? palloc(sizeof(PqlClass))
									: repalloc(m->classes, (m->nclasses + 1) * sizeof(PqlClass));
	m->classes[m->nclasses] = class;
	return m->nclasses++;
}

/* ---- slots ---- */

static bool
same_window(const PqlWindow *a, const PqlWindow *b)
{
	return a->kind == b->kind && a->from == b->from && a->to == b->to;
}

int
pql_slot(PqlReader *r, PqlSlotKind kind, int event_class, int property, PqlWindow window,
		 int capacity, int days)
{
	PqlLayout *layout = &r->model->layout;
	PqlSlot *slot;

	/* trailing windows are kept by the buckets themselves */
	if (window.kind == PQL_WINDOW_LAST)
		window = (PqlWindow){PQL_WINDOW_ALL, 0, 0};
	for (int i = 0; i < layout->n; i++)
	{
		slot = &layout->slots[i];
		if (slot->kind == kind && slot->event_class == event_class && slot->property == property &&
			same_window(&slot->window, &window))
		{
			slot->capacity = Max(slot->capacity, capacity);
			slot->days = Max(slot->days, days);
			return i;
		}
	}
	layout->slots = layout->slots == NULL
						? palloc(sizeof(PqlSlot))
						: repalloc(layout->slots, (layout->n + 1) * sizeof(PqlSlot));
	slot = &layout->slots[layout->n];
	memset(slot, 0, sizeof(*slot));
	slot->kind = kind;
	slot->event_class = event_class;
	slot->property = property;
	slot->property2 = -1;
	slot->window = window;
	slot->capacity = capacity;
	slot->days = days;
	return layout->n++;
}

/* A level of the largest value at which a test turns. */
static void
add_level(PqlReader *r, const char *path, PqlSlot *slot, double level, bool strict)
{
	int i;

	if (!isfinite(level))
		return;
	for (i = 0; i < slot->capacity; i++)
		if (slot->levels[i] == level && slot->strict[i] == strict)
			return;
	if (slot->capacity == PQL_MAX_LEVELS)
	{
		pql_reader_problem(r, path, psprintf("too many thresholds for one property at %s", path),
						   psprintf("The instants of at most %d are kept.", PQL_MAX_LEVELS),
						   pstrdup("Use fewer bands."));
		return;
	}
	/* ascending; at equal levels "at least" is reached first */
	for (i = slot->capacity; i > 0 && (slot->levels[i - 1] > level ||
									   (slot->levels[i - 1] == level && slot->strict[i - 1]));
		 i--)
	{
		slot->levels[i] = slot->levels[i - 1];
		slot->strict[i] = slot->strict[i - 1];
	}
	slot->levels[i] = level;
	slot->strict[i] = strict;
	slot->capacity++;
}

static void
add_levels(PqlReader *r, const char *path, PqlSlot *slot, int ntests, const PqlTest *tests)
{
	for (int i = 0; i < ntests; i++)
	{
		add_level(r, path, slot, tests[i].low, tests[i].op == PQL_MORE_THAN);
		add_level(r, path, slot, tests[i].high, tests[i].op != PQL_LESS_THAN);
	}
}

/* How many must be kept so that these tests can be told apart. */
static double
needed(int ntests, const PqlTest *tests)
{
	double most = 1;

	for (int i = 0; i < ntests; i++)
	{
		const PqlTest *t = &tests[i];

		if (isfinite(t->low))
			most = Max(most, t->op == PQL_MORE_THAN ? floor(t->low) + 1 : ceil(t->low));
		if (isfinite(t->high))
			most = Max(most, t->op == PQL_LESS_THAN ? ceil(t->high) : floor(t->high) + 1);
	}
	return most;
}

/* ---- windows ---- */

static bool
read_trial_days(PqlReader *r, const char *path, const PqlJson *json, PqlWindow *window)
{
	if (json->kind != PQL_JSON_ARRAY || json->n != 2)
	{
		pql_reader_expected(r, path, json, "an array of the first and the last trial day");
		return false;
	}
	window->kind = PQL_WINDOW_TRIAL;
	if (!pql_read_int(r, PQL_INDEX(path, 0), json->items[0], 1, PQL_MAX_DAYS, &window->from) ||
		!pql_read_int(r, PQL_INDEX(path, 1), json->items[1], 1, PQL_MAX_DAYS, &window->to))
		return false;
	if (window->from > window->to)
	{
		pql_reader_problem(r, path, psprintf("%s is empty at %s", pql_json_brief(json), path),
						   pstrdup("The first day lies after the last."),
						   psprintf("Write [%d, %d].", window->to, window->from));
		return false;
	}
	return true;
}

bool
pql_read_window(PqlReader *r, const char *path, const PqlJson *object, PqlWindow *window)
{
	PqlJson *whole = pql_json_get(object, "window");
	PqlJson *trial = pql_json_get(object, "trial_days");
	PqlJson *last = pql_json_get(object, "last_days");

	if ((whole != NULL) + (trial != NULL) + (last != NULL) > 1)
	{
		pql_reader_problem(r, path, psprintf("more than one window at %s", path),
						   pstrdup("window, trial_days and last_days exclude one another."),
						   pstrdup("Keep one of them."));
		return false;
	}
	if (trial != NULL)
		return read_trial_days(r, PQL_PATH(path, "trial_days"), trial, window);
	if (last != NULL)
	{
		window->kind = PQL_WINDOW_LAST;
		window->from = 0;
		return pql_read_int(r, PQL_PATH(path, "last_days"), last, 1, PQL_MAX_DAYS, &window->to);
	}
	if (whole == NULL)
		return true;
	path = PQL_PATH(path, "window");
	if (whole->kind == PQL_JSON_OBJECT && pql_json_get(whole, "window") == NULL && whole->n == 1)
		return pql_read_window(r, path, whole, window);
	if (whole->kind != PQL_JSON_STRING || strcmp(whole->string, "trial") != 0)
	{
		pql_reader_problem(r, path,
						   psprintf("%s is not a window at %s", pql_json_brief(whole), path),
						   pstrdup("A window is \"trial\", {\"trial_days\": [a, b]} or "
								   "{\"last_days\": k}."),
						   pstrdup("Write \"trial\" for the whole trial so far."));
		return false;
	}
	*window = (PqlWindow){PQL_WINDOW_ALL, 0, 0};
	return true;
}

/* ---- measures ---- */

/* A parameter that must be there. */
static PqlJson *
required(PqlReader *r, const char *path, const PqlJson *object, const char *measure,
		 const char *key)
{
	PqlJson *json = pql_json_get(object, key);

	if (json == NULL)
		pql_reader_problem(r, path, psprintf("\"%s\" needs \"%s\" at %s", measure, key, path), NULL,
						   psprintf("Add \"%s\".", key));
	return json;
}

/* The event's word, and its class; false when it cannot be told. */
static bool
read_event(PqlReader *r, const char *path, const PqlJson *object, const MeasureWord *word,
		   PqlMeasure *m)
{
	PqlJson *json = pql_json_get(object, word->key);
	const char *at = PQL_PATH(path, word->key);

	m->property = -1;
	if (word->flags & HAS_OF)
	{
		char *property = pql_read_string(r, at, json);

		json = required(r, path, object, word->key, "of");
		at = PQL_PATH(path, "of");
		if (property == NULL || json == NULL)
			return false;
		m->property = pql_property(r, property);
	}
	m->event = pql_read_string(r, at, json);
	if (m->event == NULL)
		return false;
	m->event_class = pql_event_class(r, at, m->event, pql_json_get(object, "where"),
									 pql_json_get(object, "source"));
	return m->event_class >= 0;
}

static bool
too_many(PqlReader *r, const char *path, double need, int most, const char *what)
{
	if (need <= most)
		return false;
	pql_reader_problem(r, path, psprintf("threshold %g is too high at %s", need, path),
					   psprintf("Evidence is bounded: at most %d %s are kept.", most, what),
					   psprintf("Lower the threshold to %d or less.", most - 1));
	return true;
}

static int
shown(PqlReader *r, double need)
{
	return Max((int) need, r->shows_value ? SHOWN_CAPACITY : 1);
}

static int
shown_days(PqlReader *r, double need)
{
	return Max((int) need, r->shows_days ? SHOWN_CAPACITY : 1);
}

int
pql_measure_days_slot(PqlReader *r, PqlMeasure *m, int capacity)
{
	switch (m->kind)
	{
		case PQL_M_COUNT:
		case PQL_M_DISTINCT:
		case PQL_M_DAYS:
		case PQL_M_TIME_TO:
		case PQL_M_SUM:
		case PQL_M_MAX:
		case PQL_M_LATEST:
			return pql_slot(r, PQL_DAYS, m->event_class, m->property,
							m->window.kind == PQL_WINDOW_LAST ? r->model->window : m->window,
							capacity, 0);
		default:
			return -1;
	}
}

/* Slots of count, distinct, days: what an anchored window keeps differs from what a trailing one
 * does. */
static void
counting_slots(PqlReader *r, const char *path, PqlMeasure *m, double need, double need_days)
{
	bool trailing = m->window.kind == PQL_WINDOW_LAST;
	int k = m->window.to;

	m->past = !trailing;
	if (m->kind == PQL_M_COUNT && trailing)
		m->slot = pql_slot(r, PQL_DAY_COUNTS, m->event_class, -1, m->window, 0, k);
	else if (m->kind == PQL_M_COUNT)
	{
		m->past = need <= MOST_INSTANTS;
		m->slot =
			pql_slot(r, PQL_FIRSTS, m->event_class, -1, m->window, m->past ? (int) need : 1, 0);
	}
	else if (m->kind == PQL_M_DISTINCT && !too_many(r, path, need, MOST_INSTANTS, "values"))
		m->slot = pql_slot(r, trailing ? PQL_RECENT : PQL_VALUES, m->event_class, m->property,
						   m->window, shown(r, need), 0);
	else if (m->kind == PQL_M_DAYS && trailing)
		m->slot = pql_slot(r, k <= 64 ? PQL_DAY_BITS : PQL_DAY_COUNTS, m->event_class, -1,
						   m->window, 0, k);
	else if (m->kind == PQL_M_DAYS && !too_many(r, path, need, PQL_MAX_CAPACITY, "days"))
		m->slot = pql_slot(r, PQL_DAYS, m->event_class, -1, m->window, shown(r, need), 0);
	if (m->kind == PQL_M_DAYS && !trailing)
		m->days_slot = m->slot;
	else if (need_days > 0 && !too_many(r, path, need_days, PQL_MAX_CAPACITY, "days"))
	{
		if (trailing)
			m->days_slot =
				k <= 64 ? pql_slot(r, PQL_DAY_BITS, m->event_class, m->property, m->window, 0, k)
						: pql_slot(r, PQL_DAY_COUNTS, m->event_class, m->property, m->window, 0, k);
		else
			m->days_slot = pql_measure_days_slot(r, m, shown_days(r, need_days));
	}
}

static void
number_slots(PqlReader *r, const char *path, PqlMeasure *m, const PqlCond *cond, int nbands,
			 const PqlBand *bands)
{
	bool trailing = m->window.kind == PQL_WINDOW_LAST;
	int k = m->window.to;

	if (m->kind == PQL_M_SUM)
		m->slot = trailing ? pql_slot(r, PQL_DAY_SUMS, m->event_class, m->property, m->window, 0, k)
						   : pql_slot(r, PQL_SUM, m->event_class, m->property, m->window, 0, 0);
	else if (m->kind == PQL_M_LATEST)
		m->slot = pql_slot(r, PQL_LATEST, m->event_class, m->property, m->window, 0, 0);
	else if (trailing)
		m->slot = pql_slot(r, PQL_DAY_LARGEST, m->event_class, m->property, m->window, 0, k);
	else
	{
		PqlSlot *slot;

		m->slot = pql_slot(r, PQL_LARGEST, m->event_class, m->property, m->window, 0, 0);
		slot = &r->model->layout.slots[m->slot];
		add_levels(r, path, slot, cond->ntests, cond->tests);
		for (int i = 0; i < nbands; i++)
			add_levels(r, path, slot, bands[i].ntests, bands[i].tests);
		m->past = true;
	}
}

/* Parameters of the measures that bring their own period. */
static bool
read_period(PqlReader *r, const char *path, const PqlJson *object, const MeasureWord *word,
			PqlMeasure *m)
{
	PqlJson *json = pql_json_get(object, "last_days");

	if (word->flags & NEEDS_PERIOD)
		json = required(r, path, object, word->key, "last_days");
	if (json == NULL)
	{
		m->days = QUOTA_DAYS;
		return (word->flags & NEEDS_PERIOD) == 0;
	}
	if (!pql_read_int(r, PQL_PATH(path, "last_days"), json, 1, 200, &m->days))
		return false;
	if (word->flags & HAS_AGAINST)
	{
		json = required(r, path, object, word->key, "against_days");
		return json != NULL &&
			   pql_read_int(r, PQL_PATH(path, "against_days"), json, 2, 400, &m->against);
	}
	return true;
}

static bool
read_finish(PqlReader *r, const char *path, const PqlJson *object, PqlMeasure *m)
{
	PqlJson *finish = required(r, path, object, "started", "not_finished");
	PqlJson *within = required(r, path, object, "started", "within");
	const char *at = PQL_PATH(path, "not_finished");
	char *event;
	int class;

	if (finish == NULL || within == NULL ||
		!pql_read_duration(r, PQL_PATH(path, "within"), within, &m->span))
		return false;
	event = pql_read_string(r, at, finish);
	if (event == NULL)
		return false;
	class = pql_event_class(r, at, event, NULL, pql_json_get(object, "source"));
	if (class < 0)
		return false;
	m->other_slot = pql_slot(r, PQL_LAST, class, -1, m->window, 0, 0);
	return true;
}

static bool
read_quota(PqlReader *r, const char *path, const PqlJson *object, PqlMeasure *m, PqlCond *cond)
{
	PqlJson *limit = required(r, path, object, "quota", "limit");
	PqlJson *within = pql_json_get(object, "full_within");
	PqlSlot *slot;
	int64 span;
	char *name;

	if (limit == NULL)
		return false;
	name = pql_read_string(r, PQL_PATH(path, "limit"), limit);
	if (name == NULL)
		return false;
	if (within != NULL)
	{
		if (!pql_read_duration(r, PQL_PATH(path, "full_within"), within, &span))
			return false;
		cond->full_within = palloc0(sizeof(PqlTest));
		cond->full_within->op = PQL_AT_MOST;
		cond->full_within->low = -INFINITY;
		cond->full_within->high = (double) span / USECS_PER_DAY;
	}
	m->slot = pql_slot(r, PQL_READINGS, m->event_class, m->property, m->window, 0, m->days);
	slot = &r->model->layout.slots[m->slot];
	if (slot->property2 >= 0 && slot->property2 != pql_property(r, name))
	{
		pql_reader_problem(r, path, psprintf("two limits for one quota at %s", path),
						   pstrdup("A property is measured against one limit."),
						   pstrdup("Use the same \"limit\" in both signals."));
		return false;
	}
	slot->property2 = pql_property(r, name);
	return true;
}

/* What the measure keeps, by its kind. False after noting a problem. */
static bool
measure_slots(PqlReader *r, const char *path, const PqlJson *object, const MeasureWord *word,
			  PqlMeasure *m, PqlCond *cond, int nbands, const PqlBand *bands)
{
	PqlWindow all = {PQL_WINDOW_ALL, 0, 0};
	PqlJson *json = pql_json_get(object, "on_days");
	double need = needed(cond->ntests, cond->tests);
	int days;

	for (int i = 0; i < nbands; i++)
		need = Max(need, needed(bands[i].ntests, bands[i].tests));
	if ((word->flags & HAS_WINDOW) == 0)
		m->window = all;
	switch (m->kind)
	{
		case PQL_M_COUNT:
		case PQL_M_DISTINCT:
		case PQL_M_DAYS:
			if (json != NULL && (word->flags & HAS_ON_DAYS))
			{
				if (!pql_read_int(r, PQL_PATH(path, "on_days"), json, 1, PQL_MAX_CAPACITY, &days))
					return false;
				cond->on_days = palloc0(sizeof(PqlTest));
				cond->on_days->op = PQL_AT_LEAST;
				cond->on_days->low = days;
				cond->on_days->high = INFINITY;
			}
			counting_slots(r, path, m, need,
						   cond->on_days != NULL ? cond->on_days->low : r->shows_days);
			break;
		case PQL_M_TIME_TO:
			m->slot = pql_slot(r, PQL_FIRSTS, m->event_class, -1, m->window, 1, 0);
			m->past = true;
			break;
		case PQL_M_DAU_MAU:
			m->slot = pql_slot(r, PQL_DAY_BITS, m->event_class, -1, all, 0, DAU_MAU_DAYS);
			break;
		case PQL_M_WEEKS_RISING:
		case PQL_M_WEEKS_FALLING:
			if (too_many(r, path, need, 100, "weeks"))
				return false;
			m->slot = pql_slot(r, PQL_WEEK_COUNTS, m->event_class, -1, all, 0, (int) need + 2);
			break;
		case PQL_M_TREND:
			m->slot = pql_slot(r, PQL_DAY_COUNTS, m->event_class, -1, all, 0, 2 * m->days);
			break;
		case PQL_M_SPIKE:
			m->slot = pql_slot(r, PQL_DAY_COUNTS, m->event_class, -1, all, 0, m->days + m->against);
			break;
		case PQL_M_DAYS_SINCE:
			m->slot = pql_slot(r, PQL_LAST, m->event_class, -1, all, 0, 0);
			break;
		case PQL_M_ABSENT:
			m->slot = pql_slot(r, PQL_FIRSTS, m->event_class, -1, all, 1, 0);
			m->past = true;
			json = pql_json_get(object, "after_age");
			if (json != NULL && !pql_read_duration(r, PQL_PATH(path, "after_age"), json, &m->span))
				return false;
			break;
		case PQL_M_STARTED:
			m->slot = pql_slot(r, PQL_LAST, m->event_class, -1, all, 0, 0);
			return read_finish(r, path, object, m);
		case PQL_M_QUOTA:
			return read_quota(r, path, object, m, cond);
		case PQL_M_SUM:
		case PQL_M_MAX:
		case PQL_M_LATEST:
			number_slots(r, path, m, cond, nbands, bands);
			break;
	}
	return m->slot >= 0;
}

/* `"distinct" needs a threshold, and "atleast": 1 is not one` */
static void
missing_threshold(PqlReader *r, const char *path, const PqlJson *object, const MeasureWord *word)
{
	int n;
	const char *const *keys = pql_test_keys(word->tests, &n);

	/* a misspelt threshold is reported as an unknown key already */
	for (int i = 0; i < object->n; i++)
		if (!pql_is_test_key(object->keys[i], word->tests) &&
			!pql_is_measure_parameter(word->key, object->keys[i]) &&
			pql_nearest(object->keys[i], keys, n) != NULL)
			return;
	pql_reader_problem(r, path, psprintf("\"%s\" needs a threshold at %s", word->key, path),
					   pstrdup("Without one it would hold for everybody or for nobody."),
					   word->tests == PQL_FOR_TREND
						   ? pstrdup("Add \"is\": \"growing\".")
						   : psprintf("Add for example \"at_least\": %s.",
									  word->tests == PQL_FOR_DURATION ? "\"1 hour\"" : "1"));
}

PqlCond *
pql_read_measure(PqlReader *r, const char *path, const PqlJson *object, const char *key, int nbands,
				 const PqlBand *bands)
{
	const MeasureWord *word = measure_word(key);
	PqlModel *model = r->model;
	PqlCond *cond = pql_new_condition(PQL_C_MEASURE);
	PqlMeasure m = {0};

	if (pql_is_account_model(model))
	{
		pql_reader_problem(r, path, psprintf("an account model reads no events at %s", path),
						   pstrdup("It counts members, who have events."),
						   psprintf("Name it in \"members\": {\"…\": {\"%s\": …}}, and look at "
									"members.….",
									key));
		return NULL;
	}
	m.kind = word->kind;
	m.slot = m.other_slot = m.days_slot = -1;
	m.window = model->window;
	if ((word->flags & NO_TEST) == 0)
	{
		pql_read_tests(r, path, object, word->tests, &cond->ntests, &cond->tests);
		if (cond->ntests == 0 && nbands == 0)
		{
			bool tried = false;

			for (int i = 0; i < object->n; i++)
				tried |= pql_is_test_key(object->keys[i], word->tests);
			if (!tried)
				missing_threshold(r, path, object, word);
			cond->tests = NULL;
		}
	}
	if (!read_event(r, path, object, word, &m) || !pql_read_window(r, path, object, &m.window))
		return NULL;
	if ((word->flags & ANCHORED_ONLY) && m.window.kind == PQL_WINDOW_LAST)
	{
		if (pql_json_get(object, "last_days") != NULL)
			pql_reader_problem(
				r, path, psprintf("\"%s\" cannot look at the last days only at %s", key, path),
				pstrdup("It counts from the start of the trial."),
				pstrdup("Use \"trial_days\" or leave the window out."));
		m.window = (PqlWindow){PQL_WINDOW_ALL, 0, 0};
	}
	if ((word->flags & HAS_LAST_DAYS) && !read_period(r, path, object, word, &m))
		return NULL;
	if (word->flags & HAS_LAST_DAYS)
		m.window = (PqlWindow){PQL_WINDOW_ALL, 0, 0};
	if (!measure_slots(r, path, object, word, &m, cond, nbands, bands))
		return NULL;
	model->measures = model->measures == NULL
						  ? palloc(sizeof(PqlMeasure))
						  : repalloc(model->measures, (model->nmeasures + 1) * sizeof(PqlMeasure));
	cond->index = model->nmeasures;
	model->measures[model->nmeasures++] = m;
	return cond;
}

/* ---- the finished layout ---- */

static void
link_slots(PqlModel *m)
{
	for (int i = m->layout.n - 1; i >= 0; i--)
	{
		PqlClass *class = &m->classes[m->layout.slots[i].event_class];

		m->layout.slots[i].next = class->first_slot;
		class->first_slot = i;
	}
}

static void
dispatch_name(PqlModel *m, const PqlName *name, int class)
{
	uint32 hash = pql_name_hash(name->name, name->length);
	int i = (int) hash & m->dispatch_mask;
	PqlDispatch *d;

	while (m->dispatch[i] != NULL &&
		   (m->dispatch[i]->name.length != name->length ||
			memcmp(m->dispatch[i]->name.name, name->name, name->length) != 0))
		i = (i + 1) & m->dispatch_mask;
	if (m->dispatch[i] == NULL)
	{
		m->dispatch[i] = palloc0(sizeof(PqlDispatch));
		m->dispatch[i]->name = *name;
		m->dispatch[i]->hash = hash;
		m->dispatch[i]->classes = palloc(m->nclasses * sizeof(int));
	}
	d = m->dispatch[i];
	for (int j = 0; j < d->nclasses; j++)
		if (d->classes[j] == class)
			return;
	d->classes[d->nclasses++] = class;
}

/* How long after a subject's start a class takes events. */
static int64
class_span(const PqlModel *m, int class)
{
	int64 span = 0;

	for (int i = m->classes[class].first_slot; i >= 0; i = m->layout.slots[i].next)
	{
		const PqlWindow *window = &m->layout.slots[i].window;

		if (window->kind != PQL_WINDOW_TRIAL)
			return PQL_NEVER;
		/* local days are not all 24 hours long, and a zone may leave one out */
		span = Max(span, (window->to + 2) * USECS_PER_DAY);
	}
	return span;
}

static void
sum_up_dispatch(PqlModel *m)
{
	m->any_span = 0;
	for (int i = 0; i < m->nany; i++)
		m->any_span = Max(m->any_span, class_span(m, m->any[i]));
	m->span = m->any_span;
	for (int i = 0; i <= m->dispatch_mask; i++)
	{
		PqlDispatch *d = m->dispatch[i];

		if (d == NULL)
			continue;
		d->span = m->any_span;
		d->conditional = true;
		for (int j = 0; j < d->nclasses; j++)
		{
			d->span = Max(d->span, class_span(m, d->classes[j]));
			d->conditional &= m->classes[d->classes[j]].where != NULL;
		}
		m->span = Max(m->span, d->span);
	}
}

static void
fill_dispatch(PqlModel *m)
{
	int names = 0;
	int size = 8;

	for (int i = 0; i < m->nclasses; i++)
		names += m->classes[i].nnames;
	while (size < 4 * names)
		size *= 2;
	m->dispatch_mask = size - 1;
	m->dispatch = palloc0(size * sizeof(PqlDispatch *));
	m->any = palloc((m->nclasses + 1) * sizeof(int));
	for (int i = 0; i < m->nclasses; i++)
	{
		PqlClass *class = &m->classes[i];

		if (class->first_slot < 0)
			continue;
		if (class->any_event)
			m->any[m->nany++] = i;
		else
			for (int j = 0; j < class->nnames; j++)
				dispatch_name(m, &class->names[j], i);
	}
	sum_up_dispatch(m);
}

/* Equal ids promise mergeable evidence: the id covers all that decides what is kept. */
static uint64
layout_id(const PqlModel *m)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "pql evidence 1; %s", m->zone->name);
	for (int i = 0; i < m->layout.n; i++)
	{
		const PqlSlot *slot = &m->layout.slots[i];

		appendStringInfo(&s, "; %d %d %d window %d %d %d of %s", slot->kind, slot->capacity,
						 slot->days, slot->window.kind, slot->window.from, slot->window.to,
						 m->classes[slot->event_class].identity);
		if (slot->property >= 0)
			appendStringInfo(&s, " property %s", m->properties[slot->property].name);
		if (slot->property2 >= 0)
			appendStringInfo(&s, " against %s", m->properties[slot->property2].name);
		if (slot->kind == PQL_LARGEST)
			for (int j = 0; j < slot->capacity; j++)
				appendStringInfo(&s, " %s%.17g", slot->strict[j] ? ">" : ">=", slot->levels[j]);
	}
	return pql_hash(s.data, s.len);
}

void
pql_finish_layout(PqlReader *r)
{
	PqlModel *m = r->model;

	pql_layout_finish(&m->layout);
	if (m->layout.n > PQL_MAX_SLOTS || m->layout.bound > PQL_MAX_EVIDENCE)
		pql_problem(
			r->problems, "$", psprintf("model \"%s\" keeps too much of every subject", m->name),
			psprintf("Its evidence could take %u bytes in %d slots; %d bytes and %d slots are "
					 "allowed.",
					 m->layout.bound, m->layout.n, PQL_MAX_EVIDENCE, PQL_MAX_SLOTS),
			pstrdup("Lower the thresholds, shorten the windows, or split the model."));
	link_slots(m);
	fill_dispatch(m);
	m->layout.id = layout_id(m);
}
