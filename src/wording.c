/*
 * wording.c: which patterns of refused wording a text may match, found in one pass over it.
 *
 * PostgreSQL's regular expressions decide; but a hundred of them take a tenth of a second to
 * compile and, because of their lookarounds, tens of microseconds a character. So this comes first:
 * the patterns become one small machine, and all that could match are told. What it tells may be
 * too much, never too little:
 *
 * - each character is one of 129 symbols, ASCII as it is in lower case, and OTHER for all else.
 *   What OTHER may be is left open: a set that may hold some of it holds it;
 * - what is not understood is matched more widely: {2,3} as +, ^ and positive lookarounds as
 *   nothing; a pattern that is not understood at all may match any text;
 * - a negative lookaround takes something away, so what is inside is read the other way round: what
 *   may not match does not. One that cannot be read so takes nothing away.
 *
 * The machine is the textbook's (Thompson): a set of places in the program, moved along the text.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define OTHER 128
#define SYMBOLS 129

typedef struct Set
{
	uint64 bits[3];
} Set;

static const Set everything = {{~UINT64CONST(0), ~UINT64CONST(0), 1}};
static const Set nothing = {{0, 0, 0}};

static inline bool
has(const Set *set, int symbol)
{
	return (set->bits[symbol >> 6] >> (symbol & 63)) & 1;
}

static inline void
put(Set *set, int symbol)
{
	set->bits[symbol >> 6] |= UINT64CONST(1) << (symbol & 63);
}

/* of ASCII, whatever the locale */
static inline bool
is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_alnum(int c)
{
	return is_letter(c) || is_digit(c);
}

static inline Set
complement(Set set)
{
	return (Set){{~set.bits[0], ~set.bits[1], (set.bits[2] & 1) ^ 1}};
}

/* What an expression says, as a tree. */
typedef enum NodeKind
{
	EMPTY,
	ONE, /* of a set */
	CAT,
	ALT,
	STAR,
	PLUS,
	OPT,
	NOT_AHEAD,
	NOT_BEHIND
} NodeKind;

typedef struct Expression
{
	NodeKind kind;
	Set set;
	struct Expression *left;
	struct Expression *right;
} Expression;

typedef enum Op
{
	OP_SET,     /* a symbol of the set, then the next place */
	OP_SPLIT,   /* x and y */
	OP_JUMP,    /* x */
	OP_AHEAD,   /* not when the program at x matches here; else y */
	OP_BEHIND,  /* the same, backwards */
	OP_MATCH,   /* pattern x */
	OP_SUBMATCH /* the end of a lookaround */
} Op;

typedef struct Instruction
{
	Op op;
	int x; /* of OP_SET: which of the program's */
	int y;
} Instruction;

/* Places in a program that are to be tried at one position of the text, each once. */
typedef struct Places
{
	int *place;
	int n;
	uint32 *seen; /* of each instruction: when it was last added */
	uint32 now;
} Places;

typedef struct Program
{
	Instruction *code;
	int length;
	int room;
	Set *set;
	int sets;
	int room_for_sets;
	int patterns;
	bool *any;                  /* of each pattern: may match any text */
	int *start;                 /* of each pattern: where its program begins */
	int *starting[SYMBOLS + 1]; /* patterns that may begin with a symbol; the last: with none */
	int n_starting[SYMBOLS + 1];
	/* for searches */
	Places here;
	Places there;
	Places sub[2]; /* of lookarounds */
	int *stack;
	int *sub_stack;
} Program;

/* ---- reading ---- */

typedef struct Reader
{
	const char *at;
	const char *end;
	int inside; /* a negative lookaround: sets are read narrowly */
	bool wide;  /* something has been read more widely than it says */
	bool unknown;
} Reader;

static Expression *read_alternatives(Reader *in);

static Expression *
node(NodeKind kind, Expression *left, Expression *right)
{
	Expression *made = palloc0(sizeof(Expression));

	made->kind = kind;
	made->left = left;
	made->right = right;
	return made;
}

static Expression *
one(Set set)
{
	Expression *made = node(ONE, NULL, NULL);

	made->set = set;
	return made;
}

