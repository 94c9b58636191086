/*
 * tally.c: counting by days, for dashboards.
 *
 * A dashboard counts the same leads by a dozen dates of theirs. Grouping by each would go through
 * them a dozen times; these aggregates keep a number for every day between two, so that one pass
 * counts all. Arrays of one query have the same length, and unnest() puts them side by side.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "tally.h"

#define MOST_DAYS 100000

/* Place 0 is for all days before the first. */
typedef struct Tally
{
	DateADT first;
	int n;
	float8 *sum;
} Tally;

typedef struct Medians
{
	DateADT first;
	int n;
	PqlAmounts *day;
} Medians;

MemoryContext
pql_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return context;
}

/* How many places there are from the day before first to last. */
static int
places(FunctionCallInfo fcinfo)
{
	int64 first = PG_ARGISNULL(3) ? DATEVAL_NOBEGIN : PG_GETARG_DATEADT(3);
	int64 last = PG_ARGISNULL(4) ? DATEVAL_NOEND : PG_GETARG_DATEADT(4);

	if (DATE_NOT_FINITE(first) || DATE_NOT_FINITE(last) || last - first > MOST_DAYS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the days to be tallied are not known, or too many"),
						errhint("Give a first and a last day, at most %d days later.", MOST_DAYS)));
	return (int) Max(last - first, -1) + 2;
}

/* The place of a day, or -1: it is after the last. */
static int
place_of(DateADT day, DateADT first, int n)
{
	int64 place = (int64) day - first + 1;

	return place >= n ? -1 : (int) Max(place, 0);
}

static ArrayType *
array_of(Datum *values, bool *nulls, int n)
{
	int lower = 1;

	return construct_md_array(values, nulls, 1, &n, &lower, FLOAT8OID, sizeof(float8),
							  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/*
 * Transition of pql.tally(day date, amount float8, first date, last date): adds the amount to the
 * day's. NULL day or amount: nothing.
 */
PG_FUNCTION_INFO_V1(pql_tally_add);
Datum
pql_tally_add(PG_FUNCTION_ARGS)
{
	Tally *t = PG_ARGISNULL(0) ? NULL : (Tally *) PG_GETARG_POINTER(0);
	int place;

	if (t == NULL)
	{
		MemoryContext context = pql_aggregate_context(fcinfo);

		t = MemoryContextAlloc(context, sizeof(Tally));
		t->n = places(fcinfo);
		t->first = PG_GETARG_DATEADT(3);
		t->sum = MemoryContextAllocZero(context, t->n * sizeof(float8));
	}
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) &&
		(place = place_of(PG_GETARG_DATEADT(1), t->first, t->n)) >= 0)
		t->sum[place] += PG_GETARG_FLOAT8(2);
	PG_RETURN_POINTER(t);
}

/*
 * Result of pql.tally: the sum of all days before the first, and then those of each day up to the
 * last; 0 where there was nothing. NULL: there were no rows.
 */
PG_FUNCTION_INFO_V1(pql_tally_sums);
Datum
pql_tally_sums(PG_FUNCTION_ARGS)
{
	const Tally *t;
	Datum *values;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	t = (const Tally *) PG_GETARG_POINTER(0);
	values = palloc(t->n * sizeof(Datum));
	for (int i = 0; i < t->n; i++)
		values[i] = Float8GetDatum(t->sum[i]);
	PG_RETURN_ARRAYTYPE_P(array_of(values, NULL, t->n));
}

