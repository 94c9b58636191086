/*
 * models.c: the SQL face of models: checking documents, canonical text, what a model needs.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "model.h"
#include "model_cache.h"

static void
put_problems(ReturnSetInfo *rsinfo, const PqlProblems *problems)
{
	ListCell *cell;

	foreach (cell, problems->list)
	{
		const PqlProblem *p = lfirst(cell);
		Datum values[4];
		bool nulls[4] = {false, false, p->detail == NULL, p->hint == NULL};

		values[0] = CStringGetTextDatum(p->path);
		values[1] = CStringGetTextDatum(p->message);
		values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(p->detail);
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(p->hint);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/*
 * pql.check_model(document text) → table(path, message, detail, hint), strict: all problems of a
 * document, in its order; no rows when there are none. Never raises one, unless the document is
 * over the limits of size or depth.
 */
PG_FUNCTION_INFO_V1(pql_check_model);
Datum
pql_check_model(PG_FUNCTION_ARGS)
{
	text *document = PG_GETARG_TEXT_PP(0);
	PqlProblems problems = {NIL};
	PqlJson *json;

	InitMaterializedSRF(fcinfo, 0);
	json = pql_document_parse(VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document), &problems);
	(void) pql_model_compile(json, &problems);
	put_problems((ReturnSetInfo *) fcinfo->resultinfo, &problems);
	return (Datum) 0;
}

/*
 * pql.read_model(document text) → jsonb, strict: the document when it is a valid model, else an
 * ERROR with the first problem.
 */
PG_FUNCTION_INFO_V1(pql_read_model);
Datum
pql_read_model(PG_FUNCTION_ARGS)
{
	text *document = PG_GETARG_TEXT_PP(0);
	PqlProblems problems = {NIL};
	PqlJson *json;

	json = pql_document_parse(VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document), &problems);
	(void) pql_model_compile(json, &problems);
	pql_problems_raise(&problems);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(document))));
}

/*
 * pql.canonical_model(document jsonb) → text, strict: the document with its keys in the order in
 * which a person would write them. Any JSON is taken.
 */
PG_FUNCTION_INFO_V1(pql_canonical_model);
Datum
pql_canonical_model(PG_FUNCTION_ARGS)
{
	PqlProblems problems = {NIL};
	PqlJson *json = pql_document_from_jsonb(PG_GETARG_JSONB_P(0), &problems);

	pql_model_order_keys(json);
	PG_RETURN_TEXT_P(cstring_to_text(pql_document_text(json)));
}

