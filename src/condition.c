/*
 * condition.c: conditions on signals, facts, measures and the score.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "language.h"

static PqlCond *
part_of(PqlCond *cond, PqlCond *part)
{
	cond->parts = cond->parts == NULL ? palloc(sizeof(PqlCond *))
									  : repalloc(cond->parts, (cond->n + 1) * sizeof(PqlCond *));
	cond->parts[cond->n++] = part;
	return cond;
}

static int
fact_index(PqlReader *r, const char *dotted)
{
	PqlModel *m = r->model;
	const char *dot = strchr(dotted, '.');
	PqlFact *f;

	for (int i = 0; i < m->nfacts; i++)
		if (strcmp(m->facts[i].dotted, dotted) == 0)
			return i;
	m->facts = m->facts == NULL ? palloc(sizeof(PqlFact))
								: repalloc(m->facts, (m->nfacts + 1) * sizeof(PqlFact));
	f = &m->facts[m->nfacts];
	f->dotted = pstrdup(dotted);
	f->section.name = pnstrdup(dotted, dot - dotted);
	f->section.length = dot - dotted;
	f->key.name = pstrdup(dot + 1);
	f->key.length = strlen(dot + 1);
	f->is_days_left = strcmp(dotted, "trial.days_left") == 0;
	return m->nfacts++;
}

/* Whose facts a model may ask for: first those it has, then those only the other unit has. */
static const char *const of_users[] = {"person", "account", "trial", "lead", "members"};
static const char *const of_accounts[] = {"account", "members", "lead", "person", "trial"};

#define USER_SECTIONS 4
#define ACCOUNT_SECTIONS 3

/* Is there such a fact of members? */
static bool
is_counted(PqlReader *r, const char *path, const char *key)
{
	const PqlModel *m = r->model;

	if (pql_key_index(key, (const char *const *) m->rollups, m->nrollups) >= 0)
		return true;
	pql_reader_problem(r, path, psprintf("unknown fact \"members.%s\" at %s", key, path),
					   pstrdup("$.members says what is counted; members.count is always there."),
					   pql_suggest(key, (const char *const *) m->rollups, m->nrollups));
	return false;
}

static bool
is_fact(PqlReader *r, const char *path, const char *dotted)
{
	bool accounts = pql_is_account_model(r->model);
	const char *const *sections = accounts ? of_accounts : of_users;
	int known = accounts ? ACCOUNT_SECTIONS : USER_SECTIONS;
	char *list = pstrdup(accounts ? "Facts are account.*, members.* and lead.*."
								  : "Facts are person.*, account.*, trial.* and lead.*.");
	const char *dot = strchr(dotted, '.');
	char *section;
	int index;

	if (dot == NULL || dot[1] == '\0')
	{
		pql_reader_problem(
			r, path, psprintf("\"%s\" at %s is not a fact", dotted, path),
			pstrdup("A fact has a dotted name: person., account., trial. or lead., and "
					"what is known of it."),
			pstrdup("Write for example \"account.employees\"."));
		return false;
	}
	section = pnstrdup(dotted, dot - dotted);
	index = pql_key_index(section, sections, lengthof(of_users));
	if (index < 0)
		pql_reader_problem(r, path, psprintf("unknown fact \"%s\" at %s", dotted, path), list,
						   pql_suggest(section, sections, known));
	else if (index >= known)
		pql_reader_problem(
			r, path,
			psprintf("%s at %s is of %s", dotted, path,
					 accounts ? "a user, and the unit is the account"
							  : "an account, and the unit is the user"),
			list,
			pstrdup(accounts ? "Count members by it: \"members\": {\"…\": {\"person.title\": …}}."
							 : "Ask for it in a model with \"unit\": \"account\"."));
	else if (strcmp(section, "members") == 0)
		return is_counted(r, path, dot + 1);
	return index >= 0 && index < known;
}

PqlCond *
pql_fact_condition(PqlReader *r, const char *path, const char *dotted, int ntests, PqlTest *tests)
{
	PqlCond *cond;

	if (!is_fact(r, path, dotted))
		return NULL;
	cond = pql_new_condition(PQL_C_FACT);
	cond->index = fact_index(r, dotted);
	cond->ntests = ntests;
	cond->tests = tests;
	return cond;
}

static PqlCond *
signal_condition(PqlReader *r, const char *path, const char *name)
{
	PqlCond *cond = pql_new_condition(PQL_C_SIGNAL);

	cond->index = pql_key_index(name, r->signal_names, r->nsignal_names);
	if (cond->index < 0)
	{
		pql_reader_problem(r, path, psprintf("unknown signal \"%s\" at %s", name, path),
						   pstrdup("A bare string names a signal of this model."),
						   pql_suggest(name, r->signal_names, r->nsignal_names));
		cond->index = 0;
		cond->kind = PQL_C_ALL;
	}
	return cond;
}

static PqlCond *
condition_list(PqlReader *r, const char *path, const PqlJson *json, PqlCondKind kind)
{
	PqlCond *cond = pql_new_condition(kind);

	if (json->kind != PQL_JSON_ARRAY || json->n == 0)
	{
		pql_reader_expected(r, path, json, "an array of conditions");
		return cond;
	}
	for (int i = 0; i < json->n; i++)
		part_of(cond, pql_read_condition(r, PQL_INDEX(path, i), json->items[i]));
	return cond;
}

