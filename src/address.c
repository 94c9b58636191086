/*
 * address.c: the parts of an e-mail address, and its one form.
 *
 * Two questions are asked of an address, and they are answered with different care. Whose domain is
 * it: whatever stands behind the last @ counts, for nobody is hurt when "Ada, ada@gmail.com" has a
 * personal domain. Which mailbox is it: that makes two records one person, so that anything odd
 * before the @ is no address at all.
 */
#include "postgres.h"

#include <idn2.h>

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

#include "address.h"

/* ---- parts of an address ---- */

/* RFC 5321, 4.5.3.1.1 */
#define MAX_LOCAL 64
#define MAX_LABEL 63
/* with a display name; what is longer is no address, and would be long work */
#define MAX_ADDRESS 10000
/* a host in Unicode: what is longer makes no 253 characters of A-labels */
#define MAX_UNICODE_HOST 1024

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void
pql_address_trim(const char **s, int *length)
{
	while (*length > 0 && is_blank((*s)[*length - 1]))
		(*length)--;
	for (; *length > 0 && is_blank(**s); (*s)++)
		(*length)--;
}

/* The address itself: "Ada <ada@x.org>", "<ada@x.org>", "mailto:ada@x.org" → ada@x.org. */
static void
bare(const char **s, int *length)
{
	static const char mailto[] = "mailto:";
	int start;

	pql_address_trim(s, length);
	if (*length > MAX_ADDRESS)
		*length = 0;
	if (*length > 0 && (*s)[*length - 1] == '>')
	{
		for (start = *length - 1; start > 0 && (*s)[start - 1] != '<'; start--)
			;
		if (start > 0)
		{
			*length -= start + 1;
			*s += start;
			pql_address_trim(s, length);
		}
	}
	if (*length >= sizeof(mailto) - 1 && pg_strncasecmp(*s, mailto, sizeof(mailto) - 1) == 0)
	{
		*s += sizeof(mailto) - 1;
		*length -= sizeof(mailto) - 1;
	}
}

/* Where the last @ stands; -1: nowhere. */
static int
last_at(const char *s, int length)
{
	while (--length >= 0 && s[length] != '@')
		;
	return length;
}

/* Lower case, palloc'd: ASCII letters in every locale alike, others as the database has them. */
char *
pql_address_lower(const char *s, int length, int *lower_length)
{
	bool ascii = true;
	char *copy = pnstrdup(s, length);

	for (char *p = copy; *p != '\0'; p++)
	{
		ascii &= !IS_HIGHBIT_SET(*p);
		*p = pg_ascii_tolower((unsigned char) *p);
	}
	if (!ascii)
		copy = str_tolower(copy, strlen(copy), DEFAULT_COLLATION_OID);
	*lower_length = strlen(copy);
	return copy;
}

/* ---- hosts ---- */

/*
 * Labels of letters, digits, hyphens inside and underscores (which some use, though they may not),
 * each of 1 to 63 characters, 253 together.
 */
static bool
is_host(const char *host, int length)
{
	int start = 0;

	if (length == 0 || length > PQL_HOST_SIZE - 2)
		return false;
	for (int i = 0; i <= length; i++)
	{
		char c = i < length ? host[i] : '.';

		if (c == '.')
		{
			if (i == start || i - start > MAX_LABEL || host[start] == '-' || host[i - 1] == '-')
				return false;
			start = i + 1;
		}
		else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

/* [192.0.2.1] and [IPv6:2001:db8::1]: an address can end so, though it has no domain then. */
static bool
is_literal(const char *host, int length)
{
	if (length < 3 || length > PQL_HOST_SIZE - 2 || host[0] != '[' || host[length - 1] != ']')
		return false;
	for (int i = 1; i < length - 1; i++)
		if (!((host[i] >= 'a' && host[i] <= 'z') || (host[i] >= '0' && host[i] <= '9') ||
			  host[i] == '.' || host[i] == ':' || host[i] == '-'))
			return false;
	return true;
}

/* No top-level domain is a number, so that this is an address of the internet protocol. */
bool
pql_host_is_number(const char *host, int length)
{
	int start = length;

	while (start > 0 && host[start - 1] != '.')
		start--;
	for (int i = start; i < length; i++)
		if (host[i] < '0' || host[i] > '9')
			return false;
	return true;
}

/* Text of the database as UTF-8, in `to` of MAX_UNICODE_HOST * 4 + 1; -1: it is none. */
static int
to_utf8(const char *s, int length, char *to)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		/* in SQL_ASCII a text can be anything */
		if (pg_encoding_verifymbstr(PG_UTF8, s, length) != length)
			return -1;
		memcpy(to, s, length);
		to[length] = '\0';
		return length;
	}
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion) ||
		pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, (unsigned char *) s, length,
									  (unsigned char *) to, MAX_UNICODE_HOST * 4 + 1,
									  true) != length)
		return -1;
	return strlen(to);
}

