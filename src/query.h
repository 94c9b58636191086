/*
 * query.h: running SQL from C, row by row, without keeping the rows.
 */
#ifndef PQL_QUERY_H
#define PQL_QUERY_H

#include "executor/tuptable.h"
#include "nodes/params.h"

#define PQL_MAX_ARGS 9

typedef struct PqlArgs
{
	int n;
	Oid type[PQL_MAX_ARGS];
	Datum value[PQL_MAX_ARGS];
	bool null[PQL_MAX_ARGS];
} PqlArgs;

static inline void
pql_arg(PqlArgs *args, Oid type, Datum value, bool null)
{
	args->type[args->n] = type;
	args->value[args->n] = value;
	args->null[args->n++] = null;
}

/* Called with every row. The slot's contents, and the current context, live until it returns. */
typedef void (*PqlTakeRow)(void *state, TupleTableSlot *slot);

/*
 * Runs a query that only reads, under the active snapshot, as the current user. `args` may be NULL.
 */
extern void pql_query(const char *sql, const PqlArgs *args, PqlTakeRow take, void *state);

/* The same for a query over (a good part of) everybody, which the planner may take for a few: it is
 * kept from joining them one by one. */
extern void pql_query_everybody(const char *sql, const PqlArgs *args, PqlTakeRow take, void *state);

#endif
