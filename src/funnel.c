/*
 * funnel.c: how many of each week's subjects reached which stage, and after how long.
 *
 *     subjects (week, instants of their stages) → pql.funnel_of → a row of numbers a week
 *
 * One call a subject, for there are many: all stages of all weeks in one pass.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "tally.h"

/* activated, sustained, qualified, contacted, meeting, paid */
#define STAGES 6
#define MOST_WEEKS 20000

/* Columns of the result: open, mature, and of each stage how many, their days in all, the median.
 */
#define COLUMNS (2 + 3 * STAGES)

/* Arguments after the state. */
#define ARG_WEEK 1
#define ARG_MATURE 2
#define ARG_STARTED_AT 3
#define ARG_STAGE 4
#define ARG_FIRST (ARG_STAGE + STAGES)
#define ARG_LAST (ARG_FIRST + 1)
#define ARG_AS_OF (ARG_FIRST + 2)

typedef struct Week
{
	int64 open;
	int64 mature;
	float8 days[STAGES];
	PqlAmounts stage[STAGES];
} Week;

typedef struct Funnel
{
	DateADT first;
	int n;
	Week *week;
} Funnel;

static Funnel *
new_funnel(MemoryContext context, DateADT first, int n)
{
	Funnel *f = MemoryContextAlloc(context, sizeof(Funnel));

	f->first = first;
	f->n = n;
	f->week = MemoryContextAllocZero(context, n * sizeof(Week));
	return f;
}

static Funnel *
begin(FunctionCallInfo fcinfo, MemoryContext context)
{
	int64 first = PG_ARGISNULL(ARG_FIRST) ? DATEVAL_NOBEGIN : PG_GETARG_DATEADT(ARG_FIRST);
	int64 last = PG_ARGISNULL(ARG_LAST) ? DATEVAL_NOEND : PG_GETARG_DATEADT(ARG_LAST);

	if (DATE_NOT_FINITE(first) || DATE_NOT_FINITE(last) || last < first ||
		(last - first) / 7 >= MOST_WEEKS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the weeks of a funnel are not known, or too many"),
						errhint("Give the first week, and the last, at most %d weeks later.",
								MOST_WEEKS)));
	return new_funnel(context, first, (int) ((last - first) / 7) + 1);
}

/*
 * Transition of pql.funnel_of(week date, mature boolean, started_at timestamptz, six instants,
 * first_week date, last_week date, as_of timestamptz): counts a subject. A stage whose instant is
 * NULL, or after as_of, was not reached. Weeks outside, NULL weeks: nothing.
 */
PG_FUNCTION_INFO_V1(pql_funnel_add);
Datum
pql_funnel_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = pql_aggregate_context(fcinfo);
	Funnel *f = PG_ARGISNULL(0) ? begin(fcinfo, context) : (Funnel *) PG_GETARG_POINTER(0);
	int64 days;
	Week *w;

	if (PG_ARGISNULL(ARG_WEEK) || PG_ARGISNULL(ARG_MATURE) || PG_ARGISNULL(ARG_STARTED_AT) ||
		PG_ARGISNULL(ARG_AS_OF))
		PG_RETURN_POINTER(f);
	days = (int64) PG_GETARG_DATEADT(ARG_WEEK) - f->first;
	if (days < 0 || days / 7 >= f->n)
		PG_RETURN_POINTER(f);
	w = &f->week[days / 7];
	if (!PG_GETARG_BOOL(ARG_MATURE))
	{
		w->open++;
		PG_RETURN_POINTER(f);
	}
	w->mature++;
	for (int i = 0; i < STAGES; i++)
	{
		float8 passed;
		TimestampTz at;

		if (PG_ARGISNULL(ARG_STAGE + i))
			continue;
		at = PG_GETARG_TIMESTAMPTZ(ARG_STAGE + i);
		if (at > PG_GETARG_TIMESTAMPTZ(ARG_AS_OF) || TIMESTAMP_NOT_FINITE(at))
			continue;
		passed = ((float8) at - (float8) PG_GETARG_TIMESTAMPTZ(ARG_STARTED_AT)) / USECS_PER_DAY;
		w->days[i] += passed;
		pql_keep_amounts(context, &w->stage[i], &passed, 1);
	}
	PG_RETURN_POINTER(f);
}