/* The dots that Unicode knows besides the full stop (UTS #46, 2.3), each of three bytes. */
static bool
is_wide_dot(const char *s)
{
	return memcmp(s, "\xE3\x80\x82", 3) == 0 || memcmp(s, "\xEF\xBC\x8E", 3) == 0 ||
		   memcmp(s, "\xEF\xBD\xA1", 3) == 0;
}

/*
 * A host with letters beyond ASCII, label by label, for what IDNA does not allow in one must not
 * hurt those that are ASCII anyway (r3---a.example is a host). What the mapping gives is looked at
 * by is_host again: some characters are mapped to a dot or a slash.
 */
static int
unicode_host(const char *s, int length, char *host)
{
	char utf8[MAX_UNICODE_HOST * 4 + 1];
	int n = 0;
	int end;

	if (length > MAX_UNICODE_HOST)
		return 0;
	length = to_utf8(s, length, utf8);
	if (length < 0)
		return 0;
	for (int start = 0; start < length; start = end)
	{
		char label[MAX_UNICODE_HOST * 4 + 1];
		char *mapped = NULL;
		int dot = 0;
		bool ascii = true;
		int size;

		for (end = start; end < length; end++)
		{
			dot = utf8[end] == '.' ? 1 : end + 3 <= length && is_wide_dot(utf8 + end) ? 3 : 0;
			if (dot > 0)
				break;
			ascii &= !IS_HIGHBIT_SET(utf8[end]);
		}
		memcpy(label, utf8 + start, end - start);
		label[end - start] = '\0';
		for (char *p = label; *p != '\0'; p++)
			*p = pg_ascii_tolower((unsigned char) *p);
		if (!ascii &&
			idn2_to_ascii_8z(label, &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return 0;
		size = strlen(mapped != NULL ? mapped : label);
		if (size > MAX_LABEL || n + size + 1 >= PQL_HOST_SIZE ||
			memchr(mapped != NULL ? mapped : label, '.', size) != NULL)
			size = -1;
		else
			memcpy(host + n, mapped != NULL ? mapped : label, size);
		if (mapped != NULL)
			idn2_free(mapped);
		if (size < 0)
			return 0;
		n += size;
		if (dot > 0)
			host[n++] = '.';
		end += dot;
	}
	return n;
}

/* The one form of a host, without blanks around it; its length, or 0 when it is none. */
int
pql_canonical_host(const char *s, int length, char *host)
{
	int n = 0;

	pql_address_trim(&s, &length);
	for (; n < length && n < PQL_HOST_SIZE - 1 && !IS_HIGHBIT_SET(s[n]); n++)
		host[n] = pg_ascii_tolower((unsigned char) s[n]);
	if (n < length)
	{
		if (!IS_HIGHBIT_SET(s[n]))
			return 0;
		n = unicode_host(s, length, host);
	}
	if (n > 0 && host[n - 1] == '.')
		n--;
	host[n] = '\0';
	return is_host(host, n) || is_literal(host, n) ? n : 0;
}

int
pql_email_host_of(const char *email, int length, char *host)
{
	int at;

	bare(&email, &length);
	at = last_at(email, length);
	if (at < 0 || (at + 1 < length && is_blank(email[at + 1])))
		return 0;
	return pql_canonical_host(email + at + 1, length - at - 1, host);
}

/* ---- whose mailbox ---- */

const char *
pql_email_plain(const char *s, int length, int *plain_length)
{
	bool plain = true;
	char *lowered;

	/* blanks, as btrim takes them */
	while (length > 0 && s[length - 1] == ' ')
		length--;
	for (; length > 0 && *s == ' '; s++)
		length--;
	for (int i = 0; i < length && plain; i++)
		plain = !IS_HIGHBIT_SET(s[i]) && !(s[i] >= 'A' && s[i] <= 'Z');
	*plain_length = length;
	if (plain)
		return s;
	lowered = str_tolower(s, length, DEFAULT_COLLATION_OID);
	*plain_length = strlen(lowered);
	return lowered;
}

const char *
pql_email_local_of(const char *email, int length, int *local_length)
{
	int at;

	bare(&email, &length);
	at = last_at(email, length);
	return at < 0 ? NULL : pql_address_lower(email, at, local_length);
}

/* Characters that a local part has only between quotes (RFC 5322, 3.2.3). */
static bool
is_special(char c)
{
	return (unsigned char) c <= ' ' || c == 0x7F || strchr("()<>[]:;@\\,\"", c) != NULL;
}

/*
 * Is this what may stand before the @? Dots may stand anywhere: some providers gave such addresses.
 * Quotes that nothing needs are taken off.
 */
static bool
take_local(const char **local, int *length)
{
	const char *s = *local;
	int n = *length;
	bool special = false;

	if (n == 0 || n > MAX_LOCAL)
		return false;
	if (s[0] != '"')
	{
		for (int i = 0; i < n; i++)
			special |= is_special(s[i]);
		return !special;
	}
	if (n < 3 || s[n - 1] != '"')
		return false;
	for (int i = 1; i < n - 1; i++)
	{
		special |= is_special(s[i]);
		if (s[i] == '"' || (s[i] == '\\' && ++i == n - 1))
			return false;
	}
	if (!special)
	{
		(*local)++;
		*length -= 2;
	}
	return true;
}

static bool
is_gmail(const char *host)
{
	return strcmp(host, "gmail.com") == 0 || strcmp(host, "googlemail.com") == 0;
}

/*
 * The local part in lower case, or NULL; its length, and that of what stands before a tag (the same
 * when there is none). What is between quotes has no tag.
 */
char *
pql_mailbox_of(const char *email, int length, int *local_length, int *base_length, char *host,
			   int *host_length)
{
	const char *local;
	char *lowered;
	char *plus;
	int at;

	bare(&email, &length);
	at = last_at(email, length);
	if (at < 1 || (at + 1 < length && is_blank(email[at + 1])))
		return NULL;
	*host_length = pql_canonical_host(email + at + 1, length - at - 1, host);
	local = email;
	length = at;
	if (*host_length == 0 || !take_local(&local, &length))
		return NULL;
	lowered = pql_address_lower(local, length, local_length);
	/* some letters are longer as small ones */
	if (*local_length > MAX_LOCAL)
		return NULL;
	plus = lowered[0] == '"' ? NULL : strchr(lowered, '+');
	*base_length = plus == NULL || plus == lowered ? *local_length : plus - lowered;
	return lowered;
}

const char *
pql_email_normal(const char *email, int length, int *normal_length)
{
	char host[PQL_HOST_SIZE];
	int host_length;
	int local_length;
	int base_length;
	char *local = pql_mailbox_of(email, length, &local_length, &base_length, host, &host_length);
	char *normal;
	int n = 0;

	if (local == NULL)
		return NULL;
	normal = palloc(base_length + 1 + PQL_HOST_SIZE);
	for (int i = 0; i < base_length; i++)
		if (local[i] != '.' || local[0] == '"' || !is_gmail(host))
			normal[n++] = local[i];
	if (n == 0)
		return NULL;
	normal[n++] = '@';
	strcpy(normal + n, is_gmail(host) ? "gmail.com" : host);
	*normal_length = strlen(normal);
	return normal;
}

/* ---- addresses that are nobody's ---- */

/* RFC 2606 and RFC 6761: nobody can have an address there. */
bool
pql_host_is_reserved(const char *host, int length)
{
	static const char *const names[] = {"test",        "invalid",     "example",    "localhost",
										"example.com", "example.net", "example.org"};

	for (int i = 0; i < lengthof(names); i++)
	{
		int n = strlen(names[i]);

		if (length >= n && strcmp(host + length - n, names[i]) == 0 &&
			(length == n || host[length - n - 1] == '.'))
			return true;
	}
	return false;
}

/* test, demo, or anything that ends in +test and digits */
bool
pql_local_is_test(const char *local, int length)
{
	if (strcmp(local, "test") == 0 || strcmp(local, "demo") == 0)
		return true;
	while (length > 0 && local[length - 1] >= '0' && local[length - 1] <= '9')
		length--;
	return length >= 5 && memcmp(local + length - 5, "+test", 5) == 0;
}
