/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ADMIN_NAME_H
#define SLUICE_ADMIN_NAME_H

#define ADMIN_NAME_MAX 64

/**
 * admin_name - abstract name of the socket that sluicectl asks, without the leading NUL
 * @pin_folder: "<bpffs>/sluice/v2"; its FNV-1a 64 is in the name, as proxy/control.h has it
 * Return: length of the text in @name.
 */
int admin_name(const char *pin_folder, char name[ADMIN_NAME_MAX]);

#endif /* SLUICE_ADMIN_NAME_H */