static Expression *
not_understood(Reader *in)
{
	in->unknown = true;
	in->at = in->end;
	return node(EMPTY, NULL, NULL);
}

static bool
next_is(Reader *in, const char *words)
{
	size_t length = strlen(words);

	if (in->end - in->at < length || memcmp(in->at, words, length) != 0)
		return false;
	in->at += length;
	return true;
}

/* A character of a pattern: widely and narrowly what texts may have there. */
static void
put_character(unsigned char c, Set *wide, Set *narrow)
{
	if (c >= 128)
	{
		/* letters elsewhere have ASCII ones as their other case: the Kelvin sign */
		*wide = everything;
		return;
	}
	put(wide, pg_ascii_tolower(c));
	/* I has another small letter in Turkish */
	if (c == 'I')
		put(wide, OTHER);
	else
		put(narrow, pg_ascii_tolower(c));
}

/* [:name:], \d, \s, \w; false: not known. What of OTHER is in it is not known either. */
static bool
put_class(const char *name, size_t length, Set *wide, Set *narrow)
{
	bool alpha = length == 5 && (memcmp(name, "alnum", 5) == 0 || memcmp(name, "alpha", 5) == 0);
	bool digit = length == 5 && (memcmp(name, "alnum", 5) == 0 || memcmp(name, "digit", 5) == 0);
	bool space = length == 5 && memcmp(name, "space", 5) == 0;

	if (!alpha && !digit && !space)
		return false;
	for (int c = 0; c < 128; c++)
	{
		/* ICU's blanks are more */
		bool sure = (alpha && c >= 'a' && c <= 'z') || (digit && c >= '0' && c <= '9') ||
					(space && (c == ' ' || (c >= '\t' && c <= '\r')));

		if (sure)
			put(narrow, c);
		if (sure || (space && c >= 28 && c <= 31))
			put(wide, c);
	}
	put(wide, OTHER);
	return true;
}

static bool
put_escaped_class(char c, Set *wide, Set *narrow)
{
	switch (c)
	{
		case 'd':
			return put_class("digit", 5, wide, narrow);
		case 's':
			return put_class("space", 5, wide, narrow);
		case 'w':
			put(wide, '_');
			put(narrow, '_');
			return put_class("alnum", 5, wide, narrow);
	}
	return false;
}

/* After its [. */
static Expression *
read_bracket(Reader *in)
{
	Set wide = nothing;
	Set narrow = nothing;
	bool negated = next_is(in, "^");
	bool first = true;

	for (;; first = false)
	{
		unsigned char c;
		unsigned char last;

		if (in->at >= in->end)
			return not_understood(in);
		c = *in->at++;
		if (c == ']' && !first)
			break;
		if (c == '[' && in->at < in->end && *in->at == ':')
		{
			const char *name = ++in->at;

			while (in->at < in->end && *in->at != ':')
				in->at++;
			if (!put_class(name, in->at - name, &wide, &narrow) || !next_is(in, ":]"))
				return not_understood(in);
			continue;
		}
		if (c == '[' && in->at < in->end && (*in->at == '.' || *in->at == '='))
			return not_understood(in);
		if (c == '\\')
		{
			if (in->at >= in->end)
				return not_understood(in);
			c = *in->at++;
			if (is_alnum(c))
			{
				if (!put_escaped_class(c, &wide, &narrow))
					return not_understood(in);
				continue;
			}
		}
		last = c;
		if (in->end - in->at >= 2 && in->at[0] == '-' && in->at[1] != ']')
		{
			last = in->at[1];
			in->at += 2;
			/* an escape or a class at a range's end, or letters elsewhere */
			if (last == '\\' || last == '[' || c >= 128 || last >= 128 || last < c)
				return not_understood(in);
		}
		for (int k = c; k <= last; k++)
			put_character(k, &wide, &narrow);
	}
	if (negated)
		return one(in->inside ? complement(wide) : complement(narrow));
	return one(in->inside ? narrow : wide);
}

