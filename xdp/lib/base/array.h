/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays that grow. */
#ifndef IPACCT_BASE_ARRAY_H
#define IPACCT_BASE_ARRAY_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Give an array another number of elements; what is new is not set.
 * array:  the address of the pointer to it, which is NULL before the first time.
 * Returns 0 or -ENOMEM (nothing changed). */
static inline int array_resize(void *array, size_t element_bytes, size_t n)
{
	void *elements;

	memcpy(&elements, array, sizeof(elements)); /* a pointer of any type */
	elements = reallocarray(elements, n, element_bytes);
	if (!elements)
		return -ENOMEM;
	memcpy(array, &elements, sizeof(elements));
	return 0;
}

#endif
