/*
 * tally.h: amounts that are kept until their median is asked for.
 */
#ifndef PQL_TALLY_H
#define PQL_TALLY_H

#include "fmgr.h"
#include "lib/stringinfo.h"

typedef struct PqlAmounts
{
	int n;
	int room;
	float8 *amount; /* NULL: none yet */
} PqlAmounts;

/* Where the state of the aggregate that is being called lives. */
extern MemoryContext pql_aggregate_context(FunctionCallInfo fcinfo);

extern void pql_keep_amounts(MemoryContext context, PqlAmounts *a, const float8 *amounts, int n);

/* The median of at least one amount, which are sorted by it, as percentile_cont(0.5) gives it. */
extern float8 pql_median(PqlAmounts *a);

extern void pql_send_amounts(StringInfo buffer, const PqlAmounts *a);
extern void pql_receive_amounts(StringInfo buffer, PqlAmounts *a);

#endif
