// SPDX-License-Identifier: GPL-2.0-or-later
/* Two threads, one number, no order: what the sanitizer must report, else its silence means nothing. */
#include <pthread.h>
#include <stdio.h>

static int number;

static void *add(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++)
		number++;
	return NULL;
}

int main(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, add, NULL))
			return 1;
	for (int i = 0; i < 2; i++)
		if (pthread_join(threads[i], NULL))
			return 1;
	printf("%d\n", number);
	return 0;
}
