/*
 * judge.c: the SQL face of verdicts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "model_cache.h"
#include "profile.h"
#include "reading.h"
#include "verdict_row.h"

/* How much of an explanation is wanted. */
typedef enum Detail
{
	BRIEF,  /* none */
	STABLE, /* what stays true until next_change_at */
	LIVE    /* with numbers that drift with as_of */
} Detail;

typedef struct JudgeCall
{
	PqlModelCache models;
	PqlVerdictWords *words; /* of the model judged by last */
	TupleDesc desc;
} JudgeCall;

static JudgeCall *
judge_call(FunctionCallInfo fcinfo)
{
	JudgeCall *call = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (call != NULL)
		return call;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	call = palloc0(sizeof(JudgeCall));
	call->models.context = fcinfo->flinfo->fn_mcxt;
	if (get_call_result_type(fcinfo, NULL, &call->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "pql.judge needs a composite result");
	BlessTupleDesc(call->desc);
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = call;
	return call;
}

/* ---- judging ---- */

static PqlEvidence *
read_evidence(FunctionCallInfo fcinfo, const PqlModel *model)
{
	bytea *packed;
	StringInfoData in;
	PqlEvidence *e;

	if (PG_ARGISNULL(1))
		return NULL;
	packed = PG_GETARG_BYTEA_PP(1);
	in.data = (char *) VARDATA_ANY(packed);
	in.len = VARSIZE_ANY_EXHDR(packed);
	in.maxlen = in.len;
	in.cursor = 0;
	e = pql_evidence_read(&in, &model->layout);
	if (e->layout != &model->layout)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("evidence was gathered for another model than \"%s\"", model->name),
				 errdetail("The events, thresholds, windows or the timezone of the two differ."),
				 errhint("Gather it again with this model. Points and words alone may change.")));
	return e;
}

static void
settle_start(PqlProfile *p, const PqlEvidence *e)
{
	if (e == NULL || e->started_at == PQL_ALWAYS)
		return;
	if (p->started_at != PQL_ALWAYS && p->started_at != e->started_at)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("evidence and profile tell of different trials"),
						errdetail("Their started_at differ."),
						errhint("Join the evidence and the profile by user and started_at.")));
	p->started_at = e->started_at;
}

static Datum
judge(FunctionCallInfo fcinfo, Detail detail)
{
	JudgeCall *call = judge_call(fcinfo);
	PqlModel *model;
	PqlEvidence *evidence;
	PqlProfile profile;
	PqlVerdict v;
	int64 as_of;
	Datum values[PQL_VERDICT_COLUMNS];
	bool nulls[PQL_VERDICT_COLUMNS];

	if (PG_ARGISNULL(0) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	as_of = PG_GETARG_TIMESTAMPTZ(3);
	if (!PQL_INSTANT_OK(as_of))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("as_of is not an instant of the years 1 to 9999"),
						errhint("Use now(), or the instant to look back to.")));
	model = pql_model_cached(&call->models, PG_GETARG_DATUM(0), false);
	pql_profile_read(&profile, model,
					 PG_ARGISNULL(2) ? NULL : (struct varlena *) PG_GETARG_POINTER(2), as_of);
	evidence = read_evidence(fcinfo, model);
	settle_start(&profile, evidence);
	if (profile.started_at != PQL_ALWAYS && profile.started_at > as_of)
		PG_RETURN_NULL();

	pql_judge_subject(model, evidence, &profile, as_of, detail != BRIEF, &v);

	if (call->words == NULL || pql_verdict_words_model(call->words) != model)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		call->words = pql_verdict_words(model);
		MemoryContextSwitchTo(old);
	}
	pql_verdict_values(call->words, &v, values, nulls);
	nulls[PQL_VERDICT_EXPLANATION] = detail == BRIEF;
	if (detail != BRIEF)
		values[PQL_VERDICT_EXPLANATION] =
			pql_verdict_explained(model, evidence, &profile, &v, as_of, detail == LIVE);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls)));
}

/*
 * pql.judge(model jsonb, evidence pql.evidence, profile jsonb, as_of timestamptz) → pql.verdict.
 *
 * Immutable, not strict: NULL evidence is no events, a NULL profile nothing known. NULL when the
 * model or as_of is NULL, or when the trial has not started by as_of. ERROR: as_of earlier than the
 * evidence's latest event; evidence of another model; evidence and profile of different trials.
 */
PG_FUNCTION_INFO_V1(pql_judge);
Datum
pql_judge(PG_FUNCTION_ARGS)
{
	return judge(fcinfo, STABLE);
}

/* pql.judge_brief: the same without explanation. */
PG_FUNCTION_INFO_V1(pql_judge_brief);
Datum
pql_judge_brief(PG_FUNCTION_ARGS)
{
	return judge(fcinfo, BRIEF);
}

/* pql.judge_live: the same, explained with the numbers that drift with as_of as well. */
PG_FUNCTION_INFO_V1(pql_judge_live);
Datum
pql_judge_live(PG_FUNCTION_ARGS)
{
	return judge(fcinfo, LIVE);
}

/* ---- numbers ---- */

/* The first measure that a condition asks for; NULL: none. */
static const PqlMeasure *
first_measure(const PqlModel *model, const PqlCond *cond)
{
	if (cond->kind == PQL_C_MEASURE)
		return &model->measures[cond->index];
	for (int i = 0; i < cond->n; i++)
	{
		const PqlMeasure *found = first_measure(model, cond->parts[i]);

		if (found != NULL)
			return found;
	}
	return NULL;
}

/*
 * pql.signal_series(model jsonb, evidence pql.evidence, signal text, as_of timestamptz) → float8[].
 *
 * Strict: NULL evidence has no numbers. Of the measure of a signal the number as of an instant; of
 * weeks the events in each complete week that is kept, the last one first. NULL: there is none.
 * ERROR: no such signal, and as pql.judge.
 */
PG_FUNCTION_INFO_V1(pql_signal_series);
Datum
pql_signal_series(PG_FUNCTION_ARGS)
{
	PqlModelCache *models = fcinfo->flinfo->fn_extra;
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	int64 as_of = PG_GETARG_TIMESTAMPTZ(3);
	double numbers[PQL_MAX_WEEKS];
	Datum values[PQL_MAX_WEEKS];
	const PqlMeasure *measure;
	PqlModel *model;
	PqlEyes eyes;
	int signal;
	int n;

	if (models == NULL)
	{
		models = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(PqlModelCache));
		models->context = fcinfo->flinfo->fn_mcxt;
		fcinfo->flinfo->fn_extra = models;
	}
	model = pql_model_cached(models, PG_GETARG_DATUM(0), false);
	signal = pql_model_signal(model, name);
	if (signal < 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("model \"%s\" has no signal \"%s\"", model->name, name)));
	measure = first_measure(model, model->signals[signal].when);
	if (measure == NULL)
		PG_RETURN_NULL();
	eyes.model = model;
	eyes.evidence = read_evidence(fcinfo, model);
	eyes.started_at = eyes.evidence->started_at;
	n = pql_read_weeks(&eyes, measure, as_of, numbers);
	if (n == 0 && pql_read_value(&eyes, measure, as_of, numbers))
		n = 1;
	if (n == 0)
		PG_RETURN_NULL();
	for (int i = 0; i < n; i++)
		values[i] = Float8GetDatum(numbers[i]);
	PG_RETURN_ARRAYTYPE_P(
		construct_array(values, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