/* After its \. */
static Expression *
read_escape(Reader *in)
{
	Set wide = nothing;
	Set narrow = nothing;
	unsigned char c;

	if (in->at >= in->end)
		return not_understood(in);
	c = *in->at++;
	if (put_escaped_class(c, &wide, &narrow))
		return one(in->inside ? narrow : wide);
	if (c >= 'A' && c <= 'Z' && put_escaped_class(pg_ascii_tolower(c), &wide, &narrow))
		return one(in->inside ? complement(wide) : complement(narrow));
	if (c != 0 && strchr("mMyYAZ", c))
	{
		in->wide = true;
		return node(EMPTY, NULL, NULL);
	}
	if (c >= 128 || is_alnum(c))
		return not_understood(in);
	put(&wide, c);
	return one(wide);
}

/* After its (, to its ). */
static Expression *
read_group(Reader *in)
{
	Expression *made;
	NodeKind kind = EMPTY;
	bool lookaround = true;
	bool wide = in->wide;

	if (next_is(in, "?!"))
		kind = NOT_AHEAD;
	else if (next_is(in, "?<!"))
		kind = NOT_BEHIND;
	else if (!next_is(in, "?=") && !next_is(in, "?<="))
	{
		lookaround = false;
		if (!next_is(in, "?:") && in->at < in->end && *in->at == '?')
			return not_understood(in);
	}
	if (lookaround)
	{
		in->inside++;
		in->wide = false;
	}
	made = read_alternatives(in);
	if (!next_is(in, ")"))
		return not_understood(in);
	if (!lookaround)
		return made;
	in->inside--;
	/* one inside another takes away from what takes away */
	if (kind == EMPTY || in->wide || in->inside > 0)
	{
		in->wide = true;
		return node(EMPTY, NULL, NULL);
	}
	in->wide = wide;
	return node(kind, made, NULL);
}

static Expression *
read_atom(Reader *in)
{
	unsigned char c = *in->at++;
	Set wide = nothing;
	Set narrow = nothing;

	switch (c)
	{
		case '(':
			return read_group(in);
		case '[':
			return read_bracket(in);
		case '\\':
			return read_escape(in);
		case '.':
			return one(everything);
		case '^':
		case '$':
			in->wide = true;
			return node(EMPTY, NULL, NULL);
		case '*':
		case '+':
		case '?':
			return not_understood(in);
	}
	/* the other bytes of this character */
	if (c >= 128)
		in->at += pg_mblen(in->at - 1) - 1;
	put_character(c, &wide, &narrow);
	return one(in->inside ? narrow : wide);
}

/* {2}, {2,} or {2,5}, after its {; whether it may be none at all */
static bool
read_bounds(Reader *in)
{
	bool none = true;

	for (; in->at < in->end && is_digit(*in->at); in->at++)
		none &= *in->at == '0';
	while (in->at < in->end && *in->at != '}')
		in->at++;
	if (!next_is(in, "}"))
		in->unknown = true;
	in->wide = true;
	return none;
}

static Expression *
read_quantified(Reader *in)
{
	Expression *made = read_atom(in);

	if (next_is(in, "*"))
		made = node(STAR, made, NULL);
	else if (next_is(in, "+"))
		made = node(PLUS, made, NULL);
	else if (next_is(in, "?"))
		made = node(OPT, made, NULL);
	else if (in->end - in->at >= 2 && *in->at == '{' && is_digit(in->at[1]))
	{
		in->at++;
		made = node(read_bounds(in) ? STAR : PLUS, made, NULL);
	}
	else
		return made;
	next_is(in, "?"); /* of how much it takes nothing hangs on here */
	return made;
}

static Expression *
read_alternatives(Reader *in)
{
	Expression *all = NULL;

	check_stack_depth();
	do
	{
		Expression *branch = node(EMPTY, NULL, NULL);

		while (in->at < in->end && *in->at != '|' && *in->at != ')')
			branch = node(CAT, branch, read_quantified(in));
		all = all == NULL ? branch : node(ALT, all, branch);
	} while (next_is(in, "|"));
	return all;
}

/* ---- the program ---- */

