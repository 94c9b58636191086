/*
 * query.h: running SQL from C, row by row, without keeping the rows.
 */
#ifndef PQL_QUERY_H
#define PQL_QUERY_H

#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "nodes/params.h"

#define PQL_MAX_ARGS 9

typedef struct PqlArgs
{
	int n;
	Oid type[PQL_MAX_ARGS];
	Datum value[PQL_MAX_ARGS];
	bool null[PQL_MAX_ARGS];
	TriggerData *rows_of; /* the trigger whose transition tables the query reads, or NULL */
} PqlArgs;

static inline void
pql_arg(PqlArgs *args, Oid type, Datum value, bool null)
{
	args->type[args->n] = type;
	args->value[args->n] = value;
	args->null[args->n++] = null;
}

/* Takes a row's first n columns for the arguments from `first` on; what they hold lives in
 * `context`. */
extern void pql_args_take(PqlArgs *args, int first, int n, TupleTableSlot *slot,
						  MemoryContext context);

/* Called with every row. The slot's contents, and the current context, live until it returns. */
typedef void (*PqlTakeRow)(void *state, TupleTableSlot *slot);

/* How a query is planned. */
#define PQL_PLAN_AS_EVER 0
#define PQL_PLAN_EVERYBODY 1 /* it is about (a good part of) everybody: not joined one by one */
#define PQL_PLAN_ALONE 2     /* without workers: the cores are at work already */
#define PQL_PLAN_FEW 4 /* it is about a few rows of large tables: by index, where there is one */

/*
 * Runs a query that only reads, under the active snapshot, as the current user. `args` may be NULL.
 */
extern void pql_query(const char *sql, const PqlArgs *args, int plan, PqlTakeRow take, void *state);

/* The same over a source of events: what goes wrong says which one it was. */
extern void pql_query_source(const char *source, const char *sql, const PqlArgs *args, int plan,
							 PqlTakeRow take, void *state);

#endif
