/*
 * gather.c: the SQL face of evidence: the type pql.evidence and the aggregate pql.gather.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "gather.h"
#include "model_cache.h"

/* ---- between the type and its in-memory form ---- */

bytea *
pql_evidence_pack(const PqlEvidence *evidence)
{
	StringInfoData out;

	out.maxlen = VARHDRSZ + evidence->layout->bound + 1;
	out.data = palloc(out.maxlen);
	out.len = VARHDRSZ;
	out.cursor = 0;
	pql_evidence_write(evidence, &out);
	SET_VARSIZE(out.data, out.len);
	return (bytea *) out.data;
}

PqlEvidence *
pql_evidence_unpack(const bytea *packed, const PqlLayout *known)
{
	StringInfoData in;

	in.data = (char *) VARDATA_ANY(packed);
	in.len = VARSIZE_ANY_EXHDR(packed);
	in.maxlen = in.len;
	in.cursor = 0;
	return pql_evidence_read(&in, known);
}

/* For values from outside: they must be what pql_evidence_write would have written. */
static bytea *
evidence_check(const bytea *packed)
{
	bytea *again = pql_evidence_pack(pql_evidence_unpack(packed, NULL));

	if (VARSIZE_ANY_EXHDR(packed) != VARSIZE_ANY_EXHDR(again) ||
		memcmp(VARDATA_ANY(packed), VARDATA_ANY(again), VARSIZE_ANY_EXHDR(again)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid pql.evidence"),
				 errdetail("It is not in canonical form."),
				 errhint("Evidence is made by pql.gather; gather it again from the events.")));
	return again;
}

/*
 * pql.evidence_in(cstring) → pql.evidence, strict. Text is \x and hexadecimal digits, as a bytea.
 * Anything that pql.gather could not have made is an ERROR.
 */
PG_FUNCTION_INFO_V1(pql_evidence_in);
Datum
pql_evidence_in(PG_FUNCTION_ARGS)
{
	bytea *packed = DatumGetByteaPP(DirectFunctionCall1(byteain, PG_GETARG_DATUM(0)));

	PG_RETURN_BYTEA_P(evidence_check(packed));
}

/* pql.evidence_out(pql.evidence) → cstring, strict. */
PG_FUNCTION_INFO_V1(pql_evidence_out);
Datum
pql_evidence_out(PG_FUNCTION_ARGS)
{
	bytea *packed = PG_GETARG_BYTEA_PP(0);
	int length = VARSIZE_ANY_EXHDR(packed);
	char *out = palloc(2 + 2 * length + 1);

	out[0] = '\\';
	out[1] = 'x';
	hex_encode(VARDATA_ANY(packed), length, out + 2);
	out[2 + 2 * length] = '\0';
	PG_RETURN_CSTRING(out);
}

/* pql.evidence_recv(internal) → pql.evidence, strict. */
PG_FUNCTION_INFO_V1(pql_evidence_recv);
Datum
pql_evidence_recv(PG_FUNCTION_ARGS)
{
	StringInfo in = (StringInfo) PG_GETARG_POINTER(0);
	int length = in->len - in->cursor;
	bytea *packed = palloc(VARHDRSZ + length);

	SET_VARSIZE(packed, VARHDRSZ + length);
	pq_copymsgbytes(in, VARDATA(packed), length);
	PG_RETURN_BYTEA_P(evidence_check(packed));
}

/* pql.evidence_send(pql.evidence) → bytea, strict. */
PG_FUNCTION_INFO_V1(pql_evidence_send);
Datum
pql_evidence_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

/* pql.evidence_merge(pql.evidence, pql.evidence) → pql.evidence, strict: both subjects' events. */
PG_FUNCTION_INFO_V1(pql_evidence_merge_sql);
Datum
pql_evidence_merge_sql(PG_FUNCTION_ARGS)
{
	PqlEvidence *a = pql_evidence_unpack(PG_GETARG_BYTEA_PP(0), NULL);
	PqlEvidence *b = pql_evidence_unpack(PG_GETARG_BYTEA_PP(1), a->layout);

	PG_RETURN_BYTEA_P(pql_evidence_pack(pql_evidence_merge(a, b)));
}

/* pql.evidence_fits(pql.evidence, model jsonb) → boolean, strict: does the model keep the same? */
PG_FUNCTION_INFO_V1(pql_evidence_fits);
Datum
pql_evidence_fits(PG_FUNCTION_ARGS)
{
	const PqlModel *model = pql_model_from_jsonb(PG_GETARG_JSONB_P(1));

	PG_RETURN_BOOL(pql_evidence_unpack(PG_GETARG_BYTEA_PP(0), &model->layout)->layout ==
				   &model->layout);
}