/* A state of another worker, as it comes: first, n, and what follows. */
static void
open_state(StringInfo buffer, bytea *bytes, DateADT *first, int *n)
{
	initStringInfo(buffer);
	appendBinaryStringInfo(buffer, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	*first = pq_getmsgint(buffer, 4);
	*n = pq_getmsgint(buffer, 4);
	if (*n < 1 || *n > MOST_DAYS + 2)
		elog(ERROR, "a tally of %d days", *n);
}

static void
refuse_different(DateADT first, int n, DateADT other_first, int other_n)
{
	if (first != other_first || n != other_n)
		elog(ERROR, "tallies of different days cannot be added");
}

/* Combines two states of pql.tally. */
PG_FUNCTION_INFO_V1(pql_tally_combine);
Datum
pql_tally_combine(PG_FUNCTION_ARGS)
{
	Tally *t = PG_ARGISNULL(0) ? NULL : (Tally *) PG_GETARG_POINTER(0);
	const Tally *other = PG_ARGISNULL(1) ? NULL : (const Tally *) PG_GETARG_POINTER(1);

	if (other == NULL && t == NULL)
		PG_RETURN_NULL();
	if (other == NULL)
		PG_RETURN_POINTER(t);
	if (t == NULL)
	{
		MemoryContext context = pql_aggregate_context(fcinfo);

		t = MemoryContextAlloc(context, sizeof(Tally));
		t->n = other->n;
		t->first = other->first;
		t->sum = MemoryContextAllocZero(context, t->n * sizeof(float8));
	}
	refuse_different(t->first, t->n, other->first, other->n);
	for (int i = 0; i < t->n; i++)
		t->sum[i] += other->sum[i];
	PG_RETURN_POINTER(t);
}

/* A state of pql.tally on its way between workers. */
PG_FUNCTION_INFO_V1(pql_tally_serialize);
Datum
pql_tally_serialize(PG_FUNCTION_ARGS)
{
	const Tally *t = (const Tally *) PG_GETARG_POINTER(0);
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, t->first);
	pq_sendint32(&buffer, t->n);
	appendBinaryStringInfo(&buffer, (const char *) t->sum, t->n * sizeof(float8));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(pql_tally_deserialize);
Datum
pql_tally_deserialize(PG_FUNCTION_ARGS)
{
	Tally *t = palloc(sizeof(Tally));
	StringInfoData buffer;

	open_state(&buffer, PG_GETARG_BYTEA_PP(0), &t->first, &t->n);
	t->sum = palloc(t->n * sizeof(float8));
	pq_copymsgbytes(&buffer, (char *) t->sum, t->n * sizeof(float8));
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(t);
}

void
pql_keep_amounts(MemoryContext context, PqlAmounts *a, const float8 *amounts, int n)
{
	if (a->n + n > a->room)
	{
		Size size;

		a->room = Max(16, Max(2 * a->room, a->n + n));
		size = a->room * sizeof(float8);
		a->amount = a->amount == NULL ? MemoryContextAllocHuge(context, size)
									  : repalloc_huge(a->amount, size);
	}
	memcpy(a->amount + a->n, amounts, n * sizeof(float8));
	a->n += n;
}

static int
compare_amounts(const void *a, const void *b)
{
	float8 x = *(const float8 *) a;
	float8 y = *(const float8 *) b;

	/* as float8 sorts: NaN last */
	if (isnan(x) || isnan(y))
		return isnan(x) - isnan(y);
	return (x > y) - (x < y);
}

float8
pql_median(PqlAmounts *a)
{
	/* sorting what is sorted gives the same */
	qsort(a->amount, a->n, sizeof(float8), compare_amounts);
	if (a->n % 2 == 1)
		return a->amount[a->n / 2];
	return a->amount[a->n / 2 - 1] + (a->amount[a->n / 2] - a->amount[a->n / 2 - 1]) * 0.5;
}

void
pql_send_amounts(StringInfo buffer, const PqlAmounts *a)
{
	pq_sendint32(buffer, a->n);
	if (a->n > 0)
		appendBinaryStringInfo(buffer, (const char *) a->amount, a->n * sizeof(float8));
}

void
pql_receive_amounts(StringInfo buffer, PqlAmounts *a)
{
	a->n = a->room = pq_getmsgint(buffer, 4);
	if (a->n < 0 || a->n > (buffer->len - buffer->cursor) / (int) sizeof(float8))
		elog(ERROR, "a day of %d amounts", a->n);
	a->amount = NULL;
	if (a->n == 0)
		return;
	a->amount = palloc(a->n * sizeof(float8));
	pq_copymsgbytes(buffer, (char *) a->amount, a->n * sizeof(float8));
}

/*
 * Transition of pql.tally_median(day date, amount float8, first date, last date): keeps the amount
 * with the day's. NULL day or amount: nothing.
 */
PG_FUNCTION_INFO_V1(pql_tally_keep);
Datum
pql_tally_keep(PG_FUNCTION_ARGS)
{
	MemoryContext context = pql_aggregate_context(fcinfo);
	Medians *m = PG_ARGISNULL(0) ? NULL : (Medians *) PG_GETARG_POINTER(0);
	float8 amount;
	int place;

	if (m == NULL)
	{
		m = MemoryContextAlloc(context, sizeof(Medians));
		m->n = places(fcinfo);
		m->first = PG_GETARG_DATEADT(3);
		m->day = MemoryContextAllocZero(context, m->n * sizeof(PqlAmounts));
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) ||
		(place = place_of(PG_GETARG_DATEADT(1), m->first, m->n)) <= 0)
		PG_RETURN_POINTER(m);
	amount = PG_GETARG_FLOAT8(2);
	pql_keep_amounts(context, &m->day[place], &amount, 1);
	PG_RETURN_POINTER(m);
}

