/*
 * similarity.c: how alike two words are, and which of many rows are so alike that they may be one.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "query.h"
#include "similarity.h"

/* Winkler's: what a common beginning of up to four letters adds. */
#define PREFIX_LETTERS 4
#define PREFIX_SHARE 0.1

PqlWord *
pql_word(const char *text, int bytes)
{
	/* cut where a character ends, so that its letters fit */
	int length = pg_mbcliplen(text, bytes, PQL_MOST_LETTERS * pg_database_encoding_max_length());
	PqlWord *w = palloc(offsetof(PqlWord, letter) + (length + 1) * sizeof(pg_wchar));

	w->n = Min(pg_mb2wchar_with_len(text, w->letter, length), PQL_MOST_LETTERS);
	return w;
}

static bool
same_word(const PqlWord *a, const PqlWord *b)
{
	return a->n == b->n && memcmp(a->letter, b->letter, a->n * sizeof(pg_wchar)) == 0;
}

float8
pql_jaro_winkler_of(const PqlWord *a, const PqlWord *b)
{
	int reach = Max(Max(a->n, b->n) / 2 - 1, 0);
	uint64 in_a = 0;
	uint64 in_b = 0;
	int common = 0;
	int out_of_order = 0;
	int prefix = 0;
	float8 jaro;

	if (a->n == 0 || b->n == 0)
		return 0;
	if (same_word(a, b))
		return 1;
	for (int i = 0; i < a->n; i++)
	{
		int last = Min(b->n - 1, i + reach);

		for (int j = Max(0, i - reach); j <= last; j++)
			if (a->letter[i] == b->letter[j] && (in_b & UINT64CONST(1) << j) == 0)
			{
				in_a |= UINT64CONST(1) << i;
				in_b |= UINT64CONST(1) << j;
				common++;
				break;
			}
	}
	if (common == 0)
		return 0;
	/* letters in common that stand at another place among them */
	for (uint64 x = in_a, y = in_b; x != 0; x &= x - 1, y &= y - 1)
		if (a->letter[pg_rightmost_one_pos64(x)] != b->letter[pg_rightmost_one_pos64(y)])
			out_of_order++;
	jaro =
		((float8) common / a->n + (float8) common / b->n + (common - out_of_order / 2.0) / common) /
		3;
	while (prefix < PREFIX_LETTERS && prefix < a->n && prefix < b->n &&
		   a->letter[prefix] == b->letter[prefix])
		prefix++;
	return jaro + prefix * PREFIX_SHARE * (1 - jaro);
}

bool
pql_one_edit(const PqlWord *a, const PqlWord *b)
{
	int head = 0;
	int tail = 0;
	int n;

	if (abs(a->n - b->n) > 1)
		return false;
	n = Min(a->n, b->n);
	while (head < n && a->letter[head] == b->letter[head])
		head++;
	while (tail < n - head && a->letter[a->n - 1 - tail] == b->letter[b->n - 1 - tail])
		tail++;
	if (Max(a->n, b->n) - head - tail <= 1)
		return true;
	return a->n == b->n && a->n - head - tail == 2 && a->letter[head] == b->letter[head + 1] &&
		   a->letter[head + 1] == b->letter[head];
}

/*
 * pql.jaro_winkler(a text, b text) → float8, strict: 0 to 1.
 */
PG_FUNCTION_INFO_V1(pql_jaro_winkler);
Datum
pql_jaro_winkler(PG_FUNCTION_ARGS)
{
	text *a = PG_GETARG_TEXT_PP(0);
	text *b = PG_GETARG_TEXT_PP(1);

	PG_RETURN_FLOAT8(pql_jaro_winkler_of(pql_word(VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a)),
										 pql_word(VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b))));
}

/* --- Pairs of rows ---------------------------------------------------------------------------- */

#define MOST_FIELDS 32
#define MOST_WINDOW 1000

/* Names less alike than this differ. */
#define LEAST_ALIKE 0.7

/* What two names cost that agree only when one takes the other's place. */
#define SWAP_COST 1.0

#define COMPARE_NAME 0
#define COMPARE_CODE 1
#define COMPARE_EXACT 2

typedef struct Field
{
	int compare;
	int swaps_with; /* the field before it that may hold its value, or -1 */
	float8 agree;
	float8 differ;
} Field;

typedef struct Row
{
	MemoryContext context;
	text *id;
	PqlWord **value; /* NULL: not known */
} Row;

typedef struct Matcher
{
	ReturnSetInfo *result;
	int nfields;
	Field field[MOST_FIELDS];
	/* the most that this field and those after it can add */
	float8 rest[MOST_FIELDS + 1];
	float8 threshold;
	int window;
	/* the last rows of the block; the one at `next` is the oldest */
	Row *row;
	int nrows;
	int next;
	text *key;
	MemoryContext context;
} Matcher;

