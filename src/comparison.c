/*
 * comparison.c: scalars, comparisons, and conditions on the properties of events.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "utils/builtins.h"

#include "language.h"

/* ---- scalars ---- */

void
pql_reader_problem(PqlReader *r, const char *path, char *message, char *detail, char *hint)
{
	if (r->default_signal != NULL)
		message = psprintf("%s (signal \"%s\")", message, r->default_signal);
	pql_problem(r->problems, path, message, detail, hint);
}

void
pql_reader_expected(PqlReader *r, const char *path, const PqlJson *json, const char *expected)
{
	pql_reader_problem(
		r, path, psprintf("%s is not %s at %s", pql_json_brief(json), expected, path),
		psprintf("It is %s.", pql_json_kind_name(json)), psprintf("Write %s.", expected));
}

char *
pql_read_string(PqlReader *r, const char *path, const PqlJson *json)
{
	if (json->kind == PQL_JSON_STRING && json->string[0] != '\0')
		return json->string;
	pql_reader_expected(r, path, json, "a string that is not empty");
	return NULL;
}

bool
pql_read_number(PqlReader *r, const char *path, const PqlJson *json, double *number)
{
	if (json->kind != PQL_JSON_NUMBER)
	{
		pql_reader_expected(r, path, json, "a number");
		return false;
	}
	*number = json->number;
	return true;
}

bool
pql_read_int(PqlReader *r, const char *path, const PqlJson *json, int low, int high, int *value)
{
	if (json->kind != PQL_JSON_NUMBER || json->number != floor(json->number) ||
		json->number < low || json->number > high)
	{
		pql_reader_problem(r, path,
						   psprintf("%s is out of place at %s", pql_json_brief(json), path),
						   psprintf("An integer between %d and %d is wanted.", low, high),
						   psprintf("Set \"%s\" to an integer between %d and %d.",
									strrchr(path, '.') ? strrchr(path, '.') + 1 : path, low, high));
		return false;
	}
	*value = (int) json->number;
	return true;
}

bool
pql_read_bool(PqlReader *r, const char *path, const PqlJson *json, bool *value)
{
	if (json->kind != PQL_JSON_BOOL)
	{
		pql_reader_expected(r, path, json, "true or false");
		return false;
	}
	*value = json->truth;
	return true;
}

bool
pql_read_duration(PqlReader *r, const char *path, const PqlJson *json, int64 *span)
{
	static const struct
	{
		const char *name;
		int64 micros;
	} units[] = {{"second", USECS_PER_SEC},
				 {"minute", USECS_PER_MINUTE},
				 {"hour", USECS_PER_HOUR},
				 {"day", USECS_PER_DAY},
				 {"week", 7 * USECS_PER_DAY}};

	if (json->kind == PQL_JSON_STRING)
	{
		char *end;
		double n = strtod(json->string, &end);
		char *unit = end;

		while (*unit == ' ')
			unit++;
		if (end != json->string && unit > end && isfinite(n) && n >= 0)
			for (int i = 0; i < lengthof(units); i++)
			{
				size_t length = strlen(units[i].name);

				if (strncmp(unit, units[i].name, length) == 0 &&
					(unit[length] == '\0' || strcmp(unit + length, "s") == 0) &&
					n * units[i].micros <= 3660.0 * USECS_PER_DAY)
				{
					*span = (int64) rint(n * units[i].micros);
					return true;
				}
			}
	}
	pql_reader_problem(r, path, psprintf("%s is not a duration at %s", pql_json_brief(json), path),
					   pstrdup("A duration is a number and seconds, minutes, hours, days or weeks, "
							   "at most ten years."),
					   pstrdup("Write for example \"24 hours\" or \"14 days\"."));
	return false;
}

/* ---- comparisons ---- */

static const char *const test_keys[] = {
	/* the first six serve numbers, too */
	"at_least", "at_most", "more_than", "less_than", "between", "equals",
	/* facts and properties */
	"one_of", "starts_with", "under", "contains", "matches", "exists", "in_list"};
static const char *const trend_keys[] = {"is"};

#define NUMERIC_KEYS 6

