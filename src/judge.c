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
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "explanation.h"
#include "model_cache.h"
#include "verdict.h"

#define VERDICT_COLUMNS 9

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

/* ---- the profile ---- */

static PqlValue
get(const PqlValue *object, const char *key)
{
	return pql_value_get(object, key, strlen(key));
}

/* An instant of the profile, or `missing` where there is none. */
static int64
profile_instant(const PqlValue *section, const char *name, const char *key, int64 missing)
{
	PqlValue value = get(section, key);
	const char *text;
	int length;
	int64 at;

	if (value.kind == PQL_ABSENT)
		return missing;
	if (!pql_value_instant(&value, &at))
	{
		text = pql_value_text(&value, &length);
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
			 errmsg("%s.%s of the profile is no instant: \"%.*s\"", name, key, Min(length, 60),
					text),
			 errdetail("Instants in a profile are ISO 8601, as to_jsonb(timestamptz) writes them."),
			 errhint("Write for example \"2026-11-02T09:30:00Z\".")));
	}
	return PQL_INSTANT_OK(at) ? at : missing;
}

static void
know(PqlHistory *h, int64 at, PqlValue value)
{
	int i = h->n++;

	/* ascending; of two at the same instant the one written later holds */
	for (; i > 0 && h->known[i - 1].at > at; i--)
		h->known[i] = h->known[i - 1];
	h->known[i].at = at;
	h->known[i].value = value;
}

/* [{"value": …, "recorded_at": …}, …], as far as it was known by as_of. */
static void
read_history(PqlHistory *h, const PqlValue *entries, int64 as_of)
{
	int n = pql_value_count(entries);

	h->known = palloc(Max(1, n) * sizeof(PqlKnown));
	for (int i = 0; i < n; i++)
	{
		PqlValue entry = pql_value_element(entries, i);
		PqlValue recorded = get(&entry, "recorded_at");
		int64 at = PQL_ALWAYS;

		if (recorded.kind != PQL_ABSENT && !pql_value_instant(&recorded, &at))
			(void) profile_instant(&entry, "history", "recorded_at", PQL_ALWAYS);
		if (at <= as_of)
			know(h, at, get(&entry, "value"));
	}
}

/* What stands before the last @, in lower case. */
static PqlValue
local_part(PqlValue email)
{
	PqlValue local = {PQL_ABSENT};
	int at = -1;
	char *lower;

	if (email.kind != PQL_STRING)
		return local;
	for (int i = 0; i < email.length; i++)
		if (email.data[i] == '@')
			at = i;
	if (at < 0)
		return local;
	lower = pnstrdup(email.data, at);
	for (char *p = lower; *p != '\0'; p++)
		*p = pg_tolower((unsigned char) *p);
	local.kind = PQL_STRING;
	local.data = lower;
	local.length = at;
	return local;
}

static void
read_fact(PqlHistory *h, const PqlValue *root, const PqlValue *history, const PqlFact *fact,
		  int64 as_of)
{
	PqlValue entries = pql_value_get(history, fact->dotted, strlen(fact->dotted));
	PqlValue section;
	PqlValue value;

	h->n = 0;
	if (entries.kind == PQL_ARRAY)
	{
		read_history(h, &entries, as_of);
		return;
	}
	section = pql_value_get(root, fact->section.name, fact->section.length);
	value = pql_value_path(&section, fact->key.name, fact->key.length);
	h->known = palloc(sizeof(PqlKnown));
	if (value.kind != PQL_ABSENT)
		know(h, PQL_ALWAYS, value);
	else if (strcmp(fact->dotted, "person.email_local") == 0)
	{
		/* told by the e-mail, where the profile does not say it itself */
		static const PqlFact email = {"person.email", {"person", 6}, {"email", 5}, false};

		read_fact(h, root, history, &email, as_of);
		for (int i = 0; i < h->n; i++)
			h->known[i].value = local_part(h->known[i].value);
	}
}

static void
read_profile(PqlProfile *p, const PqlModel *model, struct varlena *jsonb, int64 as_of)
{
	PqlValue root = {PQL_ABSENT};
	PqlValue trial;
	PqlValue history;

	if (jsonb != NULL)
		root = pql_value_root(jsonb);
	trial = get(&root, "trial");
	history = get(&root, "history");
	p->started_at = profile_instant(&trial, "trial", "started_at", PQL_ALWAYS);
	p->ends_at = profile_instant(&trial, "trial", "ends_at", PQL_NEVER);
	p->converted_at = profile_instant(&trial, "trial", "converted_at", PQL_NEVER);
	if (p->converted_at > as_of)
		p->converted_at = PQL_NEVER;
	p->lists.object = get(&root, "lists");
	p->facts = palloc(Max(1, model->nfacts) * sizeof(PqlHistory));
	for (int i = 0; i < model->nfacts; i++)
		read_fact(&p->facts[i], &root, &history, &model->facts[i], as_of);
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

/* Names of what is set, in the model's order. */
static Datum
names_met(const PqlModel *model, const PqlStanding *s, bool exclusions)
{
	int n = exclusions ? model->nexclusions : model->nsignals;
	Datum *names = palloc(Max(1, n) * sizeof(Datum));
	int met = 0;

	for (int i = 0; i < n; i++)
		if (exclusions ? s->exclusion[i] : s->signal[i] == PQL_TRUE)
			names[met++] = CStringGetTextDatum(exclusions ? model->exclusions[i].reason
														  : model->signals[i].name);
	if (met == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	return PointerGetDatum(construct_array(names, met, TEXTOID, -1, false, TYPALIGN_INT));
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
	Datum values[VERDICT_COLUMNS];
	bool nulls[VERDICT_COLUMNS] = {false};
	StringInfoData explanation;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	as_of = PG_GETARG_TIMESTAMPTZ(3);
	if (!PQL_INSTANT_OK(as_of))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("as_of is not an instant of the years 1 to 9999"),
						errhint("Use now(), or the instant to look back to.")));
	model = pql_model_cached(&call->models, PG_GETARG_DATUM(0), false);
	read_profile(&profile, model, PG_ARGISNULL(2) ? NULL : (struct varlena *) PG_GETARG_POINTER(2),
				 as_of);
	evidence = read_evidence(fcinfo, model);
	settle_start(&profile, evidence);
	if (profile.started_at != PQL_ALWAYS && profile.started_at > as_of)
		PG_RETURN_NULL();

	pql_judge_subject(model, evidence, &profile, as_of, detail != BRIEF, &v);

	values[0] = CStringGetTextDatum(pql_status_names[v.status]);
	values[1] = Int32GetDatum(v.now.score);
	values[2] = Int32GetDatum(v.now.potential);
	nulls[3] = v.now.tier < 0;
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(model->tiers[v.now.tier].name);
	values[4] = names_met(model, &v.now, false);
	values[5] = names_met(model, &v.now, true);
	nulls[6] = v.qualified_at == PQL_NEVER;
	values[6] = TimestampTzGetDatum(v.qualified_at);
	nulls[7] = v.next_change_at == PQL_NEVER;
	values[7] = TimestampTzGetDatum(v.next_change_at);
	nulls[8] = detail == BRIEF;
	if (detail != BRIEF)
	{
		initStringInfo(&explanation);
		pql_explain_verdict(model, evidence, &profile, &v, as_of, detail == LIVE, &explanation);
		values[8] = DirectFunctionCall1(jsonb_in, CStringGetDatum(explanation.data));
	}
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
