/*
 * value.c: JSON values and the comparisons of the model language.
 *
 * jsonb is read in place and byte-wise, because a short varlena on a page is not aligned and a copy
 * of every row's properties is what a scan can least afford. The format is PostgreSQL's on-disk one
 * (utils/jsonb.h), which pg_upgrade keeps.
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "day.h"
#include "value.h"

static inline uint32
read_u32(const char *p)
{
	uint32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Where the data of entry i + 1 begins, given where that of entry i does. */
static inline uint32
next_offset(const char *entries, int i, uint32 offset)
{
	uint32 entry = read_u32(entries + 4 * i);

	if (entry & JENTRY_HAS_OFF)
		return entry & JENTRY_OFFLENMASK;
	return offset + (entry & JENTRY_OFFLENMASK);
}

static PqlValue
value_at(const char *data, uint32 entry, uint32 start, uint32 end)
{
	PqlValue value = {PQL_ABSENT};
	uint32 aligned = INTALIGN(start);

	switch (entry & JENTRY_TYPEMASK)
	{
		case JENTRY_ISSTRING:
			value.kind = PQL_STRING;
			value.data = data + start;
			value.length = end - start;
			break;
		case JENTRY_ISNUMERIC:
			value.kind = PQL_NUMBER;
			value.data = data + aligned;
			value.length = end - aligned;
			break;
		case JENTRY_ISBOOL_TRUE:
		case JENTRY_ISBOOL_FALSE:
			value.kind = PQL_BOOL;
			value.truth = (entry & JENTRY_TYPEMASK) == JENTRY_ISBOOL_TRUE;
			break;
		case JENTRY_ISCONTAINER:
			value.data = data + aligned;
			value.length = end - aligned;
			value.kind = (read_u32(value.data) & JB_FOBJECT) ? PQL_OBJECT : PQL_ARRAY;
			break;
		default: /* JSON null */
			break;
	}
	return value;
}

PqlValue
pql_value_root(struct varlena *jsonb)
{
	PqlValue root = {PQL_ABSENT};

	if (VARATT_IS_COMPRESSED(jsonb) || VARATT_IS_EXTERNAL(jsonb))
		jsonb = detoast_attr(jsonb);
	if (VARSIZE_ANY_EXHDR(jsonb) < 4)
		return root;
	if (read_u32(VARDATA_ANY(jsonb)) & JB_FOBJECT)
	{
		root.kind = PQL_OBJECT;
		root.data = VARDATA_ANY(jsonb);
		root.length = VARSIZE_ANY_EXHDR(jsonb);
	}
	return root;
}

PqlValue
pql_value_get(const PqlValue *object, const char *key, int length)
{
	PqlValue none = {PQL_ABSENT};
	const char *entries;
	const char *data;
	uint32 offset = 0;
	int n;

	if (object->kind != PQL_OBJECT)
		return none;
	n = read_u32(object->data) & JB_CMASK;
	entries = object->data + 4;
	data = entries + 8 * n;
	for (int i = 0; i < n; i++)
	{
		uint32 end = next_offset(entries, i, offset);

		/* keys are sorted by length first */
		if ((int) (end - offset) > length)
			break;
		if ((int) (end - offset) == length && memcmp(data + offset, key, length) == 0)
		{
			int at = n + i;

			/* the value's offset: forward from the last entry that states one */
			offset = end;
			for (int j = i + 1; j < at; j++)
				offset = next_offset(entries, j, offset);
			return value_at(data, read_u32(entries + 4 * at), offset,
							next_offset(entries, at, offset));
		}
		offset = end;
	}
	return none;
}

PqlValue
pql_value_path(const PqlValue *object, const char *key, int length)
{
	PqlValue value = pql_value_get(object, key, length);
	const char *dot;

	if (value.kind != PQL_ABSENT)
		return value;
	dot = memchr(key, '.', length);
	if (dot == NULL || dot == key)
		return value;
	value = pql_value_get(object, key, dot - key);
	return pql_value_path(&value, dot + 1, length - (dot - key) - 1);
}

int
pql_value_members(const PqlValue *object)
{
	return object->kind == PQL_OBJECT ? (int) (read_u32(object->data) & JB_CMASK) : 0;
}

PqlValue
pql_value_member(const PqlValue *object, int i, PqlValue *key)
{
	int n = pql_value_members(object);
	const char *entries = object->data + 4;
	const char *data = entries + 8 * n;
	uint32 offset = 0;

	for (int j = 0; j < n + i; j++)
	{
		uint32 end = next_offset(entries, j, offset);

		if (j == i)
			*key = value_at(data, JENTRY_ISSTRING, offset, end);
		offset = end;
	}
	return value_at(data, read_u32(entries + 4 * (n + i)), offset,
					next_offset(entries, n + i, offset));
}