const char *const *
pql_test_keys(PqlTestFor what, int *n)
{
	if (what == PQL_FOR_TREND)
	{
		*n = lengthof(trend_keys);
		return trend_keys;
	}
	*n = what == PQL_FOR_NUMBER || what == PQL_FOR_DURATION ? NUMERIC_KEYS : lengthof(test_keys);
	return test_keys;
}

int
pql_key_index(const char *key, const char *const *keys, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(key, keys[i]) == 0)
			return i;
	return -1;
}

void
pql_unknown_key(PqlReader *r, const char *path, const char *key, char *detail,
				const char *const *keys, int n)
{
	pql_reader_problem(r, PQL_PATH(path, key), psprintf("unknown key \"%s\" at %s", key, path),
					   detail, pql_suggest(key, keys, n));
}

void
pql_only_keys(PqlReader *r, const char *path, const PqlJson *object, const char *detail,
			  const char *const *keys, int n)
{
	for (int i = 0; i < object->n; i++)
		if (pql_key_index(object->keys[i], keys, n) < 0)
			pql_unknown_key(r, path, object->keys[i], detail != NULL ? pstrdup(detail) : NULL, keys,
							n);
}

bool
pql_is_test_key(const char *key, PqlTestFor what)
{
	int n;
	const char *const *keys = pql_test_keys(what, &n);

	return pql_key_index(key, keys, n) >= 0;
}

/* A bound of a numeric comparison: a number, or a duration in seconds. */
static bool
read_bound(PqlReader *r, const char *path, const PqlJson *json, PqlTestFor what, double *bound)
{
	int64 span;

	if (what != PQL_FOR_DURATION)
		return pql_read_number(r, path, json, bound);
	if (!pql_read_duration(r, path, json, &span))
		return false;
	*bound = (double) span / USECS_PER_SEC;
	return true;
}

static bool
read_choice(PqlReader *r, const char *path, const PqlJson *json, PqlValue *value)
{
	memset(value, 0, sizeof(*value));
	switch (json->kind)
	{
		case PQL_JSON_STRING:
			value->kind = PQL_STRING;
			value->data = json->string;
			value->length = strlen(json->string);
			return true;
		case PQL_JSON_NUMBER:
			value->kind = PQL_NUMBER;
			value->number = json->number;
			return true;
		case PQL_JSON_BOOL:
			value->kind = PQL_BOOL;
			value->truth = json->truth;
			return true;
		default:
			pql_reader_expected(r, path, json, "a string, a number, true or false");
			return false;
	}
}

/* One value or an array of them. */
static bool
read_choices(PqlReader *r, const char *path, const PqlJson *json, bool strings_only, PqlTest *test)
{
	bool many = json->kind == PQL_JSON_ARRAY;
	int n = many ? json->n : 1;

	if (n == 0)
	{
		pql_reader_problem(r, path, psprintf("empty list at %s", path),
						   pstrdup("Nothing could ever be one of no values."),
						   pstrdup("List at least one value."));
		return false;
	}
	test->choices = palloc0(n * sizeof(PqlValue));
	for (int i = 0; i < n; i++)
	{
		const PqlJson *item = many ? json->items[i] : json;
		const char *at = many ? PQL_INDEX(path, i) : path;

		if (strings_only && item->kind != PQL_JSON_STRING)
		{
			pql_reader_expected(r, at, item, "a string");
			return false;
		}
		if (!read_choice(r, at, item, &test->choices[i]))
			return false;
	}
	test->nchoices = n;
	return true;
}

static bool
read_pattern(PqlReader *r, const char *path, const PqlJson *json, PqlTest *test)
{
	char *pattern = pql_read_string(r, path, json);
	MemoryContext context = CurrentMemoryContext;
	volatile bool ok = true;

	if (pattern == NULL)
		return false;
	test->pattern = cstring_to_text(pattern);
	PG_TRY();
	{
		(void) RE_compile_and_execute(test->pattern, "", 0, REG_ADVANCED, C_COLLATION_OID, 0, NULL);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_INVALID_REGULAR_EXPRESSION)
			PG_RE_THROW();
		FlushErrorState();
		ok = false;
		pql_reader_problem(
			r, path, psprintf("%s is not a regular expression at %s", pql_json_brief(json), path),
			psprintf("%s.", error->message),
			pstrdup("Patterns are PostgreSQL's regular expressions; write \\\\ in "
					"JSON for one backslash."));
	}
	PG_END_TRY();
	return ok;
}