/* Combines two states of pql.funnel_of. */
PG_FUNCTION_INFO_V1(pql_funnel_combine);
Datum
pql_funnel_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = pql_aggregate_context(fcinfo);
	Funnel *f = PG_ARGISNULL(0) ? NULL : (Funnel *) PG_GETARG_POINTER(0);
	const Funnel *other = PG_ARGISNULL(1) ? NULL : (const Funnel *) PG_GETARG_POINTER(1);

	if (other == NULL && f == NULL)
		PG_RETURN_NULL();
	if (other == NULL)
		PG_RETURN_POINTER(f);
	if (f == NULL)
		f = new_funnel(context, other->first, other->n);
	if (f->first != other->first || f->n != other->n)
		elog(ERROR, "funnels of different weeks cannot be added");
	for (int i = 0; i < f->n; i++)
	{
		Week *w = &f->week[i];
		const Week *o = &other->week[i];

		w->open += o->open;
		w->mature += o->mature;
		for (int k = 0; k < STAGES; k++)
		{
			w->days[k] += o->days[k];
			if (o->stage[k].n > 0)
				pql_keep_amounts(context, &w->stage[k], o->stage[k].amount, o->stage[k].n);
		}
	}
	PG_RETURN_POINTER(f);
}

/* A state of pql.funnel_of on its way between workers. */
PG_FUNCTION_INFO_V1(pql_funnel_serialize);
Datum
pql_funnel_serialize(PG_FUNCTION_ARGS)
{
	const Funnel *f = (const Funnel *) PG_GETARG_POINTER(0);
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, f->first);
	pq_sendint32(&buffer, f->n);
	for (int i = 0; i < f->n; i++)
	{
		pq_sendint64(&buffer, f->week[i].open);
		pq_sendint64(&buffer, f->week[i].mature);
		for (int k = 0; k < STAGES; k++)
		{
			pq_sendfloat8(&buffer, f->week[i].days[k]);
			pql_send_amounts(&buffer, &f->week[i].stage[k]);
		}
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(pql_funnel_deserialize);
Datum
pql_funnel_deserialize(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buffer;
	DateADT first;
	Funnel *f;
	int n;

	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	first = pq_getmsgint(&buffer, 4);
	n = pq_getmsgint(&buffer, 4);
	if (n < 1 || n > MOST_WEEKS)
		elog(ERROR, "a funnel of %d weeks", n);
	f = new_funnel(CurrentMemoryContext, first, n);
	for (int i = 0; i < n; i++)
	{
		f->week[i].open = pq_getmsgint64(&buffer);
		f->week[i].mature = pq_getmsgint64(&buffer);
		for (int k = 0; k < STAGES; k++)
		{
			f->week[i].days[k] = pq_getmsgfloat8(&buffer);
			pql_receive_amounts(&buffer, &f->week[i].stage[k]);
		}
	}
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(f);
}

/*
 * Result of pql.funnel_of: float8[week][column], the columns being open, mature, and then of each
 * stage how many, their days in all, and the median of these (NULL: there are none). NULL: there
 * were no rows.
 */
PG_FUNCTION_INFO_V1(pql_funnel_result);
Datum
pql_funnel_result(PG_FUNCTION_ARGS)
{
	const Funnel *f;
	Datum *values;
	bool *nulls;
	int dims[2] = {0, COLUMNS};
	int lower[2] = {1, 1};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	f = (const Funnel *) PG_GETARG_POINTER(0);
	dims[0] = f->n;
	values = palloc0(f->n * COLUMNS * sizeof(Datum));
	nulls = palloc0(f->n * COLUMNS * sizeof(bool));
	for (int i = 0; i < f->n; i++)
	{
		Week *w = &f->week[i];
		Datum *row = values + i * COLUMNS;

		row[0] = Float8GetDatum((float8) w->open);
		row[1] = Float8GetDatum((float8) w->mature);
		for (int k = 0; k < STAGES; k++)
		{
			row[2 + 3 * k] = Float8GetDatum((float8) w->stage[k].n);
			row[3 + 3 * k] = Float8GetDatum(w->days[k]);
			nulls[i * COLUMNS + 4 + 3 * k] = w->stage[k].n == 0;
			if (w->stage[k].n > 0)
				row[4 + 3 * k] = Float8GetDatum(pql_median(&w->stage[k]));
		}
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, 2, dims, lower, FLOAT8OID,
											 sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