static PqlCond *
number_condition(PqlReader *r, const char *path, const PqlJson *json, PqlCondKind kind)
{
	PqlCond *cond = pql_new_condition(kind);

	if (kind == PQL_C_COUNTED_DAYS && pql_is_account_model(r->model))
		pql_reader_problem(
			r, path, psprintf("an account has no counted days at %s", path),
			pstrdup("They are days of events, which an account model does not read."),
			pstrdup("Remove it."));
	if (json->kind != PQL_JSON_OBJECT && json->kind != PQL_JSON_NUMBER)
		pql_reader_expected(r, path, json, "a number or a comparison such as {\"at_least\": 2}");
	else
		pql_read_comparison(r, path, json, PQL_FOR_NUMBER, &cond->ntests, &cond->tests);
	if (kind == PQL_C_COUNTED_DAYS)
		for (int i = 0; i < cond->ntests; i++)
		{
			double most =
				isfinite(cond->tests[i].high) ? cond->tests[i].high + 1 : cond->tests[i].low;

			if (cond->tests[i].op == PQL_MORE_THAN)
				most += 1;
			if (!(most >= 1 && most <= 60))
				pql_reader_problem(r, path,
								   psprintf("%s is out of range at %s", pql_json_brief(json), path),
								   pstrdup("Counted days are kept one by one, up to 60."),
								   pstrdup("Ask for between 1 and 60 counted days."));
			else
				r->model->counted_days = Max(r->model->counted_days, (int) ceil(most));
		}
	return cond;
}

/* {"tier": {"at_least": "medium"}} or {"tier": "high"} (that one, not a higher one) */
static PqlCond *
tier_condition(PqlReader *r, const char *path, const PqlJson *json)
{
	PqlCond *cond = pql_new_condition(PQL_C_TIER);
	const PqlJson *word = json;
	bool exactly = true;

	if (json->kind == PQL_JSON_OBJECT)
	{
		word = pql_json_get(json, "at_least");
		exactly = false;
		if (word == NULL || json->n != 1)
		{
			pql_reader_problem(r, path, psprintf("%s is no tier at %s", pql_json_brief(json), path),
							   NULL, pstrdup("Write {\"at_least\": \"…\"} with a tier's name."));
			return cond;
		}
	}
	if (word->kind != PQL_JSON_STRING)
	{
		pql_reader_expected(r, path, word, "a tier's name");
		return cond;
	}
	cond->index = pql_key_index(word->string, r->tier_names, r->ntier_names);
	cond->ntests = exactly; /* a mark: no test is kept */
	if (cond->index < 0)
	{
		pql_reader_problem(r, path, psprintf("unknown tier \"%s\" at %s", word->string, path), NULL,
						   pql_suggest(word->string, r->tier_names, r->ntier_names));
		cond->index = 0;
	}
	return cond;
}

/* One key of a condition object that is not part of a measure. */
static PqlCond *
keyed_condition(PqlReader *r, const char *path, const char *key, const PqlJson *json)
{
	static const char *const words[] = {"all",  "any",         "not",         "score",
										"tier", "signals_met", "counted_days"};
	int nmeasures;
	const char *const *measures = pql_measure_keys(&nmeasures);
	const char **known;

	switch (pql_key_index(key, words, lengthof(words)))
	{
		case 0:
			return condition_list(r, path, json, PQL_C_ALL);
		case 1:
			return condition_list(r, path, json, PQL_C_ANY);
		case 2:
			return part_of(pql_new_condition(PQL_C_NOT), pql_read_condition(r, path, json));
		case 3:
			return number_condition(r, path, json, PQL_C_SCORE);
		case 4:
			return tier_condition(r, path, json);
		case 5:
			return number_condition(r, path, json, PQL_C_SIGNALS_MET);
		case 6:
			return number_condition(r, path, json, PQL_C_COUNTED_DAYS);
		default:
			break;
	}
	if (strchr(key, '.') != NULL)
	{
		int ntests;
		PqlTest *tests;

		pql_read_comparison(r, path, json, PQL_FOR_FACT, &ntests, &tests);
		return pql_fact_condition(r, path, key, ntests, tests);
	}
	known = palloc((lengthof(words) + nmeasures) * sizeof(char *));
	memcpy(known, words, sizeof(words));
	memcpy(known + lengthof(words), measures, nmeasures * sizeof(char *));
	pql_reader_problem(r, path, psprintf("unknown key \"%s\" at %s", key, path),
					   pstrdup("A condition is a signal's name, a dotted fact, a measure, or all, "
							   "any, not, score, tier, signals_met, counted_days."),
					   pql_suggest(key, known, lengthof(words) + nmeasures));
	return NULL;
}

PqlCond *
pql_read_condition(PqlReader *r, const char *path, const PqlJson *json)
{
	PqlCond *all;
	const char *measure;

	check_stack_depth();
	if (json->kind == PQL_JSON_STRING)
		return signal_condition(r, path, json->string);
	if (json->kind == PQL_JSON_ARRAY)
		return condition_list(r, path, json, PQL_C_ALL);
	if (json->kind != PQL_JSON_OBJECT || json->n == 0)
	{
		pql_reader_expected(r, path, json, "a condition");
		return pql_new_condition(PQL_C_ALL);
	}
	all = pql_new_condition(PQL_C_ALL);
	measure = pql_measure_key(r, path, json);
	if (measure != NULL)
	{
		PqlCond *leaf = pql_read_measure(r, path, json, measure, 0, NULL);

		if (leaf != NULL)
			part_of(all, leaf);
	}
	for (int i = 0; i < json->n; i++)
	{
		const char *key = json->keys[i];
		PqlCond *part;

		if (measure != NULL &&
			(strcmp(key, measure) == 0 || pql_is_measure_parameter(measure, key)))
			continue;
		part = keyed_condition(r, PQL_PATH(path, key), key, json->items[i]);
		if (part != NULL)
			part_of(all, part);
	}
	return all->n == 1 ? all->parts[0] : all;
}
