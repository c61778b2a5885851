/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.h - Events (events.k8s.io/v1) about objects that are not served as written
 *
 * Every replica knows the problems. The leader reports each once, slowly, after it has lasted for a
 * moment: each kind of object has its own watch, so an Ingress may arrive before the Service that
 * was created first. The name of an Event depends on its content, so a new leader finds the Event
 * of the old one and raises its count.
 */
#ifndef SLUICE_KUBE_RECORDER_H
#define SLUICE_KUBE_RECORDER_H

#include <stdbool.h>

#include "base/loop.h"
#include "kube/api.h"
#include "kube/kube.h"

struct recorder;

#define RECORDER_NOTES_MAX   10000u /* known at the same time; more are not sent */
#define RECORDER_BURST       50u
#define RECORDER_INTERVAL_MS 100u     /* then ten a second */
#define RECORDER_SETTLE_MS   1000u    /* problems corrected within this time are not sent */
#define RECORDER_MEMORY_MS   3600000u /* the server's default lifetime of Events */
#define RECORDER_NOTE_BYTES  1024u    /* the server's limit */

/* @instance: copied; name of the reporter. */
int recorder_new(struct loop *loop, struct api *api, const char *instance, struct recorder **out);
void recorder_free(struct recorder *recorder); /* takes NULL */

void recorder_lead(struct recorder *recorder, bool leads);

/* As kube_event() and kube_event_clear(). */
void recorder_add(struct recorder *recorder, const struct kube_event *event);
void recorder_clear(struct recorder *recorder, const struct kube_event *event);

#endif /* SLUICE_KUBE_RECORDER_H */
