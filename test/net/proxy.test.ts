import { deepStrictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { type ProxyChoice, proxiesOf } from '../../src/net/proxy.ts'

test('the proxy is the one that is named, or the environment’s, never for this machine', () => {
  const f = (choice: ProxyChoice, env: Record<string, string>, expected: readonly [string, string, string] | null): void => {
    const proxies = proxiesOf(choice, env)
    deepStrictEqual(proxies && [proxies.httpProxy, proxies.httpsProxy, proxies.noProxy], expected)
  }
  const local = 'localhost,127.0.0.1,[::1]'
  f('environment', {}, null)
  f('off', { HTTPS_PROXY: 'http://p' }, null)
  f('environment', { HTTPS_PROXY: 'http://p' }, ['', 'http://p', `,${local}`])
  f('environment', { HTTP_PROXY: 'http://p', HTTPS_PROXY: '' }, ['http://p', '', `,${local}`])
  f('environment', { HTTPS_PROXY: 'http://p', https_proxy: 'http://q', NO_PROXY: '.svc' }, ['', 'http://q', `.svc,${local}`])
  f('environment', { HTTPS_PROXY: 'http://p', NO_PROXY: '*' }, null)
  f('http://p', { NO_PROXY: '*' }, ['http://p', 'http://p', ''])
  f('environment', { HTTPS_PROXY: 'proxy:3128' }, ['', 'http://proxy:3128', `,${local}`])
  for (const proxy of ['socks5://p', 'http://', 'http://a b', 'ftp://user:hunter2@p']) {
    throws(
      () => proxiesOf('environment', { HTTP_PROXY: proxy }),
      ({ message }: Error) => message.startsWith('HTTP_PROXY: expected') && !message.includes('hunter2')
    )
  }
})