static float8
weight_of(const Field *f, const PqlWord *a, const PqlWord *b)
{
	float8 alike;

	if (a == NULL || b == NULL)
		return 0;
	switch (f->compare)
	{
		case COMPARE_NAME:
			alike = (pql_jaro_winkler_of(a, b) - LEAST_ALIKE) / (1 - LEAST_ALIKE);
			break;
		case COMPARE_CODE:
			/* a slip in a number is half a sign of each */
			alike = same_word(a, b) ? 1 : pql_one_edit(a, b) ? 0.5 : 0;
			break;
		default:
			alike = same_word(a, b);
	}
	return f->differ + (f->agree - f->differ) * Max(alike, 0);
}

/*
 * The weights of all fields, and their sum; false when that stays below the threshold, whatever is
 * still to come. Of two fields that can stand for each other the better of both ways counts.
 */
static bool
compare_rows(Matcher *m, const Row *a, const Row *b, float8 *weight, float8 *sum)
{
	*sum = 0;
	for (int i = 0; i < m->nfields; i++)
	{
		const Field *f = &m->field[i];
		int other = f->swaps_with;

		if (*sum + m->rest[i] < m->threshold)
			return false;
		weight[i] = weight_of(f, a->value[i], b->value[i]);
		*sum += weight[i];
		if (other >= 0 && a->value[i] != NULL && a->value[other] != NULL && b->value[i] != NULL &&
			b->value[other] != NULL)
		{
			float8 first = weight_of(&m->field[other], a->value[other], b->value[i]);
			float8 second = weight_of(f, a->value[i], b->value[other]) - SWAP_COST;

			if (first + second > weight[other] + weight[i])
			{
				*sum += first + second - weight[other] - weight[i];
				weight[other] = first;
				weight[i] = second;
			}
		}
	}
	return *sum >= m->threshold;
}

static text *
word_text(const PqlWord *w)
{
	text *said = palloc(VARHDRSZ + w->n * pg_database_encoding_max_length() + 1);

	SET_VARSIZE(said, VARHDRSZ + pg_wchar2mb_with_len(w->letter, VARDATA(said), w->n));
	return said;
}