/* pql.evidence_eq(pql.evidence, pql.evidence) → boolean, strict: the same to the byte. */
PG_FUNCTION_INFO_V1(pql_evidence_eq);
Datum
pql_evidence_eq(PG_FUNCTION_ARGS)
{
	bytea *a = PG_GETARG_BYTEA_PP(0);
	bytea *b = PG_GETARG_BYTEA_PP(1);

	PG_RETURN_BOOL(VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
				   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0);
}

/* pql.evidence_hash(pql.evidence) → int4, strict. */
PG_FUNCTION_INFO_V1(pql_evidence_hash);
Datum
pql_evidence_hash(PG_FUNCTION_ARGS)
{
	bytea *a = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_DATUM(hash_any((unsigned char *) VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a)));
}

/* pql.evidence_ignored(pql.evidence) → bigint, strict: rows without event or usable time. */
PG_FUNCTION_INFO_V1(pql_evidence_ignored);
Datum
pql_evidence_ignored(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(pql_evidence_unpack(PG_GETARG_BYTEA_PP(0), NULL)->ignored);
}

/* pql.evidence_horizon(pql.evidence) → timestamptz, strict; NULL when no event counted. */
PG_FUNCTION_INFO_V1(pql_evidence_horizon);
Datum
pql_evidence_horizon(PG_FUNCTION_ARGS)
{
	PqlEvidence *e = pql_evidence_unpack(PG_GETARG_BYTEA_PP(0), NULL);

	if (e->horizon == PQL_ALWAYS)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(e->horizon);
}

/* ---- the aggregate ---- */

typedef struct GatherCall
{
	PqlModelCache models;
	bool stable; /* the model argument cannot change within a group */
} GatherCall;

static GatherCall *
gather_call(FunctionCallInfo fcinfo)
{
	GatherCall *call = fcinfo->flinfo->fn_extra;
	Aggref *aggref;

	if (call != NULL)
		return call;
	call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(GatherCall));
	call->models.context = fcinfo->flinfo->fn_mcxt;
	aggref = AggGetAggref(fcinfo);
	if (aggref != NULL && list_length(aggref->args) > 0)
	{
		Node *arg = (Node *) ((TargetEntry *) linitial(aggref->args))->expr;

		call->stable = IsA(arg, Const) || IsA(arg, Param);
	}
	fcinfo->flinfo->fn_extra = call;
	return call;
}

static PqlEvidence *
first_row(MemoryContext aggregate, const PqlModel *model, int64 started_at)
{
	MemoryContext old = MemoryContextSwitchTo(aggregate);
	PqlEvidence *e;

	e = pql_evidence_new(&model->layout, started_at);
	if (e->started_at != PQL_ALWAYS)
		e->start_day = pql_day(model->zone, e->started_at);
	MemoryContextSwitchTo(old);
	return e;
}

/*
 * pql.gather_add(internal, model jsonb, occurred_at timestamptz, event text, properties jsonb,
 * started_at timestamptz) → internal, not strict: pql.gather's transition.
 *
 * A row with a NULL event, a NULL or infinite time (or one outside the years 1 to 9999) is ignored
 * and counted. NULL properties are no properties. started_at NULL: a subject without a known start;
 * it must be the same in all rows of a group. A NULL model is an ERROR.
 */
PG_FUNCTION_INFO_V1(pql_gather_add);
Datum
pql_gather_add(PG_FUNCTION_ARGS)
{
	MemoryContext aggregate;
	PqlEvidence *e = PG_ARGISNULL(0) ? NULL : (PqlEvidence *) PG_GETARG_POINTER(0);
	GatherCall *call;
	PqlModel *model;
	PqlEvent event;
	bool usable;
	int64 started_at;

	if (e != NULL)
		pql_evidence_prefetch(e);
	if (!AggCheckCallContext(fcinfo, &aggregate))
		elog(ERROR, "pql.gather_add called outside an aggregate");
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("model is NULL"),
						errhint("Write (SELECT pql.model('trial')) with a model that exists.")));
	call = gather_call(fcinfo);
	/* a parameter may be set anew between groups, at the same address: look at it once a group */
	model = pql_model_cached(&call->models, PG_GETARG_DATUM(1), call->stable && e != NULL);
	started_at = PG_ARGISNULL(5) ? PQL_ALWAYS : PG_GETARG_TIMESTAMPTZ(5);
	if (!PQL_INSTANT_OK(started_at))
		started_at = PQL_ALWAYS;

	event.at = PG_ARGISNULL(2) ? PQL_ALWAYS : PG_GETARG_TIMESTAMPTZ(2);
	usable = !PG_ARGISNULL(3) && PQL_INSTANT_OK(event.at);
	if (usable)
	{
		text *name = PG_GETARG_TEXT_PP(3);

		event.name = VARDATA_ANY(name);
		event.name_length = VARSIZE_ANY_EXHDR(name);
		event.properties = PG_ARGISNULL(4) ? NULL : (struct varlena *) PG_GETARG_POINTER(4);
		event.values = NULL;
		pql_event_open(model, &event);
	}

	if (e == NULL)
		e = first_row(aggregate, model, started_at);
	else if (e->layout != &model->layout && !pql_layout_equal(e->layout, &model->layout))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("one group was given two models"),
				 errhint("Group by the model as well.")));
	if (started_at != e->started_at)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("one group was given two values of started_at"),
						errhint("Group by the trial's start as well as by the user.")));
	if (!usable)
	{
		e->ignored++;
		PG_RETURN_POINTER(e);
	}
	PG_RETURN_POINTER(pql_evidence_add(model, e, &event));
}

