/*
 * document.c: model documents as trees, with the place of everything that is wrong.
 *
 * PostgreSQL's own JSON parser reads the text; jsonb would not do, because it forgets the order of
 * keys, and that a key was written twice.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/varlena.h"

#include "compat.h"
#include "document.h"

/* ---- problems ---- */

void
pql_problem(PqlProblems *problems, const char *path, char *message, char *detail, char *hint)
{
	PqlProblem *p = palloc(sizeof(PqlProblem));

	p->path = pstrdup(path);
	p->message = message;
	p->detail = detail;
	p->hint = hint;
	p->sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
	problems->list = lappend(problems->list, p);
}

void
pql_problems_raise(const PqlProblems *problems)
{
	PqlProblem *p;
	int more = list_length(problems->list) - 1;
	StringInfoData detail;

	if (more < 0)
		return;
	p = linitial(problems->list);
	initStringInfo(&detail);
	if (p->detail != NULL)
		appendStringInfoString(&detail, p->detail);
	if (more > 0)
		appendStringInfo(&detail, "%s%d more %s: pql.check_model() lists all.",
						 detail.len > 0 ? " " : "", more, more == 1 ? "problem" : "problems");
	ereport(ERROR, (errcode(p->sqlstate), errmsg("%s", p->message),
					detail.len > 0 ? errdetail("%s", detail.data) : 0,
					p->hint != NULL ? errhint("%s", p->hint) : 0));
}

/* ---- words ---- */

const char *
pql_nearest(const char *word, const char *const *words, int n)
{
	const char *best = NULL;
	int length = strlen(word);
	int limit = length <= 3 ? 1 : (length <= 6 ? 2 : 3);

	/* longer than any identifier: not a misspelling (and Levenshtein refuses it) */
	if (length > NAMEDATALEN)
		return NULL;
	for (int i = 0; i < n; i++)
	{
		int other = strlen(words[i]);
		int distance;

		if (other > NAMEDATALEN)
			continue;
		distance =
			varstr_levenshtein_less_equal(word, length, words[i], other, 1, 1, 1, limit, true);
		if (distance <= limit && distance < other)
		{
			if (distance == 0)
				return words[i];
			limit = distance - 1;
			best = words[i];
		}
	}
	return best;
}

char *
pql_suggest(const char *word, const char *const *words, int n)
{
	const char *near = pql_nearest(word, words, n);
	StringInfoData all;

	if (near != NULL)
		return psprintf("Did you mean \"%s\"?", near);
	if (n == 0)
		return NULL;
	initStringInfo(&all);
	appendStringInfoString(&all, "Known here: ");
	for (int i = 0; i < n; i++)
		appendStringInfo(&all, "%s%s", i > 0 ? ", " : "", words[i]);
	appendStringInfoChar(&all, '.');
	return all.data;
}

/* ---- building ---- */

typedef struct Builder
{
	JsonLexContext *lex;
	PqlProblems *problems;
	PqlJson *root;
	int depth;
	PqlJson *open[PQL_DOCUMENT_MAX_DEPTH + 1];
	char *key[PQL_DOCUMENT_MAX_DEPTH + 1];
} Builder;

static PqlJson *
new_json(PqlJsonKind kind)
{
	PqlJson *json = palloc0(sizeof(PqlJson));

	json->kind = kind;
	return json;
}

/* The path of what is being read: the containers that are open. */
static char *
builder_path(Builder *b)
{
	StringInfoData path;

	initStringInfo(&path);
	appendStringInfoChar(&path, '$');
	for (int i = 0; i < b->depth; i++)
	{
		if (b->open[i]->kind == PQL_JSON_ARRAY)
			appendStringInfo(&path, "[%d]", b->open[i]->n);
		else if (b->key[i] != NULL)
			appendStringInfo(&path, ".%s", b->key[i]);
	}
	return path.data;
}

static void
append_item(PqlJson *parent, char *key, PqlJson *item)
{
	if (parent->n == parent->size)
	{
		parent->size = Max(4, parent->size * 2);
		if (parent->items == NULL)
		{
			parent->items = palloc(parent->size * sizeof(PqlJson *));
			parent->keys = palloc(parent->size * sizeof(char *));
		}
		else
		{
			parent->items = repalloc(parent->items, parent->size * sizeof(PqlJson *));
			parent->keys = repalloc(parent->keys, parent->size * sizeof(char *));
		}
	}
	parent->keys[parent->n] = key;
	parent->items[parent->n++] = item;
}

static void
add(Builder *b, PqlJson *item)
{
	PqlJson *parent;

	if (b->depth == 0)
	{
		b->root = item;
		return;
	}
	parent = b->open[b->depth - 1];
	append_item(parent, b->key[b->depth - 1], item);
}