PqlValue
pql_value_of_jsonb(struct varlena *jsonb)
{
	PqlValue value = {PQL_ABSENT};
	uint32 header;

	if (VARATT_IS_COMPRESSED(jsonb) || VARATT_IS_EXTERNAL(jsonb))
		jsonb = detoast_attr(jsonb);
	if (VARSIZE_ANY_EXHDR(jsonb) < 4)
		return value;
	header = read_u32(VARDATA_ANY(jsonb));
	value.kind = (header & JB_FOBJECT) != 0 ? PQL_OBJECT : PQL_ARRAY;
	value.data = VARDATA_ANY(jsonb);
	value.length = VARSIZE_ANY_EXHDR(jsonb);
	return (header & JB_FSCALAR) != 0 ? pql_value_element(&value, 0) : value;
}

int
pql_value_count(const PqlValue *array)
{
	return array->kind == PQL_ARRAY ? (int) (read_u32(array->data) & JB_CMASK) : 0;
}

PqlValue
pql_value_element(const PqlValue *array, int i)
{
	const char *entries = array->data + 4;
	const char *data = entries + 4 * pql_value_count(array);
	uint32 offset = 0;

	for (int j = 0; j < i; j++)
		offset = next_offset(entries, j, offset);
	return value_at(data, read_u32(entries + 4 * i), offset, next_offset(entries, i, offset));
}

/* A numeric, copied to where it is aligned. */
static Numeric
aligned_numeric(const PqlValue *value)
{
	Numeric copy = palloc(value->length);

	memcpy(copy, value->data, value->length);
	return copy;
}

static double
number_of(const PqlValue *value)
{
	if (value->data == NULL)
		return value->number;
	return DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(aligned_numeric(value))));
}

/* Digits, sign, point and exponent only: strtod would also take "nan", "0x1p3" and blanks. */
static bool
spells_number(const char *s, int length, double *number)
{
	char buffer[64];
	char *end;

	if (length == 0 || length >= (int) sizeof(buffer))
		return false;
	for (int i = 0; i < length; i++)
		if (!(s[i] >= '0' && s[i] <= '9') && strchr("+-.eE", s[i]) == NULL)
			return false;
	memcpy(buffer, s, length);
	buffer[length] = '\0';
	*number = strtod(buffer, &end);
	return end == buffer + length && isfinite(*number);
}

bool
pql_value_number(const PqlValue *value, double *number)
{
	if (value->kind == PQL_NUMBER)
	{
		*number = number_of(value);
		return true;
	}
	return value->kind == PQL_STRING && spells_number(value->data, value->length, number);
}

const char *
pql_value_text(const PqlValue *value, int *length)
{
	char *s;

	switch (value->kind)
	{
		case PQL_STRING:
			*length = value->length;
			return value->data;
		case PQL_NUMBER:
			if (value->data != NULL)
				s = numeric_normalize(aligned_numeric(value));
			else
				/* whole numbers in full */
				s = psprintf(value->number == rint(value->number) &&
									 fabs(value->number) < 9007199254740992.0
								 ? "%.0f"
								 : "%g",
							 value->number);
			break;
		case PQL_BOOL:
			s = value->truth ? "true" : "false";
			break;
		case PQL_ARRAY:
		case PQL_OBJECT:
		{
			JsonbContainer *copy = palloc(value->length);

			memcpy(copy, value->data, value->length);
			s = JsonbToCString(NULL, copy, value->length);
			break;
		}
		default:
			s = "";
			break;
	}
	*length = strlen(s);
	return s;
}

/* ---- instants ---- */

