/*
 * language.h: the parts of the model compiler, each standing on those before it: comparison.c
 * (scalars, comparisons), measure.c (measures, classes, slots), condition.c (conditions), model.c
 * (the document as a whole).
 */
#ifndef PQL_LANGUAGE_H
#define PQL_LANGUAGE_H

#include "model.h"

/* What is being compiled, with growing arrays. */
typedef struct PqlReader
{
	PqlModel *model;
	PqlProblems *problems;
	PqlJson *glossary; /* $.events, or NULL */
	int nsignal_names;
	const char **signal_names;
	int ntier_names;
	const char **tier_names;
	const char *default_signal; /* name of the signal being read, for messages; or NULL */
	bool brief;                 /* nothing will be explained */
	bool lean;                  /* what releases a hold is not kept either */
	bool shows_value; /* its words name {value}: keep a few more than the threshold asks */
	bool shows_days;  /* its words name {days} */
} PqlReader;

/* A problem at a path, with the signal's name where there is one. */
extern void pql_reader_problem(PqlReader *r, const char *path, char *message, char *detail,
							   char *hint);
/* Wrong type of a value. */
extern void pql_reader_expected(PqlReader *r, const char *path, const PqlJson *json,
								const char *expected);

/* Reads a string, number … ; notes a problem and returns false or NULL when it is not one. */
extern char *pql_read_string(PqlReader *r, const char *path, const PqlJson *json);
extern bool pql_read_number(PqlReader *r, const char *path, const PqlJson *json, double *number);
extern bool pql_read_int(PqlReader *r, const char *path, const PqlJson *json, int low, int high,
						 int *value);
extern bool pql_read_bool(PqlReader *r, const char *path, const PqlJson *json, bool *value);
/* "24 hours", "30 days": microseconds. A day has 24 hours here. */
extern bool pql_read_duration(PqlReader *r, const char *path, const PqlJson *json, int64 *span);

#define PQL_PATH(path, key) psprintf("%s.%s", (path), (key))
#define PQL_INDEX(path, i) psprintf("%s[%d]", (path), (i))

/* ---- comparison.c ---- */

typedef enum PqlTestFor
{
	PQL_FOR_FACT,     /* every comparison */
	PQL_FOR_PROPERTY, /* every comparison but in_list */
	PQL_FOR_NUMBER,   /* numeric ones */
	PQL_FOR_DURATION, /* numeric ones, written as durations, in seconds */
	PQL_FOR_TREND     /* is: growing, flat, declining */
} PqlTestFor;

/* The place of a key in a list, or -1. */
extern int pql_key_index(const char *key, const char *const *keys, int n);

/* Notes that a key is none of those; the hint is the nearest. detail may be NULL. */
extern void pql_unknown_key(PqlReader *r, const char *path, const char *key, char *detail,
							const char *const *keys, int n);
/* The same of every key of an object that is none of them. */
extern void pql_only_keys(PqlReader *r, const char *path, const PqlJson *object, const char *detail,
						  const char *const *keys, int n);

/* Is this key one of the comparisons? */
extern bool pql_is_test_key(const char *key, PqlTestFor what);
extern const char *const *pql_test_keys(PqlTestFor what, int *n);

/* Reads one comparison into *test. */
extern bool pql_read_test(PqlReader *r, const char *path, const char *key, const PqlJson *json,
						  PqlTestFor what, PqlTest *test);

/* The comparisons among an object's keys; those that are none are left to the caller. */
extern void pql_read_tests(PqlReader *r, const char *path, const PqlJson *object, PqlTestFor what,
						   int *ntests, PqlTest **tests);

/* A value or an object of comparisons, as facts and properties take them. */
extern void pql_read_comparison(PqlReader *r, const char *path, const PqlJson *json,
								PqlTestFor what, int *ntests, PqlTest **tests);

extern PqlWhere *pql_read_where(PqlReader *r, const char *path, const PqlJson *json);

extern int pql_property(PqlReader *r, const char *name);

/* A name of the user's that can become a column; notes a problem and returns false when it cannot.
 */
extern bool pql_check_name(PqlReader *r, const char *path, const char *name, const char *what);

/* ---- measure.c ---- */

/* The measure key of an object, or NULL. More than one is a problem. */
extern const char *pql_measure_key(PqlReader *r, const char *path, const PqlJson *object);
extern bool pql_is_measure_key(const char *key);
extern const char *const *pql_measure_keys(int *n);

/* Is this key a parameter of that measure (of, on_days, window …) or one of its comparisons? */
extern bool pql_is_measure_parameter(const char *measure, const char *key);
extern void pql_measure_parameters(const char *measure, const char **keys, int *n);

/*
 * Reads the measure and its comparisons from an object: a leaf condition. `bands` are further
 * comparisons, whose thresholds it must serve as well.
 */
extern PqlCond *pql_read_measure(PqlReader *r, const char *path, const PqlJson *object,
								 const char *key, int nbands, const PqlBand *bands);

/* A slot of the model's layout, shared with whoever asked for the same. */
extern int pql_slot(PqlReader *r, PqlSlotKind kind, int event_class, int property, PqlWindow window,
					int capacity, int days);

/* The class of a glossary word with an own where and source; -1 after noting a problem. */
extern int pql_event_class(PqlReader *r, const char *path, const char *word, const PqlJson *where,
						   const PqlJson *source);

/* PQL_DAYS of the events a measure counts; -1 when it counts none. */
extern int pql_measure_days_slot(PqlReader *r, PqlMeasure *measure, int capacity);

extern bool pql_read_window(PqlReader *r, const char *path, const PqlJson *object,
							PqlWindow *window);

/* Layout id, sizes, dispatch. */
extern void pql_finish_layout(PqlReader *r);

/* ---- condition.c ---- */

static inline PqlCond *
pql_new_condition(PqlCondKind kind)
{
	PqlCond *cond = palloc0(sizeof(PqlCond));

	cond->kind = kind;
	cond->atom = -1;
	return cond;
}

/* A condition of qualify, exclude, tiers or a compound signal. */
extern PqlCond *pql_read_condition(PqlReader *r, const char *path, const PqlJson *json);
extern PqlCond *pql_fact_condition(PqlReader *r, const char *path, const char *dotted, int ntests,
								   PqlTest *tests);
/* Does a condition ask for what is made of signals: score, tier, signals_met, counted_days? */
extern bool pql_asks_for_score(const PqlCond *cond);

/* ---- members.c ---- */

/* The "members" section: what members.* there are. */
extern void pql_read_members(PqlReader *r, const PqlJson *document);

#endif
