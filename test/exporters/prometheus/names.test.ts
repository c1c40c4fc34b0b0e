import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Escaping,
  escapeLabel,
  escapeMetric,
  type FamilyType,
  labelName,
  metricName,
  type Translation
} from '../../../src/exporters/prometheus/names.ts'

test('a metric is named after its unit and type', () => {
  const f = (name: string, unit: string, type: FamilyType, expected: string): void =>
    strictEqual(metricName(name, unit, type, 'underscores-with-suffixes').name, expected)
  f('http.server.request.duration', 's', 'histogram', 'http_server_request_duration_seconds')
  f('hw.gpu.memory.usage', 'By', 'gauge', 'hw_gpu_memory_usage_bytes')
  f('hw.errors', '{error}', 'counter', 'hw_errors_total')
  f('hw.gpu.utilization', '1', 'gauge', 'hw_gpu_utilization_ratio')
  f('cache.hits', '1', 'counter', 'cache_hits_total')
  f('disk.io', 'By/s', 'gauge', 'disk_io_bytes_per_second')
  f('disk.io.bytes', 'By/s', 'gauge', 'disk_io_bytes_per_second')
  f('disk.bytes_per_second', 'By/s', 'gauge', 'disk_bytes_per_second')
  f('requests', '{request}/s', 'gauge', 'requests_per_second')
  f('cpu.temperature', 'Cel', 'gauge', 'cpu_temperature_celsius')
  f('cpu.load', '%', 'gauge', 'cpu_load_percent')
  f('odd', 'light years', 'gauge', 'odd_light_years')
  f('a..b--c', '', 'gauge', 'a_b_c')
  f('1st', '', 'gauge', '_1st')
  f('größe', 'By', 'gauge', 'gr_e_bytes')
  f('...', '', 'gauge', '_')
  f('_total', '', 'counter', '_total_total')
  f('constructor', 'toString', 'gauge', 'constructor_toString')
})

test('a name that says its unit or type already stays as it is', () => {
  const f = (name: string, unit: string, type: FamilyType): void =>
    strictEqual(metricName(name, unit, type, 'underscores-with-suffixes').name, name)
  f('http_requests_total', '', 'counter')
  f('http_requests_total', '{request}', 'counter')
  f('http_requests_total', '1', 'counter')
  f('http_request_duration_seconds', 's', 'histogram')
  f('job_processing_duration_seconds', 's', 'histogram')
  f('model_inference_duration_seconds', 's', 'histogram')
  f('network_bytes_total', 'By', 'counter')
  f('seconds', 's', 'gauge')
})

test('each translation', () => {
  const f = (translation: Translation, expected: string, label: string): void => {
    strictEqual(metricName('foo.bar', 'By', 'counter', translation).name, expected)
    strictEqual(labelName('a.b', translation), label)
  }
  f('underscores-with-suffixes', 'foo_bar_bytes_total', 'a_b')
  f('underscores-without-suffixes', 'foo_bar', 'a_b')
  f('utf8-with-suffixes', 'foo.bar_bytes_total', 'a.b')
  f('none', 'foo.bar', 'a.b')
})

test('labels', () => {
  const f = (key: string, expected: string, utf8: string): void =>
    deepStrictEqual([labelName(key, 'underscores-with-suffixes'), labelName(key, 'none')], [expected, utf8])
  f('http.request.method', 'http_request_method', 'http.request.method')
  f('__name__', '_name_', 'key__name__')
  f('9lives', '_9lives', '9lives')
  f('a:b', 'a_b', 'a:b')
  f('', '_', '_')
})

test('escaping schemes', () => {
  const f = (escaping: Escaping, name: string, expected: string): void => strictEqual(escapeMetric(name, escaping), expected)
  f('underscores', 'foo.bar', 'foo_bar')
  f('underscores', '1foo', '_foo')
  f('underscores', 'föö', 'f__')
  f('allow-utf-8', 'foo.bär', 'foo.bär')
  f('dots', 'foo.bar_baz', 'foo_dot_bar__baz')
  f('dots', 'foo_bar', 'foo__bar')
  f('dots', 'foo-bar', 'foo_bar')
  f('values', 'foo_bar', 'foo_bar')
  f('values', 'foo.bar_baz', 'U__foo_2e_bar__baz')
  f('values', '😀', 'U___1f600_')
  f('underscores', 'a:b', 'a:b')
  strictEqual(escapeLabel('a:b', 'underscores'), 'a_b')
  // Two underscores in front are Prometheus's own.
  strictEqual(escapeLabel('_name_', 'dots'), 'key__name__')
})
