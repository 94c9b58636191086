/*
 * components.c: which nodes of a graph hang together, by union-find.
 *
 * Nodes are numbered in the order in which they come, and their parents are an array over that: 12
 * bytes a node, and 4 bytes for each slot of the hash table, of which there are 4/3 to 8/3 as many
 * as nodes. Edges take nothing. A root is the smallest number of its component, so that who
 * represents it does not depend on the order of edges; callers number nodes by preference.
 * Without union by rank, halving paths still bounds the work by O(log n) an edge.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "components.h"
#include "settings.h"

/* Nodes are kept in pieces, so that room for more needs no second copy of what is there. */
#define PIECE_BITS 12
#define PIECE_NODES (1 << PIECE_BITS)
#define PIECE_MASK (PIECE_NODES - 1)
#define MOST_PIECES (1 << (31 - PIECE_BITS))
#define NO_NODE PG_UINT32_MAX
#define LEAST_SLOTS 1024

typedef struct Piece
{
	int64 node[PIECE_NODES];
	uint32 parent[PIECE_NODES];
} Piece;

struct PqlComponents
{
	MemoryContext context;
	Size most_bytes;
	Size bytes;
	uint32 n;
	uint32 nslots; /* a power of two */
	uint32 *slot;  /* places of nodes, or NO_NODE */
	int npieces;
	int room; /* for pieces */
	Piece **piece;
};

static inline int64 *
node_at(const PqlComponents *c, uint32 place)
{
	return &c->piece[place >> PIECE_BITS]->node[place & PIECE_MASK];
}

static inline uint32 *
parent_at(const PqlComponents *c, uint32 place)
{
	return &c->piece[place >> PIECE_BITS]->parent[place & PIECE_MASK];
}

/* The finalizer of MurmurHash3: numbers in a row go anywhere. */
static inline uint32
hash_of(int64 node)
{
	uint64 h = (uint64) node;

	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	return (uint32) (h ^ (h >> 33));
}

static void
take_bytes(PqlComponents *c, Size bytes)
{
	if (c->bytes + bytes > c->most_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("components of %u nodes and more do not fit into pql.work_mem", c->n),
				 errdetail("The limit is %zu kB.", c->most_bytes / 1024),
				 errhint("Set pql.work_mem to 24 bytes for each node at least.")));
	c->bytes += bytes;
}

static void
make_slots(PqlComponents *c, uint32 nslots)
{
	/* places say all that is needed to fill a new table: the old one goes first */
	if (c->slot != NULL)
	{
		c->bytes -= (Size) c->nslots * sizeof(uint32);
		pfree(c->slot);
		c->slot = NULL;
	}
	take_bytes(c, (Size) nslots * sizeof(uint32));
	c->nslots = nslots;
	c->slot = MemoryContextAllocHuge(c->context, (Size) nslots * sizeof(uint32));
	memset(c->slot, 0xff, (Size) nslots * sizeof(uint32));
	for (uint32 i = 0; i < c->n; i++)
	{
		uint32 s = hash_of(*node_at(c, i)) & (nslots - 1);

		while (c->slot[s] != NO_NODE)
			s = (s + 1) & (nslots - 1);
		c->slot[s] = i;
		if ((i & PIECE_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

static void
make_room(PqlComponents *c)
{
	if (c->npieces == MOST_PIECES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("components of more than %u nodes", c->n)));
	take_bytes(c, sizeof(Piece));
	if (c->npieces == c->room)
	{
		c->room *= 2;
		c->piece = repalloc(c->piece, c->room * sizeof(Piece *));
	}
	c->piece[c->npieces++] = MemoryContextAllocHuge(c->context, sizeof(Piece));
}

PqlComponents *
pql_components_new(Size most_bytes)
{
	PqlComponents *c = palloc0(sizeof(PqlComponents));

	c->context = CurrentMemoryContext;
	c->most_bytes = most_bytes;
	c->room = 16;
	c->piece = palloc(c->room * sizeof(Piece *));
	make_slots(c, LEAST_SLOTS);
	return c;
}

static uint32
place_of(PqlComponents *c, int64 node)
{
	uint32 s = hash_of(node) & (c->nslots - 1);

	while (c->slot[s] != NO_NODE)
	{
		if (*node_at(c, c->slot[s]) == node)
			return c->slot[s];
		s = (s + 1) & (c->nslots - 1);
	}
	if ((uint64) (c->n + 1) * 4 > (uint64) c->nslots * 3)
	{
		make_slots(c, c->nslots * 2);
		return place_of(c, node);
	}
	if (c->n >> PIECE_BITS == c->npieces)
		make_room(c);
	*node_at(c, c->n) = node;
	*parent_at(c, c->n) = c->n;
	c->slot[s] = c->n;
	return c->n++;
}

static uint32
root_of(PqlComponents *c, uint32 place)
{
	for (;;)
	{
		uint32 *parent = parent_at(c, place);

		if (*parent == place)
			return place;
		*parent = *parent_at(c, *parent);
		place = *parent;
	}
}

void
pql_components_join(PqlComponents *c, int64 a, int64 b)
{
	uint32 x = root_of(c, place_of(c, a));
	uint32 y = root_of(c, place_of(c, b));

	if (x == y)
		return;
	if (*node_at(c, x) < *node_at(c, y))
		*parent_at(c, y) = x;
	else
		*parent_at(c, x) = y;
}

uint32
pql_components_count(const PqlComponents *c)
{
	return c->n;
}

int64
pql_components_node(const PqlComponents *c, uint32 place)
{
	Assert(place < c->n);
	return *node_at(c, place);
}

int64
pql_components_representative(PqlComponents *c, uint32 place)
{
	Assert(place < c->n);
	return *node_at(c, root_of(c, place));
}

Size
pql_components_bytes(const PqlComponents *c)
{
	return c->bytes;
}
