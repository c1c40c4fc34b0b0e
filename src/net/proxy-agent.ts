// A file of its own, loaded only where there is a proxy: it brings the whole of undici.
export { EnvHttpProxyAgent } from 'undici'
