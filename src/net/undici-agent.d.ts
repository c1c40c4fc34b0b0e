// The part of undici that sends requests, without fetch, WebSocket and the cache: 9 MB less of resident memory than the whole package.
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici'

  export default Agent
}
