import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { parseBatch } from '../../../src/batch.ts'
import { redact } from '../../../src/processors/redact/redact.ts'
import { beside, factsOf } from '../../support/gpu-facts.ts'
import { host } from '../../support/host.ts'
import { request, span } from '../../support/otlp-bytes.ts'
import { enrichWith, plain, resourceOf, spansOf } from './support.ts'

test('nothing that enrich says of pods and GPUs looks like a secret to redact', () => {
  const startMs = 1_700_000_000_000
  const samples = [{ atMs: startMs - 1000, utilization: 0.5, memoryUsedBytes: 41_111_111_111, powerWatts: 699.97 }]
  const pod = {
    'k8s.pod.uid': '7a0a4a9c-3f6e-4c62-9a6a-0b9f6d1f7a55',
    'k8s.pod.name': 'dubbing-worker-7c9d8f6b5-x2v9q',
    'k8s.node.name': 'gke-gpu-pool-1-2f6c8a7d-kz4t',
    'container.id': '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'container.image.repo_digests': 'registry/worker@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'
  }
  const device = { serial: '1654422012345', pciBusId: '00000000:9B:00.0', driverVersion: '580.65.06' }
  const gpus = [{ uuid: 'GPU-5fd4f087-86f3-7a43-b711-4771313afc50', samples, device }]
  const enriched = enrichWith({}, factsOf(gpus, { pod: beside(pod) })).process(parseBatch('traces', request([span()])))!
  const redacted = redact.create(z.strictObject(redact.options).parse({}), host()).process(enriched)
  deepStrictEqual(resourceOf(redacted), resourceOf(enriched))
  deepStrictEqual(plain(spansOf(redacted)[0].attributes), plain(spansOf(enriched)[0].attributes))
})
