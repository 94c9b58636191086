/*
 * members.c: what an account model counts of an account's members, the "members" section of its
 * document. Its facts are members.*; how they come about is for SQL to say (accounts.sql).
 */
#include "postgres.h"

#include "language.h"

/* members.count is there without being asked for. */
#define COUNT "count"

bool
pql_is_account_model(const PqlModel *model)
{
	return model->unit != NULL && strcmp(model->unit, "account") == 0;
}

/* {"score_of": "playbook", "without": ["firmographics"]} */
static void
read_score_of(PqlReader *r, const char *path, const PqlJson *json)
{
	static const char *const keys[] = {"score_of", "without"};
	const PqlJson *without = pql_json_get(json, "without");

	pql_only_keys(r, path, json, NULL, keys, lengthof(keys));
	pql_read_string(r, PQL_PATH(path, "score_of"), pql_json_get(json, "score_of"));
	if (without == NULL)
		return;
	if (without->kind != PQL_JSON_ARRAY)
		pql_reader_expected(r, PQL_PATH(path, "without"), without, "an array of categories");
	else
		for (int i = 0; i < without->n; i++)
			pql_read_string(r, PQL_INDEX(PQL_PATH(path, "without"), i), without->items[i]);
}

/* {"distinct": "person.department"}, not the measure, which has an "of" */
static void
read_distinct(PqlReader *r, const char *path, const PqlJson *json)
{
	static const char *const keys[] = {"distinct"};
	const char *fact =
		pql_read_string(r, PQL_PATH(path, "distinct"), pql_json_get(json, "distinct"));

	pql_only_keys(r, path, json, NULL, keys, lengthof(keys));
	if (fact != NULL && strncmp(fact, "person.", strlen("person.")) != 0)
		pql_reader_problem(r, PQL_PATH(path, "distinct"),
						   psprintf("\"%s\" at %s is no fact of a person", fact, path),
						   pstrdup("Members are told apart by what is known of each."),
						   pstrdup("Write for example {\"distinct\": \"person.department\"}."));
}

/* {"growth_over": "28 days"} */
static void
read_growth(PqlReader *r, const char *path, const PqlJson *json)
{
	static const char *const keys[] = {"growth_over"};
	int64 span = 0;

	pql_only_keys(r, path, json, NULL, keys, lengthof(keys));
	if (pql_read_duration(r, PQL_PATH(path, "growth_over"), pql_json_get(json, "growth_over"),
						  &span) &&
		(span <= 0 || span % USECS_PER_DAY != 0))
		pql_reader_problem(r, PQL_PATH(path, "growth_over"),
						   psprintf("growth is over days at %s", path), NULL,
						   pstrdup("Write for example \"28 days\"."));
}

/* {"dau_mau": "*"} and the like, without a threshold: the account's own number. */
static const char *const number_keys[] = {"dau_mau", "weeks_rising", "weeks_falling"};

static bool
is_number(const PqlJson *json)
{
	bool found = false;

	for (int i = 0; json->kind == PQL_JSON_OBJECT && i < json->n; i++)
	{
		if (pql_is_test_key(json->keys[i], PQL_FOR_NUMBER))
			return false;
		found |= pql_key_index(json->keys[i], number_keys, lengthof(number_keys)) >= 0;
	}
	return found;
}

/* Read with a threshold, which pql.members_document adds. */
static void
read_number(PqlReader *r, const char *path, const PqlJson *json)
{
	PqlJson whole = *json;
	PqlJson *one = palloc0(sizeof(PqlJson));

	one->kind = PQL_JSON_NUMBER;
	one->number = 1;
	one->string = pstrdup("1");
	whole.keys = palloc((json->n + 1) * sizeof(char *));
	whole.items = palloc((json->n + 1) * sizeof(PqlJson *));
	memcpy(whole.keys, json->keys, json->n * sizeof(char *));
	memcpy(whole.items, json->items, json->n * sizeof(PqlJson *));
	whole.keys[whole.n] = pstrdup("at_least");
	whole.items[whole.n++] = one;
	(void) pql_read_condition(r, path, &whole);
}

/*
 * The section's names. What stands behind each is checked as it will be used: a condition is one on
 * a member, and reads events and facts of a person as a user model does.
 */
void
pql_read_members(PqlReader *r, const PqlJson *document)
{
	PqlModel *m = r->model;
	PqlJson *members = pql_json_get(document, "members");
	PqlReader member = *r;

	m->rollups = palloc((members != NULL ? members->n + 1 : 1) * sizeof(char *));
	m->nrollups = 0;
	m->rollups[m->nrollups++] = COUNT;
	if (members == NULL)
		return;
	if (!pql_is_account_model(m))
	{
		pql_problem(r->problems, "$.members", pstrdup("a user has no members at $.members"),
					pstrdup("They are counted by models whose unit is the account."),
					pstrdup("Set \"unit\": \"account\", or remove it."));
		return;
	}
	if (members->kind != PQL_JSON_OBJECT)
	{
		pql_reader_expected(r, "$.members", members, "an object of names and what is counted");
		return;
	}
	member.model = palloc0(sizeof(PqlModel));
	member.model->unit = "user";
	member.model->zone = m->zone;
	member.model->window = (PqlWindow){PQL_WINDOW_ALL, 0, 0};
	/* a condition on a member knows no signals, scores and tiers of the account */
	member.nsignal_names = member.ntier_names = 0;
	for (int i = 0; i < members->n; i++)
	{
		char *path = PQL_PATH("$.members", members->keys[i]);
		PqlJson *json = members->items[i];

		pql_check_name(r, path, members->keys[i], "count of members");
		if (strcmp(members->keys[i], COUNT) == 0)
			pql_reader_problem(r, path, psprintf("\"%s\" is taken at $.members", COUNT),
							   pstrdup("members.count is how many there are."),
							   pstrdup("Choose another name."));
		m->rollups[m->nrollups++] = members->keys[i];
		if (json->kind == PQL_JSON_OBJECT && pql_json_get(json, "score_of") != NULL)
			read_score_of(&member, path, json);
		else if (json->kind == PQL_JSON_OBJECT && pql_json_get(json, "growth_over") != NULL)
			read_growth(&member, path, json);
		else if (json->kind == PQL_JSON_OBJECT && pql_json_get(json, "distinct") != NULL &&
				 pql_json_get(json, "of") == NULL)
			read_distinct(&member, path, json);
		else if (is_number(json))
			read_number(&member, path, json);
		else
		{
			PqlCond *cond = pql_read_condition(&member, path, json);

			if (pql_asks_for_score(cond))
				pql_reader_problem(r, path, psprintf("a member has no score or tier at %s", path),
								   pstrdup("Those are the account's."),
								   pstrdup("Count members by their events and facts."));
		}
	}
}