/* Combines two states of pql.tally_median. */
PG_FUNCTION_INFO_V1(pql_tally_median_combine);
Datum
pql_tally_median_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = pql_aggregate_context(fcinfo);
	Medians *m = PG_ARGISNULL(0) ? NULL : (Medians *) PG_GETARG_POINTER(0);
	const Medians *other = PG_ARGISNULL(1) ? NULL : (const Medians *) PG_GETARG_POINTER(1);

	if (other == NULL && m == NULL)
		PG_RETURN_NULL();
	if (other == NULL)
		PG_RETURN_POINTER(m);
	if (m == NULL)
	{
		m = MemoryContextAlloc(context, sizeof(Medians));
		m->n = other->n;
		m->first = other->first;
		m->day = MemoryContextAllocZero(context, m->n * sizeof(PqlAmounts));
	}
	refuse_different(m->first, m->n, other->first, other->n);
	for (int i = 0; i < m->n; i++)
		if (other->day[i].n > 0)
			pql_keep_amounts(context, &m->day[i], other->day[i].amount, other->day[i].n);
	PG_RETURN_POINTER(m);
}

/* A state of pql.tally_median on its way between workers. */
PG_FUNCTION_INFO_V1(pql_tally_median_serialize);
Datum
pql_tally_median_serialize(PG_FUNCTION_ARGS)
{
	const Medians *m = (const Medians *) PG_GETARG_POINTER(0);
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, m->first);
	pq_sendint32(&buffer, m->n);
	for (int i = 0; i < m->n; i++)
		pql_send_amounts(&buffer, &m->day[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(pql_tally_median_deserialize);
Datum
pql_tally_median_deserialize(PG_FUNCTION_ARGS)
{
	Medians *m = palloc(sizeof(Medians));
	StringInfoData buffer;

	open_state(&buffer, PG_GETARG_BYTEA_PP(0), &m->first, &m->n);
	m->day = palloc0(m->n * sizeof(PqlAmounts));
	for (int i = 0; i < m->n; i++)
		pql_receive_amounts(&buffer, &m->day[i]);
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(m);
}

/*
 * Result of pql.tally_median: NULL for what is before the first day, and then the median of each
 * day, as percentile_cont(0.5) gives it; NULL where there was nothing.
 */
PG_FUNCTION_INFO_V1(pql_tally_medians);
Datum
pql_tally_medians(PG_FUNCTION_ARGS)
{
	const Medians *m;
	Datum *values;
	bool *nulls;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	m = (const Medians *) PG_GETARG_POINTER(0);
	values = palloc0(m->n * sizeof(Datum));
	nulls = palloc(m->n * sizeof(bool));
	for (int i = 0; i < m->n; i++)
	{
		nulls[i] = m->day[i].n == 0;
		if (!nulls[i])
			values[i] = Float8GetDatum(pql_median(&m->day[i]));
	}
	PG_RETURN_ARRAYTYPE_P(array_of(values, nulls, m->n));
}