static bool
read_between(PqlReader *r, const char *path, const PqlJson *json, PqlTestFor what, PqlTest *test)
{
	if (json->kind != PQL_JSON_ARRAY || json->n != 2)
	{
		pql_reader_expected(r, path, json, "an array of two bounds");
		return false;
	}
	if (!read_bound(r, PQL_INDEX(path, 0), json->items[0], what, &test->low) ||
		!read_bound(r, PQL_INDEX(path, 1), json->items[1], what, &test->high))
		return false;
	if (test->low > test->high)
	{
		pql_reader_problem(
			r, path, psprintf("%s is empty at %s", pql_json_brief(json), path),
			pstrdup("The first bound is greater than the second; both are included."),
			psprintf("Write [%s, %s].", pql_json_brief(json->items[1]),
					 pql_json_brief(json->items[0])));
		return false;
	}
	return true;
}

static bool
read_trend(PqlReader *r, const char *path, const PqlJson *json, PqlTest *test)
{
	static const char *const words[] = {"declining", "flat", "growing"};
	char *word = pql_read_string(r, path, json);
	int i;

	if (word == NULL)
		return false;
	i = pql_key_index(word, words, lengthof(words));
	if (i < 0)
	{
		pql_reader_problem(r, path, psprintf("unknown trend \"%s\" at %s", word, path),
						   pstrdup("A trend is growing, flat or declining."),
						   pql_suggest(word, words, lengthof(words)));
		return false;
	}
	test->op = PQL_EQUALS;
	test->low = test->high = i - 1;
	return true;
}

bool
pql_read_test(PqlReader *r, const char *path, const char *key, const PqlJson *json, PqlTestFor what,
			  PqlTest *test)
{
	memset(test, 0, sizeof(*test));
	if (what == PQL_FOR_TREND)
		return read_trend(r, path, json, test);
	test->op = pql_key_index(key, test_keys, lengthof(test_keys));
	test->low = -INFINITY;
	test->high = INFINITY;
	switch (test->op)
	{
		case PQL_AT_LEAST:
		case PQL_MORE_THAN:
			return read_bound(r, path, json, what, &test->low);
		case PQL_AT_MOST:
		case PQL_LESS_THAN:
			return read_bound(r, path, json, what, &test->high);
		case PQL_BETWEEN:
			return read_between(r, path, json, what, test);
		case PQL_EQUALS:
			if (what == PQL_FOR_NUMBER || what == PQL_FOR_DURATION)
			{
				if (!read_bound(r, path, json, what, &test->low))
					return false;
				test->high = test->low;
				return true;
			}
			if (json->kind == PQL_JSON_ARRAY)
			{
				pql_reader_expected(r, path, json, "one value");
				return false;
			}
			return read_choices(r, path, json, false, test);
		case PQL_ONE_OF:
			if (json->kind != PQL_JSON_ARRAY)
			{
				pql_reader_expected(r, path, json, "an array of values");
				return false;
			}
			return read_choices(r, path, json, false, test);
		case PQL_CONTAINS:
			return read_choices(r, path, json, false, test);
		case PQL_STARTS_WITH:
		case PQL_UNDER:
			return read_choices(r, path, json, true, test);
		case PQL_MATCHES:
			return read_pattern(r, path, json, test);
		case PQL_EXISTS:
			return pql_read_bool(r, path, json, &test->exists);
		case PQL_IN_LIST:
			if (what == PQL_FOR_PROPERTY)
			{
				pql_reader_problem(r, path,
								   psprintf("\"in_list\" at %s asks a list about an event", path),
								   pstrdup("Lists are looked up when a subject is judged, not for "
										   "every event."),
								   pstrdup("Use \"one_of\" with the values themselves."));
				return false;
			}
			test->list = pql_read_string(r, path, json);
			return test->list != NULL;
	}
	return false;
}

void
pql_read_tests(PqlReader *r, const char *path, const PqlJson *object, PqlTestFor what, int *ntests,
			   PqlTest **tests)
{
	*tests = palloc0(Max(1, object->n) * sizeof(PqlTest));
	*ntests = 0;
	for (int i = 0; i < object->n; i++)
	{
		const char *key = object->keys[i];

		if (pql_is_test_key(key, what) &&
			pql_read_test(r, PQL_PATH(path, key), key, object->items[i], what, &(*tests)[*ntests]))
			(*ntests)++;
	}
}

