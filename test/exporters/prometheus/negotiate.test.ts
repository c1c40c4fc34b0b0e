import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { negotiate } from '../../../src/exporters/prometheus/negotiate.ts'

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; escaping=underscores; charset=utf-8'

test('the format with the highest q that is spoken here is chosen', () => {
  const f = (accept: string, expected: string): void => strictEqual(negotiate(accept).contentType, expected)
  f('', TEXT)
  f('*/*', TEXT)
  f('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', TEXT)
  f('application/json', TEXT)
  f('text/plain', TEXT)
  f('text/plain;version=0.0.4', TEXT)
  f('text/plain;version=0.0.4;escaping=allow-utf-8', TEXT)
  f('text/plain; version=1.0.0; escaping=allow-utf-8', 'text/plain; version=1.0.0; escaping=allow-utf-8')
  f('text/plain; version=1.0.0', 'text/plain; version=1.0.0; escaping=underscores')
  f('application/openmetrics-text', OPEN_METRICS)
  f('application/openmetrics-text;version=1.0.0;charset=utf-8', OPEN_METRICS)
  f('application/openmetrics-text;version="1.0.0"', OPEN_METRICS)
  f(
    'APPLICATION/OpenMetrics-Text; Version=1.0.0; Escaping=dots',
    'application/openmetrics-text; version=1.0.0; escaping=dots; charset=utf-8'
  )
  f('application/openmetrics-text;version=0.0.1', 'application/openmetrics-text; version=0.0.1')
  f('application/openmetrics-text;version=2.0.0', TEXT)
  f('application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.3', TEXT)
  f('application/openmetrics-text;q=0,text/plain;q=0.1', TEXT)
  f('application/openmetrics-text;q=0', TEXT)
  f('application/openmetrics-text;escaping=backwards', OPEN_METRICS)
  f(',,;;q=;=,q', TEXT)
})

test('what Prometheus sends', () => {
  const f = (accept: string, expected: string): void => strictEqual(negotiate(accept).contentType, expected)
  f(
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    OPEN_METRICS
  )
  f(
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    'application/openmetrics-text; version=1.0.0; escaping=allow-utf-8; charset=utf-8'
  )
  // Native histograms are asked for first; the next best is taken.
  f(
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1',
    OPEN_METRICS
  )
})
