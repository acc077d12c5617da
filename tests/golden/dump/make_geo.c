// SPDX-License-Identifier: GPL-2.0-or-later
/* Write the geo file that belongs to the ledger of make_ledger.c, as a geo worker would leave it.
 *
 * make_geo FILE [VARIANT]: known (default), version, magic, truncated, or a number: records for so
 * many addresses that make_ledger wrote beside the known ones. */
#include <arpa/inet.h>

#include "../../geo_image.h"

#define KNOWN         8u /* addresses of make_ledger.c */
#define STRINGS_BYTES 4096u

struct row {
	const char *address;
	unsigned int domain;
	const char *country, *country_name, *region, *city;
	unsigned int asn;
	const char *as_org, *name;
	unsigned int address_class;
};

/* In the order of make_ledger.c. The last one of it has no record: it is not looked up yet. */
static const struct row rows[] = {
	{ "192.0.2.1", 0, "DE", "Germany", "Hessen", "Frankfurt am Main", 64500, "Example Networks",
	  "", IPACCT_GEO_GLOBAL },
	/* what CSV and JSON must quote, what a table must cut, and text that would steer a terminal */
	{ "192.0.2.2", 0, "AT", "Austria", "", "Wien", 64501,
	  "\xc3\x96sterreichische \"Netz\", Gesellschaft mit beschr\xc3\xa4nkter Haftung",
	  "red \033[31m", IPACCT_GEO_GLOBAL },
	{ "198.51.100.7", 7, "", "", "", "", 0, "", "", IPACCT_GEO_PRIVATE },
	{ "198.51.100.7", 0, "DE", "", "", "", 64500, "", "customers", IPACCT_GEO_SHARED },
	{ "2001:db8::1", 0, "", "", "", "", 0, "", "", IPACCT_GEO_GLOBAL },
	{ "2001:db8:1234:5678:9abc:def0:1234:5678", 0, "US", "United States", "", "", 0, "", "",
	  IPACCT_GEO_GLOBAL },
	{ "203.0.113.9", 0, "DE", "Germany", "", "", 4200000000, "Private Use", "",
	  IPACCT_GEO_GLOBAL },
};

static void put(struct geo_image *image, unsigned int at, const struct row *row)
{
	struct ipacct_geo_record *record = &image->records[at];

	*record = (struct ipacct_geo_record){
		.sequence = 2,
		.key.domain = (__u16)row->domain,
		.address_class = (__u8)row->address_class,
		.asn = row->asn,
		.country_name = geo_image_text(image, row->country_name),
		.region = geo_image_text(image, row->region),
		.city = geo_image_text(image, row->city),
		.as_org = geo_image_text(image, row->as_org),
		.name = geo_image_text(image, row->name),
		.generation = 1,
	};
	memcpy(record->country, row->country, strlen(row->country));
	if (row->country[0] || row->asn)
		record->flags |= IPACCT_GEO_KNOWN;
	if (row->name[0])
		record->flags |= IPACCT_GEO_OVERRIDE;
	if (inet_pton(AF_INET, row->address, &record->key.addr_be[3]) == 1)
		record->key.addr_be[2] = htonl(0xffff); /* RFC 4291 2.5.5.2 */
	else if (inet_pton(AF_INET6, row->address, record->key.addr_be) != 1)
		abort();
}

/* Record i of the extra ones: one of four countries or none, one of a thousand AS or none; what has
 * neither is of one class after the other. */
static void put_extra(struct geo_image *image, unsigned int i)
{
	static const char *const countries[] = { "DE", "AT", "CH", "FR", "" };
	struct row row = { "10.0.0.0", .country = countries[i % 5], "", "", "", .as_org = "",
			   .name = "" };

	row.asn = i % 10 == 9 ? 0 : 64496 + i % 1000;
	if (i % 10 == 9)
		row.address_class = IPACCT_GEO_CLASSES - 1 - i / 10 % IPACCT_GEO_CLASSES;
	put(image, KNOWN + i, &row);
	image->records[KNOWN + i].key.addr_be[3] = htonl(0x0a000000u + i);
}

int main(int argc, char **argv)
{
	const char *variant = argc > 2 ? argv[2] : "known";
	unsigned int n_extra = (unsigned int)strtoul(variant, NULL, 10);
	struct geo_image image;
	int r;

	if (argc < 2)
		return 1;
	geo_image_init(&image, KNOWN + n_extra, STRINGS_BYTES);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put(&image, i, &rows[i]);
	for (unsigned int i = 0; i < n_extra; i++)
		put_extra(&image, i);
	if (!strcmp(variant, "version"))
		image.header->version++;
	if (!strcmp(variant, "magic"))
		image.header->magic++;
	r = geo_image_write(&image, argv[1]);
	if (!strcmp(variant, "truncated") && truncate(argv[1], (off_t)image.bytes - 1))
		r = -1;
	geo_image_finish(&image);
	return r ? 1 : 0;
}
