/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sanitized.h - SANITIZED: built with AddressSanitizer, whichever compiler it was
 */
#ifndef SLUICE_SANITIZED_H
#define SLUICE_SANITIZED_H

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__has_feature) /* clang */
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif /* SLUICE_SANITIZED_H */