static void
open_container(Builder *b, PqlJson *container)
{
	if (b->depth >= PQL_DOCUMENT_MAX_DEPTH)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("model document is nested more than %d levels deep",
							   PQL_DOCUMENT_MAX_DEPTH),
						errdetail("At %.200s.", builder_path(b)),
						errhint("Give the inner condition a signal of its own and name it.")));
	b->open[b->depth] = container;
	b->key[b->depth] = NULL;
	b->depth++;
}

static void
close_container(Builder *b)
{
	PqlJson *done = b->open[--b->depth];

	add(b, done);
}

static void
start_key(Builder *b, char *key)
{
	PqlJson *object = b->open[b->depth - 1];

	b->key[b->depth - 1] = key;
	for (int i = 0; i < object->n; i++)
		if (strcmp(object->keys[i], key) == 0)
		{
			pql_problem(b->problems, builder_path(b),
						psprintf("key \"%s\" is written twice at %s", key, builder_path(b)),
						psprintf("Only one of the two could count%s.",
								 b->lex ? psprintf(" (line %d)", b->lex->line_number) : ""),
						pstrdup("Keep one of them."));
			return;
		}
}

static PqlJson *
number_json(Builder *b, char *written)
{
	PqlJson *json = new_json(PQL_JSON_NUMBER);
	char *end;

	json->string = written;
	json->number = strtod(written, &end);
	if (!isfinite(json->number))
	{
		pql_problem(b->problems, builder_path(b),
					psprintf("number %.40s at %s is out of range", written, builder_path(b)), NULL,
					pstrdup("Numbers have the range of float8."));
		json->number = 0;
	}
	return json;
}

static PqlJsonResult
on_object_start(void *state)
{
	Builder *b = state;

	open_container(b, new_json(PQL_JSON_OBJECT));
	PQL_JSON_OK;
}

static PqlJsonResult
on_array_start(void *state)
{
	Builder *b = state;

	open_container(b, new_json(PQL_JSON_ARRAY));
	PQL_JSON_OK;
}

static PqlJsonResult
on_end(void *state)
{
	close_container(state);
	PQL_JSON_OK;
}

static PqlJsonResult
on_key(void *state, char *key, bool isnull)
{
	start_key(state, key);
	PQL_JSON_OK;
}

static PqlJsonResult
on_scalar(void *state, char *token, JsonTokenType type)
{
	Builder *b = state;
	PqlJson *json;

	switch (type)
	{
		case JSON_TOKEN_STRING:
			json = new_json(PQL_JSON_STRING);
			json->string = token;
			break;
		case JSON_TOKEN_NUMBER:
			json = number_json(b, token);
			break;
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
			json = new_json(PQL_JSON_BOOL);
			json->truth = type == JSON_TOKEN_TRUE;
			break;
		default:
			json = new_json(PQL_JSON_NULL);
			break;
	}
	add(b, json);
	PQL_JSON_OK;
}

static void
check_size(Size bytes)
{
	if (bytes > PQL_DOCUMENT_MAX_BYTES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("model document of %zu bytes is too large", bytes),
						errdetail("A model document has at most %d bytes.", PQL_DOCUMENT_MAX_BYTES),
						errhint("Long lists of values belong in pql.list_entry; ask for them with "
								"\"in_list\".")));
}

PqlJson *
pql_document_parse(const char *text, int length, PqlProblems *problems)
{
	Builder b = {0};
	JsonSemAction actions = {0};
	JsonParseErrorType result;

	check_size(length);
	b.problems = problems;
	b.lex = pql_json_lexer(pnstrdup(text, length), length, GetDatabaseEncoding());
	actions.semstate = &b;
	actions.object_start = on_object_start;
	actions.object_end = on_end;
	actions.array_start = on_array_start;
	actions.array_end = on_end;
	actions.object_field_start = on_key;
	actions.scalar = on_scalar;
	result = pg_parse_json(b.lex, &actions);
	if (result != JSON_SUCCESS)
	{
		PqlProblem *p;

		/* whatever was noted on the way is less important than that it is not JSON */
		problems->list = NIL;
		pql_problem(problems, "$",
					psprintf("model document is not valid JSON at line %d", b.lex->line_number),
					json_errdetail(result, b.lex),
					pstrdup("Models are written in JSON: double quotes, no trailing commas, no "
							"comments."));
		p = linitial(problems->list);
		p->sqlstate = ERRCODE_INVALID_TEXT_REPRESENTATION;
		return NULL;
	}
	return b.root;
}