static int
emit(Program *program, Op op, int x, int y)
{
	if (program->length == program->room)
	{
		program->room *= 2;
		program->code = repalloc(program->code, program->room * sizeof(Instruction));
	}
	program->code[program->length] = (Instruction){op, x, y};
	return program->length++;
}

/* There are few different ones. */
static int
number_of_set(Program *program, const Set *set)
{
	for (int k = 0; k < program->sets; k++)
		if (memcmp(&program->set[k], set, sizeof(Set)) == 0)
			return k;
	if (program->sets == program->room_for_sets)
	{
		program->room_for_sets *= 2;
		program->set = repalloc(program->set, program->room_for_sets * sizeof(Set));
	}
	program->set[program->sets] = *set;
	return program->sets++;
}

static void
emit_node(Program *program, const Expression *n, bool backwards)
{
	int first;
	int second;

	check_stack_depth();
	switch (n->kind)
	{
		case EMPTY:
			break;
		case ONE:
			emit(program, OP_SET, number_of_set(program, &n->set), 0);
			break;
		case CAT:
			emit_node(program, backwards ? n->right : n->left, backwards);
			emit_node(program, backwards ? n->left : n->right, backwards);
			break;
		case ALT:
			first = emit(program, OP_SPLIT, program->length + 1, 0);
			emit_node(program, n->left, backwards);
			second = emit(program, OP_JUMP, 0, 0);
			program->code[first].y = program->length;
			emit_node(program, n->right, backwards);
			program->code[second].x = program->length;
			break;
		case STAR:
			first = emit(program, OP_SPLIT, program->length + 1, 0);
			emit_node(program, n->left, backwards);
			emit(program, OP_JUMP, first, 0);
			program->code[first].y = program->length;
			break;
		case PLUS:
			first = program->length;
			emit_node(program, n->left, backwards);
			emit(program, OP_SPLIT, first, program->length + 1);
			break;
		case OPT:
			first = emit(program, OP_SPLIT, program->length + 1, 0);
			emit_node(program, n->left, backwards);
			program->code[first].y = program->length;
			break;
		case NOT_AHEAD:
		case NOT_BEHIND:
			first =
				emit(program, n->kind == NOT_AHEAD ? OP_AHEAD : OP_BEHIND, program->length + 1, 0);
			emit_node(program, n->left, n->kind == NOT_BEHIND);
			emit(program, OP_SUBMATCH, 0, 0);
			program->code[first].y = program->length;
			break;
	}
}

static void
make_places(Places *places, int length)
{
	places->place = palloc(length * sizeof(int));
	places->seen = palloc0(length * sizeof(uint32));
	places->now = 0;
	places->n = 0;
}

static void
clear_places(const Program *program, Places *places)
{
	places->n = 0;
	if (++places->now == 0)
	{
		memset(places->seen, 0, program->length * sizeof(uint32));
		places->now = 1;
	}
}

/* What a pattern may begin with, into starting. */
static void
find_starts(Program *program)
{
	Places *places = &program->here;
	int *stack = program->stack;
	bool *may = palloc(program->patterns * (SYMBOLS + 1));

	memset(may, 0, program->patterns * (SYMBOLS + 1));
	for (int k = 0; k < program->patterns; k++)
	{
		bool *with = may + k * (SYMBOLS + 1);
		int depth = 0;

		if (program->any[k])
			continue;
		clear_places(program, places);
		stack[depth++] = program->start[k];
		while (depth > 0)
		{
			int at = stack[--depth];
			const Instruction *i = &program->code[at];

			if (places->seen[at] == places->now)
				continue;
			places->seen[at] = places->now;
			if (i->op == OP_SET)
				for (int symbol = 0; symbol < SYMBOLS; symbol++)
					with[symbol] |= has(&program->set[i->x], symbol);
			else if (i->op == OP_MATCH)
				with[SYMBOLS] = true;
			else if (i->op == OP_SPLIT || i->op == OP_JUMP)
				stack[depth++] = i->x;
			if (i->op == OP_SPLIT || i->op == OP_AHEAD || i->op == OP_BEHIND)
				stack[depth++] = i->y;
		}
	}
	for (int symbol = 0; symbol <= SYMBOLS; symbol++)
	{
		program->starting[symbol] = palloc(Max(program->patterns, 1) * sizeof(int));
		program->n_starting[symbol] = 0;
		for (int k = 0; k < program->patterns; k++)
			if (may[k * (SYMBOLS + 1) + symbol] ||
				(symbol < SYMBOLS && may[k * (SYMBOLS + 1) + SYMBOLS]))
				program->starting[symbol][program->n_starting[symbol]++] = k;
	}
	pfree(may);
}