void
pql_read_comparison(PqlReader *r, const char *path, const PqlJson *json, PqlTestFor what,
					int *ntests, PqlTest **tests)
{
	int n;
	const char *const *keys = pql_test_keys(what, &n);

	*ntests = 0;
	if (json->kind != PQL_JSON_OBJECT)
	{
		const char *key = what == PQL_FOR_TREND ? "is" : "equals";

		*tests = palloc0(sizeof(PqlTest));
		if (pql_read_test(r, path, key, json, what, *tests))
			*ntests = 1;
		return;
	}
	pql_only_keys(r, path, json, "A comparison is wanted here.", keys, n);
	if (json->n == 0)
		pql_reader_problem(r, path, psprintf("empty comparison at %s", path), NULL,
						   pstrdup("Write a value, or for example {\"at_least\": 1}."));
	pql_read_tests(r, path, json, what, ntests, tests);
}

/* ---- conditions on properties ---- */

int
pql_property(PqlReader *r, const char *name)
{
	PqlModel *m = r->model;

	for (int i = 0; i < m->nproperties; i++)
		if (strcmp(m->properties[i].name, name) == 0)
			return i;
	m->properties = m->properties == NULL
						? palloc(sizeof(PqlName))
						: repalloc(m->properties, (m->nproperties + 1) * sizeof(PqlName));
	m->properties[m->nproperties].name = pstrdup(name);
	m->properties[m->nproperties].length = strlen(name);
	return m->nproperties++;
}

static PqlWhere *
new_where(PqlNodeKind kind, int n)
{
	PqlWhere *where = palloc0(sizeof(PqlWhere));

	where->kind = kind;
	where->parts = palloc0(Max(1, n) * sizeof(PqlWhere *));
	return where;
}

/* all and any take an array; an object is one part. */
static PqlWhere *
where_list(PqlReader *r, const char *path, const PqlJson *json, PqlNodeKind kind)
{
	PqlWhere *where;

	if (json->kind != PQL_JSON_ARRAY || json->n == 0)
	{
		pql_reader_expected(r, path, json, "an array of conditions");
		return new_where(PQL_ALL, 0);
	}
	where = new_where(kind, json->n);
	for (int i = 0; i < json->n; i++)
		where->parts[where->n++] = pql_read_where(r, PQL_INDEX(path, i), json->items[i]);
	return where;
}

PqlWhere *
pql_read_where(PqlReader *r, const char *path, const PqlJson *json)
{
	PqlWhere *where;

	check_stack_depth();
	if (json->kind != PQL_JSON_OBJECT || json->n == 0)
	{
		pql_reader_expected(r, path, json, "an object of properties and comparisons");
		return new_where(PQL_ALL, 0);
	}
	where = new_where(PQL_ALL, json->n);
	for (int i = 0; i < json->n; i++)
	{
		const char *key = json->keys[i];
		const char *at = PQL_PATH(path, key);
		PqlWhere *part;

		if (strcmp(key, "all") == 0 || strcmp(key, "any") == 0)
			part = where_list(r, at, json->items[i], key[1] == 'l' ? PQL_ALL : PQL_ANY);
		else if (strcmp(key, "not") == 0)
		{
			part = new_where(PQL_NOT, 1);
			part->parts[part->n++] = pql_read_where(r, at, json->items[i]);
		}
		else
		{
			int ntests;
			PqlTest *tests;

			pql_read_comparison(r, at, json->items[i], PQL_FOR_PROPERTY, &ntests, &tests);
			part = new_where(PQL_ALL, ntests);
			for (int j = 0; j < ntests; j++)
			{
				PqlWhere *leaf = new_where(PQL_LEAF, 0);

				leaf->property = pql_property(r, key);
				leaf->test = tests[j];
				part->parts[part->n++] = leaf;
			}
			if (ntests == 1)
				part = part->parts[0];
		}
		where->parts[where->n++] = part;
	}
	return where->n == 1 ? where->parts[0] : where;
}
