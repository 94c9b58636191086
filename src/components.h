/*
 * components.h: which nodes of a graph hang together.
 */
#ifndef PQL_COMPONENTS_H
#define PQL_COMPONENTS_H

/* Nodes are numbers, in any order and with any gaps. */
typedef struct PqlComponents PqlComponents;

/* Lives in the current memory context; an ERROR above so many bytes. */
extern PqlComponents *pql_components_new(Size most_bytes);

/* Two nodes are in one component; a node with itself is there alone. */
extern void pql_components_join(PqlComponents *c, int64 a, int64 b);

/* How many nodes there are, in the order in which they came; and of each, which number is the
 * smallest of its component. */
extern uint32 pql_components_count(const PqlComponents *c);
extern int64 pql_components_node(const PqlComponents *c, uint32 place);
extern int64 pql_components_representative(PqlComponents *c, uint32 place);

/* Bytes taken. */
extern Size pql_components_bytes(const PqlComponents *c);

#endif
