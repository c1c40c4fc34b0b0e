// The part of docs/webhook.md that is made from the options of the injector's file.
import { kindOf } from '../../src/config/kinds.ts'
import { webhook } from '../../src/inject/webhook-settings.ts'
import { between, rowsOf } from './injection-page.ts'

/** The page with its table as it is now. Throws when the page has no place for it. */
export function withWebhookOptions(page: string): string {
  const rows = ['| option of `webhook` | default | |', '|---|---|---|', ...rowsOf('', kindOf(webhook).shape ?? {})]
  return between(page, 'webhook settings', rows.join('\n'))
}
