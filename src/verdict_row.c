/*
 * verdict_row.c: verdicts as values of SQL.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "explanation.h"
#include "verdict_row.h"

#define REMEMBERED 256

/* An array of names, and of which. */
typedef struct NameArray
{
	uint64 set[(PQL_MAX_SIGNALS + 63) / 64];
	Datum array; /* 0: none yet */
} NameArray;

typedef struct NameArrays
{
	int n;
	const char **names;
	NameArray remembered[REMEMBERED];
} NameArrays;

struct PqlVerdictWords
{
	const PqlModel *model;
	MemoryContext context;
	Datum status[PQL_BELOW + 1];
	Datum tier[PQL_MAX_TIERS];
	NameArrays signals;
	NameArrays exclusions;
};

PqlVerdictWords *
pql_verdict_words(const PqlModel *model)
{
	PqlVerdictWords *w = palloc0(sizeof(PqlVerdictWords));

	w->model = model;
	w->context = CurrentMemoryContext;
	for (int i = 0; i <= PQL_BELOW; i++)
		w->status[i] = CStringGetTextDatum(pql_status_names[i]);
	for (int i = 0; i < model->ntiers; i++)
		w->tier[i] = CStringGetTextDatum(model->tiers[i].name);
	w->signals.n = model->nsignals;
	w->signals.names = palloc(Max(1, model->nsignals) * sizeof(char *));
	for (int i = 0; i < model->nsignals; i++)
		w->signals.names[i] = model->signals[i].name;
	w->exclusions.n = model->nexclusions;
	w->exclusions.names = palloc(Max(1, model->nexclusions) * sizeof(char *));
	for (int i = 0; i < model->nexclusions; i++)
		w->exclusions.names[i] = model->exclusions[i].reason;
	return w;
}

const PqlModel *
pql_verdict_words_model(const PqlVerdictWords *words)
{
	return words->model;
}

static Datum
make_array(const NameArrays *arrays, const uint64 *set)
{
	Datum *names = palloc(Max(1, arrays->n) * sizeof(Datum));
	int n = 0;

	for (int i = 0; i < arrays->n; i++)
		if (set[i / 64] & (UINT64CONST(1) << (i % 64)))
			names[n++] = CStringGetTextDatum(arrays->names[i]);
	if (n == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The array of a set of names, in the model's order. */
static Datum
array_of(PqlVerdictWords *w, NameArrays *arrays, const uint64 *set)
{
	NameArray *place;
	MemoryContext old;

	place =
		&arrays->remembered[(uint64) pql_hash((const char *) set, sizeof(place->set)) % REMEMBERED];
	if (place->array != (Datum) 0 && memcmp(place->set, set, sizeof(place->set)) == 0)
		return place->array;
	old = MemoryContextSwitchTo(w->context);
	if (place->array != (Datum) 0)
		pfree(DatumGetPointer(place->array));
	place->array = make_array(arrays, set);
	memcpy(place->set, set, sizeof(place->set));
	MemoryContextSwitchTo(old);
	return place->array;
}

void
pql_verdict_values(PqlVerdictWords *w, const PqlVerdict *v, Datum *values, bool *nulls)
{
	uint64 signals[lengthof(((NameArray *) NULL)->set)] = {0};
	uint64 exclusions[lengthof(((NameArray *) NULL)->set)] = {0};

	for (int i = 0; i < w->model->nsignals; i++)
		if (v->now.signal[i] == PQL_TRUE)
			signals[i / 64] |= UINT64CONST(1) << (i % 64);
	for (int i = 0; i < w->model->nexclusions; i++)
		if (v->now.exclusion[i])
			exclusions[i / 64] |= UINT64CONST(1) << (i % 64);
	memset(nulls, 0, PQL_VERDICT_COLUMNS * sizeof(bool));
	values[0] = w->status[v->status];
	values[1] = Int32GetDatum(v->now.score);
	values[2] = Int32GetDatum(v->now.potential);
	nulls[3] = v->now.tier < 0;
	values[3] = nulls[3] ? (Datum) 0 : w->tier[v->now.tier];
	values[4] = array_of(w, &w->signals, signals);
	values[5] = array_of(w, &w->exclusions, exclusions);
	nulls[6] = v->qualified_at == PQL_NEVER;
	values[6] = TimestampTzGetDatum(v->qualified_at);
	nulls[7] = v->next_change_at == PQL_NEVER;
	values[7] = TimestampTzGetDatum(v->next_change_at);
	nulls[PQL_VERDICT_EXPLANATION] = true;
	values[PQL_VERDICT_EXPLANATION] = (Datum) 0;
}

Datum
pql_verdict_explained(const PqlModel *model, const PqlEvidence *evidence, const PqlProfile *profile,
					  const PqlVerdict *verdict, int64 as_of, bool live)
{
	StringInfoData explanation;

	initStringInfo(&explanation);
	pql_explain_verdict(model, evidence, profile, verdict, as_of, live, &explanation);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(explanation.data));
}
