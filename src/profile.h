/*
 * profile.h: what is known of a subject, from one jsonb or from a row of columns.
 */
#ifndef PQL_PROFILE_H
#define PQL_PROFILE_H

#include "executor/tuptable.h"

#include "verdict.h"

/*
 * Reads a profile as pql.judge takes it: {"person": {…}, "account": {…}, "trial": {…}, "history":
 * {…}, "lists": {…}}; NULL: nothing is known. Points into it. An instant that is none is an ERROR.
 */
extern void pql_profile_read(PqlProfile *profile, const PqlModel *model, struct varlena *jsonb,
							 int64 as_of);

/* ---- rows ---- */

/* Entries of named lists, in lower case. */
typedef struct PqlListEntries PqlListEntries;

extern PqlListEntries *pql_list_entries(void);
/* Takes a row of the query `lists`: a list and one of its entries. */
extern void pql_take_list_entry(void *entries, TupleTableSlot *slot);

/* Columns that stand first in rows of the query `profiles` of pql.population_queries; facts follow.
 */
typedef enum PqlProfileColumn
{
	PQL_P_USER_ID,
	PQL_P_ACCOUNT_ID,
	PQL_P_STARTED_AT,
	PQL_P_ENDS_AT,
	PQL_P_CONVERTED_AT,
	PQL_P_HISTORY,
	PQL_P_ACCOUNT_HISTORY,
	PQL_P_LEAD_HISTORY,
	PQL_P_ATTRIBUTES,
	PQL_P_ACCOUNT_ATTRIBUTES,
	PQL_P_FACTS
} PqlProfileColumn;

typedef struct PqlProfileRows PqlProfileRows;

extern PqlProfileRows *pql_profile_rows(const PqlModel *model, TupleDesc desc, int64 as_of,
										PqlListEntries *lists);

/*
 * The profile of a row. next_start: of the user's next trial, or PQL_NEVER; paid_before: another
 * trial of theirs was paid for before this one began. Points into the row; the rest is from the
 * current context, but for what stays the same from row to row.
 */
extern PqlProfile *pql_profile_of_row(PqlProfileRows *rows, TupleTableSlot *slot, int64 next_start,
									  bool paid_before);

/* Nothing is known of somebody of whom only events are. */
extern PqlProfile *pql_profile_of_nobody(PqlProfileRows *rows);

#endif
