/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TABLE_POLICY_PREFIX_H
#define SLUICE_TABLE_POLICY_PREFIX_H

#define POLICY_PREFIX "sluice.dev/" /* of our annotations */

#endif /* SLUICE_TABLE_POLICY_PREFIX_H */