/* In the current context. */
static Program *
make_program(ArrayType *patterns)
{
	Program *program = palloc0(sizeof(Program));
	MemoryContext trees =
		AllocSetContextCreate(CurrentMemoryContext, "patterns", ALLOCSET_DEFAULT_SIZES);
	Datum *element;
	bool *null;
	int n;

	deconstruct_array(patterns, TEXTOID, -1, false, TYPALIGN_INT, &element, &null, &n);
	program->patterns = n;
	program->any = palloc0(n + 1);
	program->start = palloc0((n + 1) * sizeof(int));
	program->room = 1024;
	program->code = palloc(program->room * sizeof(Instruction));
	program->room_for_sets = 64;
	program->set = palloc(program->room_for_sets * sizeof(Set));
	for (int k = 0; k < n; k++)
	{
		MemoryContext before = MemoryContextSwitchTo(trees);
		Reader in = {NULL};
		Expression *tree = NULL;

		if (!null[k])
		{
			in.at = VARDATA_ANY(DatumGetPointer(element[k]));
			in.end = in.at + VARSIZE_ANY_EXHDR(DatumGetPointer(element[k]));
			tree = read_alternatives(&in);
			/* a ) without its fellow */
			if (in.at < in.end)
				in.unknown = true;
		}
		MemoryContextSwitchTo(before);
		program->start[k] = program->length;
		program->any[k] = in.unknown;
		if (tree != NULL && !in.unknown)
		{
			emit_node(program, tree, false);
			emit(program, OP_MATCH, k, 0);
		}
		else
			emit(program, OP_SUBMATCH, 0, 0); /* never begun */
		MemoryContextReset(trees);
	}
	MemoryContextDelete(trees);
	/* a place is left for at most two others */
	program->stack = palloc((2 * program->length + 1) * sizeof(int));
	program->sub_stack = palloc((2 * program->length + 1) * sizeof(int));
	make_places(&program->here, program->length + 1);
	make_places(&program->there, program->length + 1);
	make_places(&program->sub[0], program->length + 1);
	make_places(&program->sub[1], program->length + 1);
	find_starts(program);
	return program;
}

/* ---- the search ---- */

typedef struct Search
{
	Program *program;
	const uint8 *text; /* symbols */
	int length;
	bool *hit; /* of each pattern */
} Search;

static inline bool
is_word(const Search *search, int at)
{
	/* whether OTHER is part of a word is not known: then it ends there */
	return at >= 0 && at < search->length && search->text[at] != OTHER &&
		   is_alnum(search->text[at]);
}

static bool looks_like(Search *search, int start, int at, bool backwards);

/* A place and all that can be reached from it without a symbol. True: a lookaround has matched. */
static bool
add_place(Search *search, Places *places, int *stack, int start, int at)
{
	int depth = 0;

	stack[depth++] = start;
	while (depth > 0)
	{
		int place = stack[--depth];
		const Instruction *i = &search->program->code[place];

		if (places->seen[place] == places->now)
			continue;
		places->seen[place] = places->now;
		switch (i->op)
		{
			case OP_SET:
				places->place[places->n++] = place;
				break;
			case OP_SPLIT:
				stack[depth++] = i->y;
				stack[depth++] = i->x;
				break;
			case OP_JUMP:
				stack[depth++] = i->x;
				break;
			case OP_AHEAD:
			case OP_BEHIND:
				if (!looks_like(search, i->x, at, i->op == OP_BEHIND))
					stack[depth++] = i->y;
				break;
			case OP_MATCH:
				if (!is_word(search, at))
					search->hit[i->x] = true;
				break;
			case OP_SUBMATCH:
				return true;
		}
	}
	return false;
}

