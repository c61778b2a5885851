// SPDX-License-Identifier: Apache-2.0
#include "base/trim.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Read-only segments: a private page of them always equals the page of the file. */
static int drop_clean_segments(struct dl_phdr_info *object, size_t size, void *ctx)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)ctx;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t begin, end;

		if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
			continue;
		begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
		if (end > begin)
			madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

void trim_memory(void)
{
	malloc_trim(0);
	dl_iterate_phdr(drop_clean_segments, NULL);
}
