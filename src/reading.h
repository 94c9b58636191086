/*
 * reading.h: measures as numbers, read from evidence as of an instant, and the instants at which
 * they can change by themselves. The eyes of verdict.c.
 */
#ifndef PQL_READING_H
#define PQL_READING_H

#include "evidence.h"
#include "model.h"

/* A growing list of instants, perhaps unsorted. `tag` says what may change there. */
typedef struct PqlInstant
{
	int64 at;
	int tag;
} PqlInstant;

typedef struct PqlInstants
{
	int n;
	int size;
	PqlInstant *list;
} PqlInstants;

extern void pql_instants_add(PqlInstants *instants, int64 at, int tag);
extern void pql_instants_sort(PqlInstants *instants);

typedef struct PqlEyes
{
	const PqlModel *model;
	const PqlEvidence *evidence; /* or NULL */
	int64 started_at;            /* PQL_ALWAYS: not known */
} PqlEyes;

/* The measure's number as of t; false when it has none (no events where some are needed). */
extern bool pql_read_value(const PqlEyes *eyes, const PqlMeasure *measure, int64 t, double *value);

/* Distinct days of the measure's events as of t, and the last of those events on its days. */
extern int pql_read_days(const PqlEyes *eyes, const PqlMeasure *measure, int64 t);

/*
 * Events in each complete week before t that evidence keeps, the last one first; how many weeks.
 * `counts` has room for PQL_MAX_WEEKS. 0: the measure keeps no weeks, or there are no events.
 */
#define PQL_MAX_WEEKS 64
extern int pql_read_weeks(const PqlEyes *eyes, const PqlMeasure *measure, int64 t, double *counts);

/* Does a measuring leaf hold at t? */
extern PqlTruth pql_read_leaf(const PqlEyes *eyes, const PqlCond *cond, int64 t);
extern PqlTruth pql_read_holds(const PqlEyes *eyes, const PqlMeasure *measure, int ntests,
							   const PqlTest *tests, int64 t);

/* Instants of the past at which a leaf may have turned: the crossings that evidence keeps. */
extern void pql_read_crossings(const PqlEyes *eyes, const PqlMeasure *measure, PqlInstants *out);

/* Instants after t at which time alone may turn it. */
extern void pql_read_edges(const PqlEyes *eyes, const PqlCond *cond, int ntests,
						   const PqlTest *tests, int64 t, int tag, PqlInstants *out);

#endif