PqlJson *
pql_document_from_jsonb(Jsonb *jsonb, PqlProblems *problems)
{
	Builder b = {0};
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	bool scalar = JB_ROOT_IS_SCALAR(jsonb);

	check_size(VARSIZE(jsonb));
	b.problems = problems;
	it = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		PqlJson *json;

		switch (token)
		{
			case WJB_BEGIN_ARRAY:
				if (!scalar)
					open_container(&b, new_json(PQL_JSON_ARRAY));
				continue;
			case WJB_BEGIN_OBJECT:
				open_container(&b, new_json(PQL_JSON_OBJECT));
				continue;
			case WJB_END_ARRAY:
				if (!scalar)
					close_container(&b);
				continue;
			case WJB_END_OBJECT:
				close_container(&b);
				continue;
			case WJB_KEY:
				start_key(&b, pnstrdup(v.val.string.val, v.val.string.len));
				continue;
			default:
				break;
		}
		switch (v.type)
		{
			case jbvString:
				json = new_json(PQL_JSON_STRING);
				json->string = pnstrdup(v.val.string.val, v.val.string.len);
				break;
			case jbvNumeric:
				json = number_json(&b, numeric_normalize(v.val.numeric));
				break;
			case jbvBool:
				json = new_json(PQL_JSON_BOOL);
				json->truth = v.val.boolean;
				break;
			default:
				json = new_json(PQL_JSON_NULL);
				break;
		}
		add(&b, json);
	}
	return b.root;
}

/* ---- reading ---- */

PqlJson *
pql_json_get(const PqlJson *object, const char *key)
{
	if (object == NULL || object->kind != PQL_JSON_OBJECT)
		return NULL;
	for (int i = 0; i < object->n; i++)
		if (strcmp(object->keys[i], key) == 0)
			return object->items[i];
	return NULL;
}

const char *
pql_json_kind_name(const PqlJson *json)
{
	switch (json->kind)
	{
		case PQL_JSON_NULL:
			return "null";
		case PQL_JSON_BOOL:
			return "a boolean";
		case PQL_JSON_NUMBER:
			return "a number";
		case PQL_JSON_STRING:
			return "a string";
		case PQL_JSON_ARRAY:
			return "an array";
		case PQL_JSON_OBJECT:
			return "an object";
	}
	return "?";
}

/* ---- writing ---- */

static void
write_line(StringInfo out, const PqlJson *json)
{
	check_stack_depth();
	switch (json->kind)
	{
		case PQL_JSON_NULL:
			appendStringInfoString(out, "null");
			break;
		case PQL_JSON_BOOL:
			appendStringInfoString(out, json->truth ? "true" : "false");
			break;
		case PQL_JSON_NUMBER:
			appendStringInfoString(out, json->string);
			break;
		case PQL_JSON_STRING:
			escape_json(out, json->string);
			break;
		case PQL_JSON_ARRAY:
			appendStringInfoChar(out, '[');
			for (int i = 0; i < json->n; i++)
			{
				if (i > 0)
					appendStringInfoString(out, ", ");
				write_line(out, json->items[i]);
			}
			appendStringInfoChar(out, ']');
			break;
		case PQL_JSON_OBJECT:
			appendStringInfoChar(out, '{');
			for (int i = 0; i < json->n; i++)
			{
				if (i > 0)
					appendStringInfoString(out, ", ");
				escape_json(out, json->keys[i]);
				appendStringInfoString(out, ": ");
				write_line(out, json->items[i]);
			}
			appendStringInfoChar(out, '}');
			break;
	}
}

char *
pql_json_brief(const PqlJson *json)
{
	StringInfoData out;
	int keep;

	initStringInfo(&out);
	write_line(&out, json);
	if (out.len > 60)
	{
		keep = pg_mbcliplen(out.data, out.len, 57);
		out.data[keep] = '\0';
		strcpy(out.data + keep, "...");
	}
	return out.data;
}

#define LINE_WIDTH 100

static void
write_pretty(StringInfo out, const PqlJson *json, int indent)
{
	StringInfoData line;
	bool object = json->kind == PQL_JSON_OBJECT;

	initStringInfo(&line);
	write_line(&line, json);
	if ((json->kind != PQL_JSON_ARRAY && !object) || indent + line.len <= LINE_WIDTH)
	{
		appendStringInfoString(out, line.data);
		pfree(line.data);
		return;
	}
	pfree(line.data);
	appendStringInfoString(out, object ? "{\n" : "[\n");
	for (int i = 0; i < json->n; i++)
	{
		appendStringInfoSpaces(out, indent + 2);
		if (object)
		{
			escape_json(out, json->keys[i]);
			appendStringInfoString(out, ": ");
		}
		write_pretty(out, json->items[i], indent + 2);
		appendStringInfoString(out, i < json->n - 1 ? ",\n" : "\n");
	}
	appendStringInfoSpaces(out, indent);
	appendStringInfoChar(out, object ? '}' : ']');
}

char *
pql_document_text(const PqlJson *json)
{
	StringInfoData out;

	initStringInfo(&out);
	write_pretty(&out, json, 0);
	return out.data;
}