/* Reads exactly n digits. */
static bool
digits(const char **p, const char *end, int n, int *value)
{
	*value = 0;
	if (end - *p < n)
		return false;
	for (int i = 0; i < n; i++, (*p)++)
	{
		if (**p < '0' || **p > '9')
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return true;
}

static bool
skip(const char **p, const char *end, char c)
{
	if (*p < end && **p == c)
	{
		(*p)++;
		return true;
	}
	return false;
}

/* ±HH, ±HHMM, ±HH:MM, ±HH:MM:SS or Z; nothing is UTC. */
static bool
offset_from_utc(const char **p, const char *end, int64 *offset)
{
	int sign;
	int hours = 0;
	int minutes = 0;
	int seconds = 0;

	*offset = 0;
	if (*p == end || skip(p, end, 'Z') || skip(p, end, 'z'))
		return *p == end;
	if (skip(p, end, '+'))
		sign = 1;
	else if (skip(p, end, '-'))
		sign = -1;
	else
		return false;
	if (!digits(p, end, 2, &hours))
		return false;
	if (*p < end)
	{
		/* +0530 or +05:30, and seconds, as of old local times, with colons only */
		bool colons = skip(p, end, ':');

		if (!digits(p, end, 2, &minutes))
			return false;
		if (*p < end && (!colons || !skip(p, end, ':') || !digits(p, end, 2, &seconds)))
			return false;
	}
	if (hours > 15 || minutes > 59 || seconds > 59)
		return false;
	*offset = sign * ((hours * 60 + minutes) * 60 + seconds) * USECS_PER_SEC;
	return *p == end;
}

/* .ffffff: the digits beyond microseconds are dropped. */
static bool
fraction(const char **p, const char *end, int64 *micros)
{
	int64 unit = 100000;

	*micros = 0;
	if (!skip(p, end, '.'))
		return true;
	if (*p == end || **p < '0' || **p > '9')
		return false;
	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		*micros += (**p - '0') * unit;
	return true;
}

bool
pql_value_instant(const PqlValue *value, int64 *instant)
{
	const char *p = value->data;
	const char *end = p + value->length;
	int year;
	int month;
	int day;
	int hour = 0;
	int minute = 0;
	int second = 0;
	int64 micros = 0;
	int64 offset;

	if (value->kind != PQL_STRING)
		return false;
	if (value->length == 8 && memcmp(p, "infinity", 8) == 0)
	{
		*instant = PQL_NEVER;
		return true;
	}
	if (value->length == 9 && memcmp(p, "-infinity", 9) == 0)
	{
		*instant = PQL_ALWAYS;
		return true;
	}
	if (!digits(&p, end, 4, &year) || !skip(&p, end, '-') || !digits(&p, end, 2, &month) ||
		!skip(&p, end, '-') || !digits(&p, end, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > MONTHS_PER_YEAR || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return false;
	if (p < end)
	{
		if (!skip(&p, end, 'T') && !skip(&p, end, ' '))
			return false;
		if (!digits(&p, end, 2, &hour) || !skip(&p, end, ':') || !digits(&p, end, 2, &minute))
			return false;
		if (skip(&p, end, ':') && (!digits(&p, end, 2, &second) || !fraction(&p, end, &micros)))
			return false;
		/* as the server: the end of a day may be written as its 24th hour, a leap second as the
		 * 60th */
		if (hour > 24 || minute > 59 || second > 60 ||
			(hour == 24 && (minute > 0 || second > 0 || micros > 0)) ||
			(second == 60 && micros > 0))
			return false;
	}
	if (!offset_from_utc(&p, end, &offset))
		return false;
	*instant = ((int64) (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * SECS_PER_DAY +
				(hour * 60 + minute) * 60 + second) *
				   USECS_PER_SEC +
			   micros - offset;
	return PQL_INSTANT_OK(*instant);
}

/* ---- comparisons ---- */

static bool
same_value(const PqlValue *a, const PqlValue *choice)
{
	double x;
	double y;

	switch (choice->kind)
	{
		case PQL_STRING:
			return a->kind == PQL_STRING && a->length == choice->length &&
				   memcmp(a->data, choice->data, a->length) == 0;
		case PQL_NUMBER:
			return pql_value_number(a, &x) && pql_value_number(choice, &y) && x == y;
		case PQL_BOOL:
			if (a->kind == PQL_BOOL)
				return a->truth == choice->truth;
			/* loaders without types write booleans as strings */
			return a->kind == PQL_STRING &&
				   (choice->truth ? a->length == 4 && memcmp(a->data, "true", 4) == 0
								  : a->length == 5 && memcmp(a->data, "false", 5) == 0);
		default:
			return false;
	}
}

static bool
begins(const PqlValue *value, const PqlValue *prefix)
{
	return value->kind == PQL_STRING && value->length >= prefix->length &&
		   memcmp(value->data, prefix->data, prefix->length) == 0;
}

/* Equal to the path, or the path followed by a separator. */
static bool
under(const PqlValue *value, const PqlValue *path)
{
	char next;

	if (!begins(value, path))
		return false;
	if (value->length == path->length)
		return true;
	next = value->data[path->length];
	return next == '/' || next == '?' || next == '#';
}

static bool
contains(const PqlValue *value, const PqlValue *part)
{
	if (value->kind == PQL_ARRAY)
	{
		for (int i = 0; i < pql_value_count(value); i++)
		{
			PqlValue element = pql_value_element(value, i);

			if (same_value(&element, part))
				return true;
		}
		return false;
	}
	if (value->kind != PQL_STRING || part->kind != PQL_STRING)
		return false;
	for (int i = 0; i + part->length <= value->length; i++)
		if (memcmp(value->data + i, part->data, part->length) == 0)
			return true;
	return false;
}

static bool
matches(const PqlTest *test, const PqlValue *value)
{
	if (value->kind != PQL_STRING)
		return false;
	/* PostgreSQL keeps the last patterns compiled; C_COLLATION keeps the result immutable */
	return RE_compile_and_execute(test->pattern, (char *) value->data, value->length, REG_ADVANCED,
								  C_COLLATION_OID, 0, NULL);
}

static PqlTruth
in_list(const PqlTest *test, const PqlValue *value, const PqlLists *lists)
{
	PqlValue entries;
	PqlValue wanted = {PQL_STRING};

	if (lists == NULL)
		return PQL_UNKNOWN;
	if (lists->look_up != NULL)
	{
		wanted.data = pql_value_text(value, &wanted.length);
		return lists->look_up(lists->data, test->list, wanted.data, wanted.length);
	}
	entries = pql_value_get(&lists->object, test->list, strlen(test->list));
	if (entries.kind != PQL_ARRAY)
		return PQL_UNKNOWN;
	wanted.data = pql_value_text(value, &wanted.length);
	return contains(&entries, &wanted) ? PQL_TRUE : PQL_FALSE;
}

PqlTruth
pql_test_number(const PqlTest *test, double number)
{
	switch (test->op)
	{
		case PQL_AT_LEAST:
			return number >= test->low;
		case PQL_MORE_THAN:
			return number > test->low;
		case PQL_AT_MOST:
			return number <= test->high;
		case PQL_LESS_THAN:
			return number < test->high;
		case PQL_BETWEEN:
		case PQL_EQUALS:
			return number >= test->low && number <= test->high;
		default:
			return PQL_UNKNOWN;
	}
}

PqlTruth
pql_test(const PqlTest *test, const PqlValue *value, const PqlLists *lists)
{
	double number;

	if (test->op == PQL_EXISTS)
		return (value->kind != PQL_ABSENT) == test->exists;
	if (value->kind == PQL_ABSENT)
		return PQL_UNKNOWN;
	switch (test->op)
	{
		case PQL_AT_LEAST:
		case PQL_MORE_THAN:
		case PQL_AT_MOST:
		case PQL_LESS_THAN:
		case PQL_BETWEEN:
			if (!pql_value_number(value, &number))
				return PQL_UNKNOWN;
			return pql_test_number(test, number);
		case PQL_EQUALS:
		case PQL_ONE_OF:
			for (int i = 0; i < test->nchoices; i++)
				if (same_value(value, &test->choices[i]))
					return PQL_TRUE;
			return PQL_FALSE;
		case PQL_STARTS_WITH:
			for (int i = 0; i < test->nchoices; i++)
				if (begins(value, &test->choices[i]))
					return PQL_TRUE;
			return PQL_FALSE;
		case PQL_UNDER:
			for (int i = 0; i < test->nchoices; i++)
				if (under(value, &test->choices[i]))
					return PQL_TRUE;
			return PQL_FALSE;
		case PQL_CONTAINS:
			for (int i = 0; i < test->nchoices; i++)
				if (contains(value, &test->choices[i]))
					return PQL_TRUE;
			return PQL_FALSE;
		case PQL_MATCHES:
			return matches(test, value) ? PQL_TRUE : PQL_FALSE;
		case PQL_IN_LIST:
			return in_list(test, value, lists);
		default:
			return PQL_UNKNOWN;
	}
}

/* ---- hash ---- */

/* Up to 8 bytes, the first one lowest. */
static inline uint64
read_le(const char *p, int n)
{
	uint64 v = 0;

#ifndef WORDS_BIGENDIAN
	if (n >= 4)
	{
		/* two overlapping halves: where they overlap they agree */
		return read_u32(p) | (uint64) read_u32(p + n - 4) << (8 * (n - 4));
	}
#endif
	for (int i = 0; i < n; i++)
		v |= (uint64) (uint8) p[i] << (8 * i);
	return v;
}

static inline uint64
read_le64(const char *p)
{
#ifdef WORDS_BIGENDIAN
	return read_le(p, 8);
#else
	uint64 v;

	memcpy(&v, p, sizeof(v));
	return v;
#endif
}

/* Multiply to 128 bits and fold. The constants are odd numbers with about half their bits set. */
static inline uint64
fold(uint64 a, uint64 b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64) product ^ (uint64) (product >> 64);
}

uint64
pql_hash(const char *data, int length)
{
	const uint64 k1 = UINT64CONST(0x9E3779B97F4A7C15); /* 2^64 over the golden ratio */
	const uint64 k2 = UINT64CONST(0xC2B2AE3D27D4EB4F);
	uint64 h = k1 ^ (uint64) length * k2;
	int i = 0;

	for (; i + 8 <= length; i += 8)
		h = fold(h ^ read_le64(data + i), k2);
	if (i < length)
		h = fold(h ^ read_le(data + i, length - i), k1);
	h ^= h >> 32;
	h *= k2;
	return h ^ (h >> 29);
}