static void
give_pair(Matcher *m, const Row *a, const Row *b, const float8 *weight, float8 sum)
{
	Datum values[5];
	bool nulls[5] = {false, false, false, false, false};
	Datum weights[MOST_FIELDS];
	Datum same[MOST_FIELDS];
	bool differs[MOST_FIELDS];
	int n = m->nfields;

	for (int i = 0; i < n; i++)
	{
		weights[i] = Float8GetDatum(weight[i]);
		differs[i] =
			a->value[i] == NULL || b->value[i] == NULL || !same_word(a->value[i], b->value[i]);
		same[i] = differs[i] ? (Datum) 0 : PointerGetDatum(word_text(a->value[i]));
	}
	values[0] = PointerGetDatum(a->id);
	values[1] = PointerGetDatum(b->id);
	values[2] = Float8GetDatum(sum);
	values[3] = PointerGetDatum(construct_array(weights, m->nfields, FLOAT8OID, sizeof(float8),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[4] = PointerGetDatum(
		construct_md_array(same, differs, 1, &n, (int[]){1}, TEXTOID, -1, false, TYPALIGN_INT));
	tuplestore_putvalues(m->result->setResult, m->result->setDesc, values, nulls);
}

static void
check_row_columns(TupleDesc columns)
{
	static const Oid types[] = {TEXTOID, TEXTOID, TEXTARRAYOID};

	for (int i = 0; i < 3; i++)
		if (columns->natts != 3 || TupleDescAttr(columns, i)->atttypid != types[i])
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the query of rows has to give key text, id text, field text[]")));
}

static void
take_row(void *state, TupleTableSlot *slot)
{
	Matcher *m = state;
	Row *row = &m->row[m->next];
	MemoryContext caller;
	text *key;
	Datum *values;
	bool *nulls;
	int n;

	/* each time, for a text of several queries gives rows of several shapes */
	check_row_columns(slot->tts_tupleDescriptor);
	if (slot->tts_isnull[0] || slot->tts_isnull[1] || slot->tts_isnull[2])
		return;
	key = DatumGetTextPP(slot->tts_values[0]);
	if (m->key == NULL || VARSIZE_ANY_EXHDR(key) != VARSIZE_ANY_EXHDR(m->key) ||
		memcmp(VARDATA_ANY(key), VARDATA_ANY(m->key), VARSIZE_ANY_EXHDR(key)) != 0)
	{
		if (m->key != NULL)
			pfree(m->key);
		m->key = (text *) MemoryContextAlloc(m->context, VARSIZE_ANY(key));
		memcpy(m->key, key, VARSIZE_ANY(key));
		m->nrows = m->next = 0;
		row = &m->row[0];
	}

	MemoryContextReset(row->context);
	caller = MemoryContextSwitchTo(row->context);
	row->id = DatumGetTextPCopy(slot->tts_values[1]);
	deconstruct_array(DatumGetArrayTypeP(slot->tts_values[2]), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &n);
	if (n != m->nfields)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("a row has %d fields, and %d are to be compared", n, m->nfields)));
	row->value = palloc(n * sizeof(PqlWord *));
	for (int i = 0; i < n; i++)
	{
		text *value = nulls[i] ? NULL : DatumGetTextPP(values[i]);

		row->value[i] = value == NULL || VARSIZE_ANY_EXHDR(value) == 0
							? NULL
							: pql_word(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	}
	MemoryContextSwitchTo(caller);

	for (int i = 0; i < m->nrows; i++)
	{
		float8 weight[MOST_FIELDS];
		float8 sum;
		const Row *other = &m->row[i];

		if (other != row && compare_rows(m, other, row, weight, &sum))
			give_pair(m, other, row, weight, sum);
	}
	m->nrows = Min(m->nrows + 1, m->window);
	m->next = (m->next + 1) % m->window;
	CHECK_FOR_INTERRUPTS();
}

static void
read_fields(Matcher *m, FunctionCallInfo fcinfo)
{
	Datum *part[4];
	bool *null[4];
	static const Oid types[] = {TEXTOID, FLOAT8OID, FLOAT8OID, INT4OID};

	for (int i = 0; i < 4; i++)
	{
		int n;

		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1 + i), types[i],
						  i == 0   ? -1
						  : i == 3 ? 4
								   : 8,
						  i == 0   ? false
						  : i == 3 ? true
								   : FLOAT8PASSBYVAL,
						  i == 0 || i == 3 ? TYPALIGN_INT : TYPALIGN_DOUBLE, &part[i], &null[i],
						  &n);
		if (i == 0)
			m->nfields = n;
		if (n != m->nfields || n < 1 || n > MOST_FIELDS)
			ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
							errmsg("1 to %d fields can be compared", MOST_FIELDS),
							errdetail("There are %d, and %d are described.", n, m->nfields)));
	}
	for (int i = 0; i < m->nfields; i++)
	{
		Field *f = &m->field[i];
		float8 p = null[1][i] ? 0 : DatumGetFloat8(part[1][i]);
		float8 q = null[2][i] ? 0 : DatumGetFloat8(part[2][i]);
		char *compare = null[0][i] ? "" : TextDatumGetCString(part[0][i]);

		if (!(p > q && p < 1 && q > 0))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("field %d has m %g and u %g", i + 1, p, q),
							errhint("Set them so that 0 < u < m < 1.")));
		if (strcmp(compare, "name") == 0)
			f->compare = COMPARE_NAME;
		else if (strcmp(compare, "code") == 0)
			f->compare = COMPARE_CODE;
		else if (strcmp(compare, "exact") == 0)
			f->compare = COMPARE_EXACT;
		else
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("field %d is compared by \"%s\"", i + 1, compare),
							errhint("There are name, code and exact.")));
		f->agree = log2(p / q);
		f->differ = log2((1 - p) / (1 - q));
		f->swaps_with = null[3][i] ? -1 : DatumGetInt32(part[3][i]) - 1;
		if (f->swaps_with >= i || f->swaps_with < -1)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("field %d swaps with field %d, which is not before it", i + 1,
								   f->swaps_with + 1)));
	}
	m->rest[m->nfields] = 0;
	for (int i = m->nfields - 1; i >= 0; i--)
	{
		m->rest[i] = m->rest[i + 1] + Max(m->field[i].agree, 0);
		/* swapping may take back what an earlier field has lost */
		if (m->field[i].swaps_with >= 0)
			m->rest[i] +=
				m->field[m->field[i].swaps_with].agree - m->field[m->field[i].swaps_with].differ;
	}
}

/*
 * pql.matching_pairs(rows text, compare text[], m float8[], u float8[], swaps_with int[],
 * window_rows int, threshold float8) → table(a text, b text, score float8, weights float8[], same
 * text[]), strict: pairs of rows that follow within a window of one key, and whose fields agree by
 * so many bits.
 */
PG_FUNCTION_INFO_V1(pql_matching_pairs);
Datum
pql_matching_pairs(PG_FUNCTION_ARGS)
{
	Matcher *m = palloc0(sizeof(Matcher));

	InitMaterializedSRF(fcinfo, 0);
	m->result = (ReturnSetInfo *) fcinfo->resultinfo;
	m->context = CurrentMemoryContext;
	m->window = PG_GETARG_INT32(5);
	m->threshold = PG_GETARG_FLOAT8(6);
	if (m->window < 1 || m->window > MOST_WINDOW || isnan(m->threshold))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a window of %d rows, a threshold of %g", m->window, m->threshold),
						errhint("A window has 1 to %d rows.", MOST_WINDOW)));
	read_fields(m, fcinfo);
	/* the row that comes needs a place besides */
	m->window++;
	m->row = palloc0(m->window * sizeof(Row));
	for (int i = 0; i < m->window; i++)
		m->row[i].context =
			AllocSetContextCreate(m->context, "pql matching row", ALLOCSET_SMALL_SIZES);
	pql_query(text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL, PQL_PLAN_AS_EVER, take_row, m);
	return (Datum) 0;
}
