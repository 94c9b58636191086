/*
 * address.h: the parts of an e-mail address, and its one form. Nothing here reads a table.
 */
#ifndef PQL_ADDRESS_H
#define PQL_ADDRESS_H

/* A domain is 253 characters at most; with its end, and a byte to spare. */
#define PQL_HOST_SIZE 255

/* ---- text ---- */

/* Takes blanks off both ends. */
extern void pql_address_trim(const char **s, int *length);
/* Lower case, palloc'd: ASCII letters in every locale alike, others as the database has them. */
extern char *pql_address_lower(const char *s, int length, int *lower_length);

/* ---- hosts ---- */

/* The one form of a host: lower case, A-labels, no dot at the end. Its length; 0: it is none. */
extern int pql_canonical_host(const char *s, int length, char *host);
/* The same of what stands behind the last @ of an address. */
extern int pql_email_host_of(const char *email, int length, char *host);
/* No top-level domain is a number, so that this is an address of the internet protocol. */
extern bool pql_host_is_number(const char *host, int length);
/* RFC 2606 and RFC 6761: nobody can have an address there. */
extern bool pql_host_is_reserved(const char *host, int length);

/* ---- mailboxes ---- */

/*
 * The local part in lower case, palloc'd, or NULL; its length, and that of what stands before a tag
 * (the same when there is none). What is between quotes has no tag.
 */
extern char *pql_mailbox_of(const char *email, int length, int *local_length, int *base_length,
							char *host, int *host_length);
/* The address without blanks around it, in lower case: as it came when it is so already. */
extern const char *pql_email_plain(const char *email, int length, int *plain_length);
/* What stands before the last @, in lower case; NULL when there is none. palloc'd. */
extern const char *pql_email_local_of(const char *email, int length, int *local_length);
/* pql.normal_email; NULL when it is no address of one mailbox. palloc'd. */
extern const char *pql_email_normal(const char *email, int length, int *normal_length);
/* test, demo, or anything that ends in +test and digits */
extern bool pql_local_is_test(const char *local, int length);

#endif