/* pql.gather_combine(internal, internal) → internal, not strict. Changes the first, copies from the
 * second. */
PG_FUNCTION_INFO_V1(pql_gather_combine);
Datum
pql_gather_combine(PG_FUNCTION_ARGS)
{
	MemoryContext aggregate;
	MemoryContext old;
	PqlEvidence *a = PG_ARGISNULL(0) ? NULL : (PqlEvidence *) PG_GETARG_POINTER(0);
	PqlEvidence *b = PG_ARGISNULL(1) ? NULL : (PqlEvidence *) PG_GETARG_POINTER(1);

	if (!AggCheckCallContext(fcinfo, &aggregate))
		elog(ERROR, "pql.gather_combine called outside an aggregate");
	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
	{
		old = MemoryContextSwitchTo(aggregate);
		a = pql_evidence_copy(b);
		MemoryContextSwitchTo(old);
		PG_RETURN_POINTER(a);
	}
	PG_RETURN_POINTER(pql_evidence_merge(a, b));
}

/* pql.gather_serialize(internal) → bytea, strict. */
PG_FUNCTION_INFO_V1(pql_gather_serialize);
Datum
pql_gather_serialize(PG_FUNCTION_ARGS)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "pql.gather_serialize called outside an aggregate");
	PG_RETURN_BYTEA_P(pql_evidence_pack((PqlEvidence *) PG_GETARG_POINTER(0)));
}

/* Layouts that came with evidence from workers: kept for the query, shared by all states. */
typedef struct KeptLayout
{
	PqlLayout layout;
	struct KeptLayout *next;
} KeptLayout;

static const PqlLayout *
keep_layout(FmgrInfo *flinfo, const PqlLayout *layout)
{
	KeptLayout *kept;

	for (kept = flinfo->fn_extra; kept != NULL; kept = kept->next)
		if (pql_layout_equal(&kept->layout, layout))
			return &kept->layout;
	kept = MemoryContextAlloc(flinfo->fn_mcxt, sizeof(KeptLayout));
	kept->layout = *layout;
	kept->layout.slots = MemoryContextAlloc(flinfo->fn_mcxt, Max(1, layout->n) * sizeof(PqlSlot));
	memcpy(kept->layout.slots, layout->slots, layout->n * sizeof(PqlSlot));
	kept->next = flinfo->fn_extra;
	flinfo->fn_extra = kept;
	return &kept->layout;
}

/* pql.gather_deserialize(bytea, internal) → internal, strict. Trusts nothing. */
PG_FUNCTION_INFO_V1(pql_gather_deserialize);
Datum
pql_gather_deserialize(PG_FUNCTION_ARGS)
{
	KeptLayout *kept = fcinfo->flinfo->fn_extra;
	PqlEvidence *e;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "pql.gather_deserialize called outside an aggregate");
	e = pql_evidence_unpack(PG_GETARG_BYTEA_PP(0), kept != NULL ? &kept->layout : NULL);
	if (kept == NULL || e->layout != &kept->layout)
		e->layout = keep_layout(fcinfo->flinfo, e->layout);
	PG_RETURN_POINTER(e);
}

/* pql.gather_final(internal) → pql.evidence, not strict. NULL when there were no rows. */
PG_FUNCTION_INFO_V1(pql_gather_final);
Datum
pql_gather_final(PG_FUNCTION_ARGS)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "pql.gather_final called outside an aggregate");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(pql_evidence_pack((PqlEvidence *) PG_GETARG_POINTER(0)));
}