/* A lookaround's program, from a position onward or backward. */
static bool
looks_like(Search *search, int start, int at, bool backwards)
{
	Program *program = search->program;
	Places *here = &program->sub[0];
	Places *there = &program->sub[1];

	clear_places(program, here);
	if (add_place(search, here, program->sub_stack, start, at))
		return true;
	while (here->n > 0 && (backwards ? at > 0 : at < search->length))
	{
		int symbol = search->text[backwards ? at - 1 : at];
		Places *swap = here;

		at += backwards ? -1 : 1;
		clear_places(program, there);
		for (int k = 0; k < here->n; k++)
			if (has(&program->set[program->code[here->place[k]].x], symbol) &&
				add_place(search, there, program->sub_stack, here->place[k] + 1, at))
				return true;
		here = there;
		there = swap;
	}
	return false;
}

static void
find_hits(Search *search)
{
	Program *program = search->program;
	Places *here = &program->here;
	Places *there = &program->there;

	clear_places(program, here);
	for (int at = 0; at <= search->length; at++)
	{
		Places *swap = here;

		CHECK_FOR_INTERRUPTS();
		if (!is_word(search, at - 1))
		{
			int symbol = at < search->length ? search->text[at] : SYMBOLS;

			for (int k = 0; k < program->n_starting[symbol]; k++)
			{
				int pattern = program->starting[symbol][k];

				if (!search->hit[pattern])
					add_place(search, here, program->stack, program->start[pattern], at);
			}
		}
		if (at == search->length)
			break;
		clear_places(program, there);
		for (int k = 0; k < here->n; k++)
			if (has(&program->set[program->code[here->place[k]].x], search->text[at]))
				add_place(search, there, program->stack, here->place[k] + 1, at + 1);
		here = there;
		there = swap;
	}
}

/* The program of the patterns that were asked for last, which are mostly those asked for next. */
static Program *
cached_program(ArrayType *patterns)
{
	static MemoryContext context = NULL;
	static ArrayType *made_of = NULL;
	static Program *program = NULL;
	MemoryContext before;

	if (program != NULL && VARSIZE(made_of) == VARSIZE(patterns) &&
		memcmp(made_of, patterns, VARSIZE(patterns)) == 0)
		return program;
	program = NULL;
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "pql wording", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(context);
	before = MemoryContextSwitchTo(context);
	made_of = (ArrayType *) palloc(VARSIZE(patterns));
	memcpy(made_of, patterns, VARSIZE(patterns));
	program = make_program(made_of);
	MemoryContextSwitchTo(before);
	return program;
}

/*
 * pql.wording_hits(plain text, patterns text[]) → int[], strict: places in the array, from 1, of
 * the patterns that may match as whole words. plain is as pql.plain_wording gives it, in lower
 * case. A NULL pattern matches nothing. None: an empty array.
 */
PG_FUNCTION_INFO_V1(pql_wording_hits);
Datum
pql_wording_hits(PG_FUNCTION_ARGS)
{
	text *plain = PG_GETARG_TEXT_PP(0);
	Program *program = cached_program(PG_GETARG_ARRAYTYPE_P(1));
	const char *at = VARDATA_ANY(plain);
	const char *end = at + VARSIZE_ANY_EXHDR(plain);
	uint8 *symbols = palloc(end - at + 1);
	Search search = {program, symbols};
	Datum *found = palloc((program->patterns + 1) * sizeof(Datum));
	int n = 0;

	for (; at < end; at += pg_mblen(at))
	{
		unsigned char c = *at;

		symbols[search.length++] = c >= 128 ? OTHER : pg_ascii_tolower(c);
	}
	search.hit = palloc0(program->patterns + 1);
	find_hits(&search);
	for (int k = 0; k < program->patterns; k++)
		if (search.hit[k] || program->any[k])
			found[n++] = Int32GetDatum(k + 1);
	PG_RETURN_ARRAYTYPE_P(construct_array(found, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}