static ArrayType *
text_array(const char **words, int n)
{
	Datum *datums = palloc(Max(1, n) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		datums[i] = CStringGetTextDatum(words[i]);
	return construct_array(datums, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/* All event names that some class takes; ["*"] among them when any event does. */
static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static ArrayType *
event_names(const PqlModel *m)
{
	const char **names = palloc((m->dispatch_mask + 2) * sizeof(char *));
	int n = 0;

	for (int i = 0; i <= m->dispatch_mask; i++)
		if (m->dispatch[i] != NULL)
			names[n++] = m->dispatch[i]->name.name;
	qsort(names, n, sizeof(char *), by_name);
	if (m->nany > 0)
		names[n++] = "*";
	return text_array(names, n);
}

/* The event names behind a signal. */
static void
signal_classes(const PqlModel *m, const PqlCond *cond, bool *classes)
{
	if (cond->kind == PQL_C_MEASURE)
	{
		const PqlMeasure *measure = &m->measures[cond->index];

		classes[measure->event_class] = true;
		if (measure->other_slot >= 0)
			classes[m->layout.slots[measure->other_slot].event_class] = true;
	}
	for (int i = 0; i < cond->n; i++)
		signal_classes(m, cond->parts[i], classes);
}

/* Which facts are looked up in which lists: two arrays side by side. */
typedef struct ListUse
{
	const char **lists;
	const char **facts;
	int n;
} ListUse;

static void
list_uses(const PqlModel *m, const PqlCond *cond, ListUse *use)
{
	for (int i = 0; i < cond->n; i++)
		list_uses(m, cond->parts[i], use);
	if (cond->kind != PQL_C_FACT)
		return;
	for (int i = 0; i < cond->ntests; i++)
		if (cond->tests[i].op == PQL_IN_LIST)
		{
			use->lists = repalloc(use->lists, (use->n + 1) * sizeof(char *));
			use->facts = repalloc(use->facts, (use->n + 1) * sizeof(char *));
			use->lists[use->n] = cond->tests[i].list;
			use->facts[use->n++] = m->facts[cond->index].dotted;
		}
}

static ListUse
all_list_uses(const PqlModel *m)
{
	ListUse use = {palloc(sizeof(char *)), palloc(sizeof(char *)), 0};

	for (int i = 0; i < m->nsignals; i++)
		list_uses(m, m->signals[i].when, &use);
	for (int i = 0; i < m->nexclusions; i++)
		list_uses(m, m->exclusions[i].when, &use);
	for (int i = 0; i < m->ntiers; i++)
		list_uses(m, m->tiers[i].when, &use);
	list_uses(m, m->qualify, &use);
	return use;
}

/*
 * pql.model_info(model jsonb) → (name, timezone, per_trial, exact_qualification, evidence_bound,
 * max_score, events, facts, lists, list_facts), strict. An invalid model is an ERROR.
 */
PG_FUNCTION_INFO_V1(pql_model_info);
Datum
pql_model_info(PG_FUNCTION_ARGS)
{
	PqlModel *m = pql_model_from_jsonb(PG_GETARG_JSONB_P(0));
	const char **facts = palloc(Max(1, m->nfacts) * sizeof(char *));
	ListUse use = all_list_uses(m);
	TupleDesc desc;
	Datum values[10];
	bool nulls[10] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "pql.model_info needs a composite result");
	for (int i = 0; i < m->nfacts; i++)
		facts[i] = m->facts[i].dotted;
	values[0] = CStringGetTextDatum(m->name);
	values[1] = CStringGetTextDatum(m->zone->name);
	values[2] = BoolGetDatum(m->per_trial);
	values[3] = BoolGetDatum(m->exact);
	values[4] = Int32GetDatum(m->layout.bound);
	values[5] = Int32GetDatum(m->max_score);
	values[6] = PointerGetDatum(event_names(m));
	values[7] = PointerGetDatum(text_array(facts, m->nfacts));
	values[8] = PointerGetDatum(text_array(use.lists, use.n));
	values[9] = PointerGetDatum(text_array(use.facts, use.n));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * pql.model_signals(model jsonb) → table(signal, effect, category, events), strict: the signals in
 * order, with the event names each looks at ("*": any).
 */
PG_FUNCTION_INFO_V1(pql_model_signals);
Datum
pql_model_signals(PG_FUNCTION_ARGS)
{
	static const char *const effects[] = {"gate", "points", "info"};
	PqlModel *m = pql_model_from_jsonb(PG_GETARG_JSONB_P(0));
	ReturnSetInfo *rsinfo;

	InitMaterializedSRF(fcinfo, 0);
	rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	for (int i = 0; i < m->nsignals; i++)
	{
		const PqlSignal *s = &m->signals[i];
		bool *classes = palloc0(Max(1, m->nclasses) * sizeof(bool));
		const char **names;
		int n = 0;
		int most = 1;
		Datum values[4];
		bool nulls[4] = {false, false, s->category == NULL, false};

		signal_classes(m, s->when, classes);
		for (int j = 0; j < m->nclasses; j++)
			most += m->classes[j].nnames + 1;
		names = palloc(most * sizeof(char *));
		for (int j = 0; j < m->nclasses; j++)
			if (classes[j] && m->classes[j].any_event)
				names[n++] = "*";
			else if (classes[j])
				for (int k = 0; k < m->classes[j].nnames; k++)
					names[n++] = m->classes[j].names[k].name;
		values[0] = CStringGetTextDatum(s->name);
		values[1] = CStringGetTextDatum(effects[s->effect]);
		values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(s->category);
		values[3] = PointerGetDatum(text_array(names, n));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * pql.nearest_word(word text, words text[]) → text, strict: the one that the word may be a
 * misspelling of, or NULL.
 */
PG_FUNCTION_INFO_V1(pql_nearest_word);
Datum
pql_nearest_word(PG_FUNCTION_ARGS)
{
	Datum *datums;
	bool *nulls;
	int n;
	int known = 0;
	const char **words;
	const char *found;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &datums, &nulls,
					  &n);
	words = palloc(Max(1, n) * sizeof(char *));
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			words[known++] = TextDatumGetCString(datums[i]);
	found = pql_nearest(text_to_cstring(PG_GETARG_TEXT_PP(0)), words, known);
	if (found == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(found));
}
